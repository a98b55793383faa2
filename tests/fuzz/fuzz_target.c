/* SPDX-License-Identifier: Apache-2.0 */
/* target.c: the whole input as a raw target. What is accepted has a path that begins with '/',
 * holds nothing that ends a line, and decodes to a path without NUL or dot segments. */
#include "target.h"

#include "fuzz.h"
#include "fuzz_lines.h"

static void
check_decoded(const char *path)
{
    fuzz_check(path[0] == '/');
    for (const char *at = path; *at != '\0';) {
        const size_t n = strcspn(++at, "/");

        fuzz_check(!(n == 1 && at[0] == '.') && !(n == 2 && at[0] == '.' && at[1] == '.'));
        at += n;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *raw = str_dup_n((const char *) bytes, n);
    struct buf decoded = BUF_INIT(TARGET_MAX_BYTES);
    struct target target;

    if (raw == NULL)
        return 0;
    if (target_split(raw, &target) == TARGET_OK) {
        fuzz_check(target.path_n >= 1 && target.path[0] == '/' && target.text[0] == '/');
        fuzz_check(strpbrk(raw, "\r\n\t #") == NULL);
        fuzz_check(memchr(target.path, '?', target.path_n) == NULL);
        if (target_decode(&target, &decoded, NULL) == MH_OK)
            check_decoded(buf_text(&decoded));
    }
    buf_done(&decoded);
    mem_free(raw);
    return 0;
}
