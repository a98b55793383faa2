/* SPDX-License-Identifier: Apache-2.0 */
#include "httpdate.h"
#include "unit.h"

#include <time.h>

#define NOW_2026 1795000000 /* November 2026 */

static void
parses_the_three_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t wanted; /* -1: refused */
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second */
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        /* The day's name is not held against the date. */
        {"Mon, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Xyz, 06 Nov 1994 08:49:37 GMT", -1},
        {"Thu, 29 Feb 2023 00:00:00 GMT", -1},
        {"Thu, 29 Feb 1900 00:00:00 GMT", -1},
        {"Sun, 31 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:60:37 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:61 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37", -1},
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
        {" Sun, 06 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 nov 1994 08:49:37 GMT", -1},
        {"Sun, 06-Nov-94 08:49:37 GMT", -1},
        {"Sunday, 06 Nov 1994 08:49:37 GMT", -1},
        {"Sun Nov 06 08:49:37 1994 ", -1},
        {"Sun Nov   6 08:49:37 1994", -1},
        {"Sun, 06 Nov -994 08:49:37 GMT", -1},
        {"1994-11-06T08:49:37Z", -1},
        {"784111777", -1},
        {"Sun", -1},
        {"", -1},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = -1;

        CHECK(rows[i].text, httpdate_parse(rows[i].text, NOW_2026, &got) == (rows[i].wanted != -1));
        CHECK(rows[i].text, got == rows[i].wanted);
    }
}

static void
cut_anywhere_is_refused(void **state)
{
    static const char *const whole[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };

    (void) state;
    for (size_t i = 0; i < COUNT(whole); i++)
        for (size_t n = 0; n < strlen(whole[i]); n++) {
            /* On the heap and of its own length, so that reading beyond the end is seen. */
            char *text = strndup(whole[i], n);
            int64_t got;

            assert_false(httpdate_parse(text, NOW_2026, &got));
            free(text);
        }
}

static int64_t
at(int year, int month, int day)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

    return timegm(&tm);
}

static void
two_digit_years(void **state)
{
    const struct {
        const char *text;
        int64_t now;
        int wanted_year;
    } rows[] = {
        {"Sunday, 15-Jun-94 00:00:00 GMT", at(2026, 6, 15), 1994},
        {"Sunday, 15-Jun-26 00:00:00 GMT", at(2026, 6, 15), 2026},
        {"Sunday, 15-Jun-30 00:00:00 GMT", at(2026, 6, 15), 2030},
        {"Sunday, 15-Jun-76 00:00:00 GMT", at(2026, 6, 15), 2076}, /* 50 years: not more than */
        {"Sunday, 16-Jun-76 00:00:00 GMT", at(2026, 6, 15), 1976},
        {"Sunday, 15-Jun-77 00:00:00 GMT", at(2026, 6, 15), 1977},
        {"Sunday, 15-Jun-01 00:00:00 GMT", at(2099, 6, 15), 2101},
        {"Sunday, 15-Jun-94 00:00:00 GMT", at(1994, 1, 1), 1994},
        {"Sunday, 15-Jun-00 00:00:00 GMT", at(1994, 1, 1), 2000},
        {"Sunday, 15-Jun-00 00:00:00 GMT", at(2049, 12, 1), 2000},
        {"Sunday, 15-Jun-00 00:00:00 GMT", at(2050, 12, 1), 2100},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = 0;
        int day = rows[i].text[9] - '0' + 10;

        CHECK(rows[i].text, httpdate_parse(rows[i].text, rows[i].now, &got));
        if (got != at(rows[i].wanted_year, 6, day))
            fail_msg("row %zu: got %lld", i, (long long) got);
    }
}

static void
formats(void **state)
{
    static const struct {
        int64_t s;
        const char *wanted;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {253402300800, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-62135596800, "Mon, 01 Jan 0001 00:00:00 GMT"},
        {INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT"},
    };
    char text[HTTPDATE_SIZE];

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_TEXT(rows[i].wanted, httpdate_format(rows[i].s, text), rows[i].wanted);
}

static void
agrees_with_the_c_library(void **state)
{
    uint64_t seed = test_seed();

    (void) state;
    for (int i = 0; i < 20000; i++) {
        int64_t s = (int64_t) (test_random(&seed) % UINT64_C(315537897600)) - 62135596800;
        time_t t = (time_t) s;
        struct tm tm;
        char wanted[64];
        char text[HTTPDATE_SIZE];
        int64_t back = 0;

        assert_non_null(gmtime_r(&t, &tm));
        /* In the C locale that tests run in. strftime's %Y has no leading zeros. */
        assert_true(strftime(wanted, sizeof(wanted), "%a, %d %b ", &tm) > 0);
        size_t n = strlen(wanted);
        assert_true(snprintf(wanted + n, sizeof(wanted) - n, "%04d %02d:%02d:%02d GMT",
                             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec) > 0);
        assert_string_equal(httpdate_format(s, text), wanted);
        assert_true(httpdate_parse(text, NOW_2026, &back));
        assert_true(back == s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_three_forms),    cmocka_unit_test(cut_anywhere_is_refused),
        cmocka_unit_test(two_digit_years),           cmocka_unit_test(formats),
        cmocka_unit_test(agrees_with_the_c_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
