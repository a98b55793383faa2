/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers that it wants, and a few helpers.
 *
 * A test is one executable per module, named test_<module>.c, whose cases are tables where they can
 * be. Random ones take their seed from MODELHOST_TEST_SEED and print it. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h comes last: it needs all of the above. */
#include <cmocka.h>

/* base/fault.h has a fail() of its own: fail_msg() does without cmocka's. */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error("ERROR: " __VA_ARGS__);                                                        \
        print_error("\n");                                                                         \
        _fail(__FILE__, __LINE__);                                                                 \
    } while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fail with the table's row: CHECK(row.input, got == row.wanted). */
#define CHECK(row, condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("case \"%s\": %s", (row), #condition);                                        \
    } while (0)

/* Like assert_string_equal(), with the table's row. */
#define CHECK_TEXT(row, got, wanted)                                                               \
    do {                                                                                           \
        if (strcmp((got), (wanted)) != 0)                                                          \
            fail_msg("case \"%s\": got \"%s\", wanted \"%s\"", (row), (got), (wanted));            \
    } while (0)

/* A small random generator (xorshift64*), the same everywhere. */
static inline uint64_t
test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* The seed of this run, never 0; printed, so that a failure can be had again. */
static inline uint64_t
test_seed(void)
{
    const char *given = getenv("MODELHOST_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : UINT64_C(20240229);

    print_message("MODELHOST_TEST_SEED=%llu\n", (unsigned long long) seed);
    return seed == 0 ? 1 : seed;
}

/* An empty directory of our own, removed with all that is in it by test_dir_remove(). */
static inline char *
test_dir_make(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;

    assert_true(asprintf(&path, "%s/modelhost-test-XXXXXX", base != NULL ? base : "/tmp") > 0);
    assert_non_null(mkdtemp(path));
    return path;
}

void test_dir_remove(char *path); /* unit.c; frees the path */

#endif
