/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "units.h"

#define BAD UINT64_MAX /* in a table: refused */

struct row {
    const char *text;
    uint64_t wanted;
};

static void
check_rows(const struct row *rows, size_t count, bool (*parse)(const char *text, uint64_t *ret))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t got = BAD;
        bool is_ok = parse(rows[i].text, &got);

        CHECK(rows[i].text, is_ok == (rows[i].wanted != BAD));
        CHECK(rows[i].text, got == rows[i].wanted);
    }
}

static void
numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool is_ok;
        uint64_t wanted;
    } rows[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"00065535", 65535, true, 65535},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"", UINT64_MAX, false, 0},
        {" 1", UINT64_MAX, false, 0},
        {"1 ", UINT64_MAX, false, 0},
        {"+1", UINT64_MAX, false, 0},
        {"-1", UINT64_MAX, false, 0},
        {"0x10", UINT64_MAX, false, 0},
        {"1\xB2", UINT64_MAX, false, 0},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t got = 77;

        CHECK(rows[i].text, uint_parse(rows[i].text, rows[i].max, &got) == rows[i].is_ok);
        CHECK(rows[i].text, got == (rows[i].is_ok ? rows[i].wanted : 77));
    }

    uint64_t got = 0;

    assert_true(uint_parse_n("1234", 2, 100, &got));
    assert_int_equal(got, 12);
    assert_false(uint_parse_n("1234", 0, 100, &got));
}

static void
sizes(void **state)
{
    static const struct row rows[] = {
        {"0", 0},
        {"512", 512},
        {"512B", 512},
        {"8KiB", 8192},
        {"8K", 8192},
        {"8 KB", 8192},
        {"8\tkib", 8192},
        {"64MiB", 64 << 20},
        {"1M", 1 << 20},
        {"1MB", 1 << 20},
        {"20GiB", UINT64_C(20) << 30},
        {"20 g", UINT64_C(20) << 30},
        {"2TiB", UINT64_C(2) << 40},
        {"15EiB", UINT64_C(15) << 60},
        {"16EiB", BAD},
        {"17179869183GiB", UINT64_C(17179869183) << 30},
        {"17179869184GiB", BAD},
        {"18446744073709551616", BAD},
        {"", BAD},
        {"KiB", BAD},
        {"-1", BAD},
        {"1.5GiB", BAD},
        {"8KiBx", BAD},
        {"8 ", BAD},
        {" 8", BAD},
        {"8X", BAD},
        {"8KiB ", BAD},
        {"1O", BAD},
    };

    (void) state;
    check_rows(rows, COUNT(rows), size_parse);
}

static void
durations(void **state)
{
    static const struct row rows[] = {
        {"0", 0},
        {"0s", 0},
        {"500ms", 500},
        {"10s", 10000},
        {"10 s", 10000},
        {"10S", 10000},
        {"5m", 300000},
        {"2h", 7200000},
        {"1d", 86400000},
        {"213503982334d", UINT64_C(213503982334) * 86400000},
        {"213503982335d", BAD},
        {"10", BAD},
        {"00", BAD},
        {"", BAD},
        {"s", BAD},
        {"1h30m", BAD},
        {"-1s", BAD},
        {"1.5s", BAD},
        {"1 w", BAD},
        {"1s ", BAD},
    };

    (void) state;
    check_rows(rows, COUNT(rows), duration_parse);
}

static void
exact_forms(void **state)
{
    static const struct row sizes_[] = {
        {"0", 0},
        {"1", 1},
        {"1000", 1000},
        {"1KiB", 1024},
        {"1025", 1025},
        {"1536KiB", 1536 << 10},
        {"64MiB", 64 << 20},
        {"20GiB", UINT64_C(20) << 30},
        {"15EiB", UINT64_C(15) << 60},
    };
    static const struct row durations_[] = {
        {"0", 0},       {"1ms", 1},       {"1500ms", 1500}, {"90s", 90000},
        {"5m", 300000}, {"90m", 5400000}, {"1d", 86400000}, {"36h", 129600000},
    };
    char text[UNIT_TEXT_SIZE];

    (void) state;
    for (size_t i = 0; i < COUNT(sizes_); i++)
        CHECK_TEXT(sizes_[i].text, size_exact(sizes_[i].wanted, text), sizes_[i].text);
    for (size_t i = 0; i < COUNT(durations_); i++)
        CHECK_TEXT(durations_[i].text, duration_exact(durations_[i].wanted, text),
                   durations_[i].text);
}

static void
exact_forms_read_back(void **state)
{
    uint64_t seed = test_seed();
    char text[UNIT_TEXT_SIZE];

    (void) state;
    for (int i = 0; i < 20000; i++) {
        uint64_t value = test_random(&seed) >> (test_random(&seed) % 64);
        uint64_t got = 0;

        assert_true(size_parse(size_exact(value, text), &got));
        assert_true(got == value);
        assert_true(duration_parse(duration_exact(value, text), &got));
        assert_true(got == value);
    }
}

static void
for_people(void **state)
{
    static const struct row sizes_[] = {
        {"0 B", 0},
        {"1023 B", 1023},
        {"1.0 KiB", 1024},
        {"1.5 KiB", 1536},
        {"99.9 KiB", 102298},
        {"100 KiB", 102400},
        {"1023 KiB", 1023 * 1024},
        {"1023 KiB", 1048063},
        {"1.0 MiB", 1048064}, /* not "1024 KiB" */
        {"1.0 MiB", 1048575},
        {"4.0 MiB", 4194304},
        {"91.3 MiB", 95745472},
        {"16.0 EiB", UINT64_MAX},
    };
    static const struct row durations_[] = {
        {"0 ms", 0},
        {"450 ms", 450},
        {"1 s", 1000},
        {"12 s", 12345},
        {"1 min 0 s", 59999},
        {"3 min 20 s", 200000},
        {"1 h 5 min", 3900000},
        {"2 d 3 h", 183600000},
    };
    char text[UNIT_TEXT_SIZE];

    (void) state;
    for (size_t i = 0; i < COUNT(sizes_); i++)
        CHECK_TEXT(sizes_[i].text, size_format(sizes_[i].wanted, text), sizes_[i].text);
    for (size_t i = 0; i < COUNT(durations_); i++)
        CHECK_TEXT(durations_[i].text, duration_format(durations_[i].wanted, text),
                   durations_[i].text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(exact_forms),
        cmocka_unit_test(exact_forms_read_back),
        cmocka_unit_test(for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
