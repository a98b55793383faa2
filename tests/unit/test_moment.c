/* SPDX-License-Identifier: Apache-2.0 */
/* When files were there: the ends of their stretches, and whether these meet, as tables and against
 * every pair. */
#include "moment.h"
#include "unit.h"

#define UNKNOWN_SINCE INT64_MIN
#define UNKNOWN_UNTIL INT64_MAX

static void
test_ends(void **state)
{
    static const struct {
        const char *generation;
        const char *last_modified;
        int64_t vouched_at;
        struct moment wanted;
    } rows[] = {
        {NULL, NULL, 0, {UNKNOWN_SINCE, UNKNOWN_UNTIL}},
        {NULL, NULL, 1700000000, {UNKNOWN_SINCE, 1700000000}},
        {NULL, "Fri, 01 Nov 2019 17:00:00 GMT", 0, {1572627600, UNKNOWN_UNTIL}},
        {"1572627600123456", NULL, 0, {1572627600, UNKNOWN_UNTIL}},
        /* The generation is the finer one, and what the bucket goes by. */
        {"1572627601999999", "Fri, 01 Nov 2019 17:00:00 GMT", 1572627601, {1572627601, 1572627601}},
        {"1572627601999999",
         "Fri, 01 Nov 2019 17:00:00 GMT",
         5,
         {UNKNOWN_SINCE, 5}}, /* but not the future */
        /* What counts something else is no time. */
        {"17", "Fri, 01 Nov 2019 17:00:00 GMT", 0, {1572627600, UNKNOWN_UNTIL}},
        {"17", NULL, 0, {UNKNOWN_SINCE, UNKNOWN_UNTIL}},
        {"1572627600123456x", "yesterday", -1, {UNKNOWN_SINCE, UNKNOWN_UNTIL}},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct meta meta = {.generation = (char *) rows[i].generation,
                            .last_modified = (char *) rows[i].last_modified,
                            .vouched_at = rows[i].vouched_at,
                            .validated_at = 1700000000};
        struct moment moment = moment_of(&meta);

        assert_int_equal(moment.since, rows[i].wanted.since);
        assert_int_equal(moment.until, rows[i].wanted.until);
    }
}

static void
test_meeting(void **state)
{
    static const struct {
        struct moment moments[3];
        size_t n;
        bool wanted;
    } rows[] = {
        {{{0, 0}}, 0, true},
        {{{9, 1}}, 1, true}, /* one file is of one moment, whatever its clock says */
        {{{1, 10}, {2, 11}, {3, 12}}, 3, true},
        {{{1, 10}, {10, 11}}, 2, false}, /* within a second it cannot be told */
        {{{10, 11}, {1, 10}}, 2, false},
        {{{1, 10}, {9, 11}}, 2, true},
        {{{1, 10}, {20, 30}, {1, 30}}, 3, false},
        {{{1, 30}, {20, 30}, {1, 10}}, 3, false},
        {{{12, 10}, {1, 20}},
         2,
         true}, /* changed after its own answer: only its own clock is odd */
        {{{12, 10}, {1, 12}}, 2, false},
        {{{12, 10}, {11, 20}}, 2, false},
        {{{UNKNOWN_SINCE, 10}, {5, UNKNOWN_UNTIL}}, 2, true},
        {{{UNKNOWN_SINCE, 10}, {15, UNKNOWN_UNTIL}}, 2, false},
        {{{UNKNOWN_SINCE, UNKNOWN_UNTIL}, {15, 16}, {UNKNOWN_SINCE, 3}}, 3, false},
        {{{UNKNOWN_SINCE, UNKNOWN_UNTIL}, {UNKNOWN_SINCE, 1}}, 2, true},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool meets = moments_meet(rows[i].moments, rows[i].n);

        if (meets != rows[i].wanted)
            fail_msg("row %zu", i);
    }
}

/* The two that are looked at stand for all pairs. */
static void
test_all_pairs(void **state)
{
    uint64_t seed = test_seed();

    (void) state;
    for (int round = 0; round < 20000; round++) {
        struct moment moments[4];
        bool wanted = true;

        for (size_t i = 0; i < COUNT(moments); i++)
            moments[i] = (struct moment){.since = (int64_t) (test_random(&seed) % 8),
                                         .until = (int64_t) (test_random(&seed) % 8)};
        for (size_t i = 0; i < COUNT(moments); i++)
            for (size_t j = 0; j < COUNT(moments); j++)
                wanted = wanted && (i == j || moments[i].since < moments[j].until);
        assert_int_equal(moments_meet(moments, COUNT(moments)), wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_meeting),
        cmocka_unit_test(test_all_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
