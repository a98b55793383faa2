/* SPDX-License-Identifier: Apache-2.0 */
/* coding.c: the input is gzip, and a Content-Encoding too. What comes out is bounded by its room.
 */
#include "coding.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DECODED (1u << 20)

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct gunzip *gunzip = gunzip_new();
    char *field = malloc(n + 1);
    const unsigned char *at = bytes;
    unsigned char out[999];
    size_t total = 0, got = sizeof(out), left = n;

    if (!gunzip || !field)
        abort();
    memcpy(field, bytes, n);
    field[n] = '\0';
    fuzz_check(coding_of(field) <= CODING_OTHER);
    while (total < MAX_DECODED && (left > 0 || got == sizeof(out))) {
        size_t before = left;

        if (gunzip_step(gunzip, &at, &left, out, sizeof(out), &got, NULL) != MH_OK)
            break;
        fuzz_check(got <= sizeof(out) && left <= before && at == bytes + (n - left));
        total += got;
        if (got == 0 && left == before)
            break;
    }
    gunzip_free(gunzip);
    free(field);
    return 0;
}
