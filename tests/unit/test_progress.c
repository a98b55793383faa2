/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: what a line shows in how many columns, and the rate behind it. */
#include "progress.h"
#include "unit.h"

#define MIB UINT64_C(1048576)

static const char *
format(const struct progress_line *line, size_t columns, struct buf *out)
{
    buf_clear(out);
    progress_format(line, columns, out);
    return buf_text(out);
}

static void
test_lines(void **state)
{
    static const struct {
        struct progress_line line;
        size_t columns;
        const char *wanted;
    } rows[] = {
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB},
         80,
         "model.json   50%  50.0 MiB of 100 MiB  10.0 MiB/s  5 s left  [========>        ]"},
        {{"model.json", 100 * MIB, 100 * MIB, 10 * MIB},
         70,
         "model.json  100%  100 MiB of 100 MiB  10.0 MiB/s  [==================]"},
        {{"model.json", 0, 0, 0}, 80, "model.json  0 B"},
        {{"model.json", 5 * MIB, 0, MIB}, 80, "model.json  5.0 MiB  1.0 MiB/s"},
        /* too narrow for the bar, the time, the rate, the bytes, the percentage, the name */
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB},
         61,
         "model.json   50%  50.0 MiB of 100 MiB  10.0 MiB/s  5 s left"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB},
         50,
         "model.json   50%  50.0 MiB of 100 MiB  10.0 MiB/s"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB},
         40,
         "model.json   50%  50.0 MiB of 100 MiB"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB}, 35, "....json   50%  50.0 MiB of 100 MiB"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB}, 16, "model.json   50%"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB}, 10, "model.json"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB}, 7, "...json"},
        {{"model.json", 50 * MIB, 100 * MIB, 10 * MIB}, 1, ""},
        /* more than expected */
        {{"m", 3, 2, 0}, 40, "m  100%  3 B of 2 B  [=================]"},
    };
    struct buf out = BUF_INIT(4096);

    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_TEXT(rows[i].wanted, format(&rows[i].line, rows[i].columns, &out), rows[i].wanted);
        CHECK(rows[i].wanted, out.length <= rows[i].columns);
    }
    buf_done(&out);
}

static void
test_a_name_cannot_move_the_cursor(void **state)
{
    const struct progress_line line = {"a\x1b[2J\n\xc3\xa9.json", 1, 0, 0};
    struct buf out = BUF_INIT(4096);

    assert_string_equal(format(&line, 80, &out), "a?[2J???.json  1 B");
    buf_done(&out);
}

static void
test_every_width_fits(void **state)
{
    static const char name[] = "a-rather-long-name-of-a-model-that-does-not-fit-anywhere.json";
    uint64_t seed = test_seed();
    struct buf out = BUF_INIT(4096);

    for (size_t columns = 1; columns < 200; columns++) {
        for (int k = 0; k < 50; k++) {
            uint64_t total = test_random(&seed) >> (test_random(&seed) % 64);
            const struct progress_line line = {name, total > 0 ? test_random(&seed) % total : 0,
                                               total,
                                               test_random(&seed) >> (test_random(&seed) % 64)};

            CHECK(format(&line, columns, &out), out.length <= columns);
        }
    }
    buf_done(&out);
}

static void
test_rate(void **state)
{
    struct progress_rate rate = {0};

    assert_int_equal(progress_rate_add(&rate, 1000, 500), 0);
    assert_int_equal(progress_rate_add(&rate, 1200, 700), 1000);
    /* no time has passed */
    assert_int_equal(progress_rate_add(&rate, 1200, 900), 1000);
    /* smoothed: a tenth of the new reading */
    assert_int_equal(progress_rate_add(&rate, 2200, 2700), 1100);
    /* fewer bytes than before: a new beginning */
    assert_int_equal(progress_rate_add(&rate, 3200, 10), 0);
    assert_int_equal(progress_rate_add(&rate, 4200, 20), 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_name_cannot_move_the_cursor),
        cmocka_unit_test(test_every_width_fits),
        cmocka_unit_test(test_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
