/* SPDX-License-Identifier: Apache-2.0 */
#include "json_number.h"
#include "unit.h"

#include <math.h>

#define FINE      NULL
#define TOO_LARGE "a number that is too large for a double"
#define LACKS     "a number that lacks a digit"
#define LEADING   "a number with a leading zero"

/* What is wrong with a text; sets *ret_taken to how much of it was taken. */
static const char *
problem_of(const char *text, size_t *ret_taken)
{
    struct json_number number;
    size_t n = 0;

    json_number_begin(&number);
    while (text[n] != '\0' && json_number_take(&number, (uint8_t) text[n]))
        n++;
    *ret_taken = n;
    return json_number_problem(&number);
}

static void
grammar_and_size(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
        size_t taken; /* 0: all */
    } rows[] = {
        {"0", FINE, 0},
        {"-0", FINE, 0},
        {"7", FINE, 0},
        {"-120", FINE, 0},
        {"0.5", FINE, 0},
        {"10.050", FINE, 0},
        {"1e5", FINE, 0},
        {"1E+05", FINE, 0},
        {"0e-00", FINE, 0},
        {"12.5e-300", FINE, 0},
        {"1e-400", FINE, 0}, /* zero, in a double */
        {"0e999999999999999999999", FINE, 0},
        {"0.000e400", FINE, 0},
        {"1e-999999999999999999999999", FINE, 0},
        {"1.7976931348623157e308", FINE, 0},
        {"-1.7976931348623157e308", FINE, 0},
        {"17976931348623157e292", FINE, 0},
        {"0.00017976931348623157e312", FINE, 0},
        {"1.7976931348623158e308", FINE, 0}, /* rounds down */
        {"1.7976931348623159e308", TOO_LARGE, 0},
        {"-1.8e308", TOO_LARGE, 0},
        {"1e309", TOO_LARGE, 0},
        {"1e99999999999999999999", TOO_LARGE, 0},
        {"0.0000000001e319", TOO_LARGE, 0},
        {"", LACKS, 0},
        {"-", LACKS, 0},
        {"1.", LACKS, 0},
        {"1e", LACKS, 0},
        {"1e-", LACKS, 0},
        {"-.5", LACKS, 1},
        {"1.e5", LACKS, 2},
        {"00", LEADING, 2},
        {"-01.5", LEADING, 3},
        {"1,", FINE, 1},
        {"1.5.5", FINE, 3},
        {"1e5e5", FINE, 3},
        {"1-1", FINE, 1},
        {"0x10", FINE, 1},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t taken;
        const char *problem = problem_of(rows[i].text, &taken);

        CHECK_TEXT(rows[i].text, problem == NULL ? "" : problem,
                   rows[i].problem == NULL ? "" : rows[i].problem);
        CHECK(rows[i].text, taken == (rows[i].taken == 0 ? strlen(rows[i].text) : rows[i].taken));
    }
}

static void
longer_than_any_buffer(void **state)
{
    char text[5000] = "";
    size_t taken;

    (void) state;
    memset(text, '9', 308);
    assert_null(problem_of(text, &taken));
    text[308] = '9';
    assert_string_equal(problem_of(text, &taken), TOO_LARGE);
    memcpy(text + 309, "e-1", sizeof("e-1"));
    assert_null(problem_of(text, &taken));

    memset(text, '0', sizeof(text) - 1);
    text[1] = '.';
    memcpy(text + 4000, "1e4307", 7); /* 1 is digit 3999 after the point: 1e308 */
    assert_null(problem_of(text, &taken));
    memcpy(text + 4000, "1e4308", 7);
    assert_string_equal(problem_of(text, &taken), TOO_LARGE);
}

/* strtod on the whole text is the judge. */
static void
agrees_with_strtod(void **state)
{
    uint64_t seed = test_seed();

    (void) state;
    for (int i = 0; i < 20000; i++) {
        char text[128];
        size_t taken;
        uint64_t digits = test_random(&seed) >> (test_random(&seed) % 60);
        int zeros = (int) (test_random(&seed) % 5);
        int exponent = (int) (test_random(&seed) % 40) + 280;

        assert_true(snprintf(text, sizeof(text), "%llu.%0*llue%d", (unsigned long long) digits,
                             zeros + 1, (unsigned long long) (digits % 10), exponent) > 0);

        bool is_fine = problem_of(text, &taken) == NULL;

        CHECK(text, is_fine == !isinf(strtod(text, NULL)));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar_and_size),
        cmocka_unit_test(longer_than_any_buffer),
        cmocka_unit_test(agrees_with_strtod),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
