/* SPDX-License-Identifier: Apache-2.0 */
/* mime.c: the first line as a path, the second as a Content-Type. */
#include "mime.h"

#include "fuzz.h"
#include "fuzz_lines.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    const char *found = mime_find(fuzz_line(&lines, 0));
    const char *sure = mime_of(fuzz_line(&lines, 0));

    fuzz_check(sure != NULL && (found == NULL || strcmp(found, sure) == 0));
    (void) mime_is_text(fuzz_line(&lines, 1)); /* must only end */
    fuzz_lines_done(&lines);
    return 0;
}
