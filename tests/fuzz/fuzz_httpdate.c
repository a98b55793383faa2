/* SPDX-License-Identifier: Apache-2.0 */
/* httpdate.c: a date that is read is written in the one form that is sent, and read back the same;
 * so is any number of seconds within the years 1 to 9999. */
#include "fuzz.h"
#include "httpdate.h"
#include "mem.h"

#include <string.h>

static void
check_round_trip(int64_t s)
{
    char text[HTTPDATE_SIZE];
    int64_t again;

    fuzz_check(strlen(httpdate_format(s, text)) == 29);
    fuzz_check(httpdate_parse(text, 0, &again));
    if (s >= -62135596800 && s <= 253402300799)
        fuzz_check(again == s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = str_dup_n((const char *) bytes, n);
    int64_t s;

    fuzz_check(text != NULL);
    if (httpdate_parse(text, 1795000000, &s))
        check_round_trip(s);
    if (n >= sizeof(s)) {
        memcpy(&s, bytes, sizeof(s));
        check_round_trip(s);
    }
    mem_free(text);
    return 0;
}
