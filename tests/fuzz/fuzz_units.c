/* SPDX-License-Identifier: Apache-2.0 */
/* units.c: what is read is written in its exact form and read back as the same value. */
#include "fuzz.h"
#include "mem.h"
#include "units.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = str_dup_n((const char *) bytes, n);
    char exact[UNIT_TEXT_SIZE];
    uint64_t value;
    uint64_t again;

    fuzz_check(text != NULL);
    if (uint_parse(text, UINT64_MAX, &value))
        fuzz_check(size_parse(text, &again) && again == value);
    if (size_parse(text, &value)) {
        fuzz_check(size_parse(size_exact(value, exact), &again) && again == value);
        fuzz_check(strlen(size_format(value, exact)) > 0);
    }
    if (duration_parse(text, &value)) {
        fuzz_check(duration_parse(duration_exact(value, exact), &again) && again == value);
        fuzz_check(strlen(duration_format(value, exact)) > 0);
    }
    if (n >= sizeof(value)) {
        memcpy(&value, bytes, sizeof(value));
        fuzz_check(size_parse(size_exact(value, exact), &again) && again == value);
        fuzz_check(duration_parse(duration_exact(value, exact), &again) && again == value);
    }
    mem_free(text);
    return 0;
}
