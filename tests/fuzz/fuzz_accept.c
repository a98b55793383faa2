/* SPDX-License-Identifier: Apache-2.0 */
/* accept.c: the first line as Accept and as Accept-Encoding. What is chosen is available, and the
 * choice among all is also the choice when there is nothing else. */
#include "accept.h"

#include "fuzz.h"
#include "fuzz_lines.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    const char *field = fuzz_line(&lines, 0);

    (void) accept_wants_html(field); /* must only end, and read no further than the text */
    for (unsigned available = 0; available < 8; available++) {
        const enum accept_encoding chosen = accept_encoding_choose(field, available);

        if (chosen == ACCEPT_IDENTITY)
            continue;
        fuzz_check((available & ACCEPT_HAS(chosen)) != 0);
        fuzz_check(accept_encoding_choose(field, ACCEPT_HAS(chosen)) == chosen);
    }
    fuzz_lines_done(&lines);
    return 0;
}
