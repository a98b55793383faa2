/* SPDX-License-Identifier: Apache-2.0 */
/* What is evicted: the choice as a table. */
#include "evict.h"

#include "unit.h"

#include <string.h>

static void
test_need(void **state)
{
    static const struct {
        uint64_t cached, max, free, min_free, want;
    } rows[] = {
        {0, 0, 0, 0, 0},
        {100, 0, 1000, 10, 0},  /* no limit */
        {100, 100, 1000, 0, 0}, /* at the limit */
        {101, 100, 1000, 0, 1},
        {50, 100, 5, 10, 5}, /* too little is free */
        {120, 100, 5, 10, 20},
        {105, 100, 0, 10, 10},
        {100, 0, UINT64_MAX, 10, 0}, /* it cannot be told what is free */
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(evict_need(rows[i].cached, rows[i].max, rows[i].free, rows[i].min_free),
                         rows[i].want);
}

static void
test_choose(void **state)
{
    /* Groups as {bytes, used_at, is_kept}; wanted: one letter each, 'x' chosen, '.' not. */
    static const struct {
        struct evict_group groups[4];
        uint64_t need;
        const char *want;
        uint64_t want_bytes;
    } rows[] = {
        {{{10, 1, false, false}, {10, 2, false, false}, {10, 3, false, false}}, 0, "....", 0},
        {{{10, 3, false, false}, {10, 1, false, false}, {10, 2, false, false}}, 1, ".x..", 10},
        {{{10, 3, false, false}, {10, 1, false, false}, {10, 2, false, false}}, 10, ".x..", 10},
        {{{10, 3, false, false}, {10, 1, false, false}, {10, 2, false, false}}, 11, ".xx.", 20},
        {{{10, 1, true, false}, {10, 2, false, false}}, 15, ".x..", 10},  /* kept */
        {{{10, 1, true, false}, {10, 2, true, false}}, 15, "....", 0},    /* nothing may go */
        {{{10, 1, false, false}, {90, 1, false, false}}, 20, ".x..", 90}, /* the larger */
        {{{10, 1, false, true}, {10, 2, false, true}}, 0, "....", 0},     /* begun anew */
        {{{0, 0, false, false}, {10, 2, false, false}}, UINT64_MAX, ".x..", 10}, /* empty ones */
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct evict_group groups[4];

        memcpy(groups, rows[i].groups, sizeof(groups));
        assert_int_equal(evict_choose(groups, 4, rows[i].need), rows[i].want_bytes);
        for (size_t g = 0; g < 4; g++)
            assert_int_equal(groups[g].is_chosen, rows[i].want[g] == 'x');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_need),
        cmocka_unit_test(test_choose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
