/* SPDX-License-Identifier: Apache-2.0 */
/* urlpath.c: a path that is taken has no dot segment, NUL, backslash or control byte once decoded,
 * in whatever way the slashes are counted; encoding it and decoding again changes nothing. */
#include "fuzz.h"
#include "urlpath.h"

#include <string.h>

/* Undo the two escapes that a decoded path may hold. */
static void
undo_escapes(const char *decoded, struct buf *plain)
{
    for (const char *p = decoded; *p != '\0'; p++) {
        if (*p != '%') {
            buf_add_char(plain, *p);
            continue;
        }
        fuzz_check(strncmp(p, "%2F", 3) == 0 || strncmp(p, "%25", 3) == 0);
        buf_add_char(plain, p[2] == 'F' ? '/' : '%');
        p += 2;
    }
}

static void
check_segments(const char *plain, enum urlpath_verdict verdict)
{
    for (const char *at = plain + 1;; at++) {
        size_t n = strcspn(at, "/");
        bool is_dotfile = n > 0 && *at == '.' && !(n == 11 && memcmp(at, ".well-known", 11) == 0);

        fuzz_check(!(n == 1 && at[0] == '.') && !(n == 2 && at[0] == '.' && at[1] == '.'));
        fuzz_check(!is_dotfile || verdict == URLPATH_DOTFILE);
        at += n;
        if (*at == '\0')
            return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct buf decoded = BUF_INIT(1u << 20);
    struct buf plain = BUF_INIT(1u << 20);
    struct buf encoded = BUF_INIT(1u << 22);
    struct buf again = BUF_INIT(1u << 20);
    enum urlpath_verdict verdict = urlpath_decode((const char *) bytes, n, &decoded);

    fuzz_check(urlpath_decode((const char *) bytes, n, NULL) == verdict);
    fuzz_check(strlen(urlpath_verdict_text(verdict)) > 0);
    if (n < 1u << 18 && (verdict == URLPATH_OK || verdict == URLPATH_DOTFILE)) {
        fuzz_check(buf_is_ok(&decoded) && strlen(buf_text(&decoded)) == decoded.length);
        for (const char *p = buf_text(&decoded); *p != '\0'; p++)
            fuzz_check((uint8_t) *p >= 0x20 && *p != 0x7F && *p != '\\');
        undo_escapes(buf_text(&decoded), &plain);
        check_segments(buf_text(&plain), verdict);

        /* Without escaped slashes, encoding is the inverse. */
        if (strstr(buf_text(&decoded), "%2F") == NULL) {
            urlpath_encode(&encoded, buf_text(&plain), plain.length);
            fuzz_check(urlpath_length(buf_text(&encoded)) == encoded.length);
            fuzz_check(urlpath_decode(buf_text(&encoded), encoded.length, &again) == verdict);
            fuzz_check(strcmp(buf_text(&again), buf_text(&decoded)) == 0);
        }
    }
    buf_done(&decoded);
    buf_done(&plain);
    buf_done(&encoded);
    buf_done(&again);
    return 0;
}
