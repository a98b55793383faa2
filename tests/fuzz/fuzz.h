/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target includes. A target is one file, fuzz_<name>.c, with seeds in
 * corpus/<name>/. It is built twice: for libFuzzer (-Dfuzzers=true, clang), and with fuzz_main.c,
 * so that the corpus is replayed by every run of the tests. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* What must hold for every input. Not assert(): it holds in every build. */
static inline void
fuzz_check(bool holds)
{
    if (!holds)
        abort();
}

#endif
