/* SPDX-License-Identifier: Apache-2.0 */
/* request_cache.c: the directives of a request, as a table. */
#include "request_cache.h"

#include "unit.h"

static void
test_wishes(void **state)
{
    static const struct {
        const char *cache_control, *pragma;
        bool only_if_cached;
        int64_t max_age_s;
    } rows[] = {
        {NULL, NULL, false, -1},
        {"", NULL, false, -1},
        {"no-cache", NULL, false, 0},
        {"No-Cache", NULL, false, 0},
        {NULL, "no-cache", false, 0},
        {"", "no-cache", false, -1}, /* Cache-Control goes before Pragma */
        {NULL, "only-if-cached, max-age=1", false, -1},
        {"only-if-cached", NULL, true, -1},
        {"max-age=0", NULL, false, 0},
        {"max-age=60", NULL, false, 60},
        {"max-age=\"60\"", NULL, false, 60},
        {"max-age=60, max-age=5", NULL, false, 5},
        {"max-age=60 , only-if-cached", NULL, true, 60},
        {"max-age=60, no-cache", NULL, false, 0},
        {"max-age", NULL, false, -1},
        {"max-age=", NULL, false, -1},
        {"max-age=-1", NULL, false, -1},
        {"max-age=1x", NULL, false, -1},
        {"max-age=99999999999", NULL, false, -1},
        {"x-max-age=5, no-cached, no-store, max-stale=9, min-fresh=9", NULL, false, -1},
        {"x=\"no-cache, only-if-cached\"", NULL, false, -1},
        {"x=\"no-cache", NULL, false, -1},
        {",, ,no-cache", NULL, false, 0},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct mh_wish wish = request_cache_wish(rows[i].cache_control, rows[i].pragma);

        if (wish.only_if_cached != rows[i].only_if_cached || wish.max_age_s != rows[i].max_age_s)
            fail_msg("'%s', '%s': %d %lld", rows[i].cache_control, rows[i].pragma,
                     wish.only_if_cached, (long long) wish.max_age_s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wishes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
