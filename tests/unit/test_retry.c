/* SPDX-License-Identifier: Apache-2.0 */
/* retry.c: which failures pass, how often, and after how long. */
#include "retry.h"

#include "unit.h"

static const struct {
    const char *what;
    struct retry_input input;
    bool is_again;
} rows[] = {
    {"refused", {.code = MH_UNREACHABLE, .attempt = 1, .retries = 3, .retry_after_s = -1}, true},
    {"timeout", {.code = MH_TIMEOUT, .attempt = 3, .retries = 3, .retry_after_s = -1}, true},
    {"once too often",
     {.code = MH_TIMEOUT, .attempt = 4, .retries = 3, .retry_after_s = -1},
     false},
    {"no retries", {.code = MH_TIMEOUT, .attempt = 1, .retries = 0, .retry_after_s = -1}, false},
    {"progress counts anew",
     {.code = MH_TIMEOUT, .attempt = 9, .retries = 3, .has_progressed = true, .retry_after_s = -1},
     true},
    {"progress without retries",
     {.code = MH_TIMEOUT, .attempt = 1, .has_progressed = true, .retry_after_s = -1},
     false},
    {"broken transfer",
     {.code = MH_UPSTREAM, .http_status = 200, .attempt = 1, .retries = 3, .retry_after_s = -1},
     true},
    {"broken without a head",
     {.code = MH_UPSTREAM, .http_status = 0, .attempt = 1, .retries = 3, .retry_after_s = -1},
     true},
    {"503 in a minute",
     {.code = MH_UPSTREAM, .http_status = 503, .attempt = 1, .retries = 3, .retry_after_s = 60},
     true},
    {"503 later",
     {.code = MH_UPSTREAM, .http_status = 503, .attempt = 1, .retries = 3, .retry_after_s = 61},
     false},
    {"not found",
     {.code = MH_NOT_FOUND, .http_status = 404, .attempt = 1, .retries = 3, .retry_after_s = -1},
     false},
    {"wrong bytes",
     {.code = MH_CORRUPT, .http_status = 200, .attempt = 1, .retries = 3, .retry_after_s = -1},
     false},
    {"full disk", {.code = MH_NO_SPACE, .attempt = 1, .retries = 3, .retry_after_s = -1}, false},
    {"cancelled", {.code = MH_CANCELLED, .attempt = 1, .retries = 3, .retry_after_s = -1}, false},
};

static void
test_again(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t delay_ms = 12345;

        CHECK(rows[i].what, retry_after_failure(&rows[i].input, &delay_ms) == rows[i].is_again);
        CHECK(rows[i].what, (delay_ms == 12345) == !rows[i].is_again);
    }
}

static void
test_elsewhere(void **state)
{
    static const struct {
        enum mh_code code;
        bool is_worth_it;
    } codes[] = {
        {MH_UNREACHABLE, true}, {MH_TIMEOUT, true},    {MH_UPSTREAM, true}, {MH_DENIED, true},
        {MH_OK, false},         {MH_NOT_FOUND, false}, {MH_CORRUPT, false}, {MH_TOO_LARGE, false},
        {MH_NO_SPACE, false},   {MH_NOMEM, false},     {MH_IO, false},      {MH_CANCELLED, false},
        {MH_BUSY, false},       {MH_BAD_INPUT, false},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(codes); i++)
        assert_int_equal(retry_elsewhere(codes[i].code), codes[i].is_worth_it);
}

static void
test_statuses(void **state)
{
    static const long transient[] = {408, 425, 429, 500, 502, 503, 504};

    (void) state;
    for (long status = 100; status < 600; status++) {
        struct retry_input input = {.code = MH_UPSTREAM,
                                    .http_status = status,
                                    .attempt = 1,
                                    .retries = 1,
                                    .retry_after_s = -1};
        bool is_wanted = status == 200 || status == 206;
        uint32_t delay_ms;

        for (size_t i = 0; i < COUNT(transient); i++)
            is_wanted = is_wanted || transient[i] == status;
        assert_int_equal(retry_after_failure(&input, &delay_ms), is_wanted);
        enum mh_code wanted = status == 404 || status == 410                    ? MH_NOT_FOUND
                              : status == 200 || status == 206 || status == 304 ? MH_OK
                                                                                : MH_UPSTREAM;

        assert_int_equal(retry_code_of_status(status), wanted);
    }
}

static void
test_delays(void **state)
{
    static const struct {
        uint32_t attempt;
        int64_t retry_after_s;
        uint32_t min_ms, max_ms;
    } delays[] = {
        {1, -1, 250, 500},     {2, -1, 500, 1000},      {3, -1, 1000, 2000}, {6, -1, 8000, 16000},
        {7, -1, 15000, 30000}, {100, -1, 15000, 30000}, {1, 5, 5000, 5000},  {1, 0, 250, 500},
        {7, 1, 15000, 30000},  {1, 60, 60000, 60000},
    };
    uint64_t seed = test_seed();

    (void) state;
    for (size_t i = 0; i < COUNT(delays); i++) {
        uint32_t least = UINT32_MAX;
        uint32_t most = 0;

        for (int round = 0; round < 20000; round++) {
            struct retry_input input = {.code = MH_TIMEOUT,
                                        .attempt = delays[i].attempt,
                                        .retries = 1000,
                                        .retry_after_s = delays[i].retry_after_s,
                                        .random = (uint32_t) test_random(&seed)};
            uint32_t delay_ms = 0;

            assert_true(retry_after_failure(&input, &delay_ms));
            least = delay_ms < least ? delay_ms : least;
            most = delay_ms > most ? delay_ms : most;
        }
        assert_in_range(least, delays[i].min_ms, delays[i].max_ms);
        assert_in_range(most, delays[i].min_ms, delays[i].max_ms);
        /* Half of it is chance, and chance is used. */
        if (delays[i].min_ms != delays[i].max_ms)
            assert_true(most - least > (delays[i].max_ms - delays[i].min_ms) / 2);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_delays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
