/* SPDX-License-Identifier: Apache-2.0 */
/* cache_status.c: the words of every state, and Age. */
#include "cache_status.h"

#include "attrs.h"
#include "unit.h"

static void
test_words(void **state)
{
    static const struct {
        enum mh_cache_state state;
        const char *word;
        const char *status;
    } rows[] = {
        {MH_CACHE_HIT, "HIT", "modelhost; hit"},
        {MH_CACHE_MISS, "MISS", "modelhost; fwd=uri-miss"},
        {MH_CACHE_REVALIDATED, "REVALIDATED", "modelhost; fwd=stale; fwd-status=304"},
        {MH_CACHE_UPDATING, "UPDATING", "modelhost; hit; detail=updating"},
        {MH_CACHE_STALE, "STALE", "modelhost; hit; detail=stale"},
        {MH_CACHE_OFFLINE, "OFFLINE", "modelhost; hit; detail=offline"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *status = cache_status_value(rows[i].state);

        assert_string_equal(cache_word(rows[i].state), rows[i].word);
        assert_string_equal(status, rows[i].status);
        /* RFC 9211 §2.2: one or the other */
        assert_true((strstr(status, "; hit") != NULL) != (strstr(status, "; fwd=") != NULL));
    }
}

static void
test_age(void **state)
{
    static const struct {
        int64_t validated_at, now;
        uint32_t age;
    } rows[] = {
        {1000, 1000, 0},
        {1000, 1001, 1},
        {1000, 999, 0},
        {0, 1000, 0},
        {-1, 1000, 0},
        {INT64_MIN, INT64_MAX, 0},
        {1, INT64_MAX, INT32_MAX},
        {1, (int64_t) INT32_MAX + 1, INT32_MAX},
        {1, (int64_t) INT32_MAX, INT32_MAX - 1},
        {1, (int64_t) INT32_MAX + 2, INT32_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(cache_age_s(rows[i].validated_at, rows[i].now), rows[i].age);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
