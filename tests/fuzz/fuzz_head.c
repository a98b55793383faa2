/* SPDX-License-Identifier: Apache-2.0 */
/* head.c: lines in turn as names and values. A head is never trusted more for one field more of its
 * framing, and only one Transfer-Encoding is taken: chunked. */
#include "head.h"

#include "fuzz.h"
#include "fuzz_lines.h"

#include <string.h>
#include <strings.h>

#define FIELDS_MAX 32

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    struct head_facts facts = HEAD_FACTS_INIT;
    bool has_other = false;

    for (size_t i = 0; i < FIELDS_MAX && fuzz_line(&lines, 2 * i + 1) != NULL; i++) {
        const char *name = fuzz_line(&lines, 2 * i);
        const char *value = fuzz_line(&lines, 2 * i + 1);

        head_see(&facts, name, strlen(name), value, strlen(value));
        if (strcasecmp(name, "Transfer-Encoding") == 0 && strcasecmp(value, "chunked") != 0)
            has_other = true;
    }
    if (head_distrust(&facts, false) == NULL) {
        fuzz_check(facts.hosts == 1 && facts.encodings <= 1);
        fuzz_check(facts.encodings == 0 || facts.lengths == 0);
        fuzz_check(has_other == facts.has_strange_encoding);
    }
    head_see(&facts, "Host", 4, "one more", 8);
    head_see(&facts, "Host", 4, "another", 7);
    fuzz_check(head_distrust(&facts, true) != NULL);
    fuzz_lines_done(&lines);
    return 0;
}
