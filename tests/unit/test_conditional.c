/* SPDX-License-Identifier: Apache-2.0 */
/* conditional.c: the precedence of RFC 9110 §13.2.2, row by row. */
#include "conditional.h"

#include "attrs.h"
#include "unit.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define MODIFIED 784111777
#define THEN     "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER  "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER    "Sun, 06 Nov 1994 08:49:38 GMT"
#define LONG_AGO "Sunday, 06-Nov-94 08:49:37 GMT"
#define NOW      (MODIFIED + 86400)

enum {
    PROCEED = CONDITIONAL_PROCEED,
    SAME = CONDITIONAL_NOT_MODIFIED,
    FAILED = CONDITIONAL_PRECONDITION_FAILED
};
enum { GET = CONDITIONAL_GET, HEAD = CONDITIONAL_HEAD, POST = CONDITIONAL_OTHER };

static const struct conditional_object strong = {"\"abc\"", MODIFIED, false};
static const struct conditional_object weak = {"W/\"abc\"", MODIFIED, false};
static const struct conditional_object bare = {"", -1, false};
static const struct conditional_object arriving = {"\"abc\"", MODIFIED, true};
static const struct conditional_object wednesday = {"\"abc\"", MODIFIED + 3 * 86400, false};
static const struct conditional_object unnamed = {"", MODIFIED, true};

struct row {
    const struct conditional_object *object;
    int method;
    const char *if_match, *if_unmodified_since, *if_none_match, *if_modified_since;
    int verdict;
};

#define NONE NULL

static const struct row rows[] = {
    {&strong, GET, NONE, NONE, NONE, NONE, PROCEED},
    /* If-Match: strong comparison */
    {&strong, GET, "\"abc\"", NONE, NONE, NONE, PROCEED},
    {&strong, GET, "\"x\", \"abc\"", NONE, NONE, NONE, PROCEED},
    {&strong, GET, "\"x\"", NONE, NONE, NONE, FAILED},
    {&strong, GET, "W/\"abc\"", NONE, NONE, NONE, FAILED},
    {&strong, GET, "*", NONE, NONE, NONE, PROCEED},
    {&strong, GET, " * ", NONE, NONE, NONE, PROCEED},
    {&strong, GET, "", NONE, NONE, NONE, FAILED},
    {&weak, GET, "W/\"abc\"", NONE, NONE, NONE, FAILED},
    {&bare, GET, "\"abc\"", NONE, NONE, NONE, FAILED},
    {&bare, GET, "\"\"", NONE, NONE, NONE, FAILED},
    {&bare, GET, "*", NONE, NONE, NONE, PROCEED},
    {&arriving, GET, "\"abc\"", NONE, NONE, NONE, PROCEED},
    {&unnamed, GET, "\"abc\"", NONE, NONE, NONE, FAILED},
    /* If-Unmodified-Since: only without If-Match, and only a date */
    {&strong, GET, NONE, THEN, NONE, NONE, PROCEED},
    {&strong, GET, NONE, LATER, NONE, NONE, PROCEED},
    {&strong, GET, NONE, EARLIER, NONE, NONE, FAILED},
    {&strong, GET, NONE, "yesterday", NONE, NONE, PROCEED},
    {&bare, GET, NONE, EARLIER, NONE, NONE, PROCEED},
    {&strong, GET, "\"abc\"", EARLIER, NONE, NONE, PROCEED},
    {&strong, GET, "\"x\"", LATER, NONE, NONE, FAILED},
    /* If-None-Match: weak comparison */
    {&strong, GET, NONE, NONE, "\"abc\"", NONE, SAME},
    {&strong, HEAD, NONE, NONE, "\"abc\"", NONE, SAME},
    {&strong, POST, NONE, NONE, "\"abc\"", NONE, FAILED},
    {&strong, GET, NONE, NONE, "W/\"abc\"", NONE, SAME},
    {&weak, GET, NONE, NONE, "\"abc\"", NONE, SAME},
    {&weak, GET, NONE, NONE, "W/\"abc\"", NONE, SAME},
    {&strong, GET, NONE, NONE, "w/\"abc\"", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "\"x\"", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "\"ab\"", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "\"abcd\"", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "\"x\",\"abc\"", NONE, SAME},
    {&strong, GET, NONE, NONE, ", \"x,\" ,\t\"abc\" ,", NONE, SAME},
    {&strong, GET, NONE, NONE, "\"x, \"abc\"", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "abc, \"abc\"", NONE, SAME},
    {&strong, GET, NONE, NONE, "abc", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "\"abc", NONE, PROCEED},
    {&strong, GET, NONE, NONE, "*", NONE, SAME},
    {&strong, POST, NONE, NONE, "*", NONE, FAILED},
    {&strong, GET, NONE, NONE, "*, \"x\"", NONE, PROCEED},
    {&bare, GET, NONE, NONE, "*", NONE, SAME},
    {&bare, GET, NONE, NONE, "\"abc\"", NONE, PROCEED},
    /* If-Modified-Since: only without If-None-Match */
    {&strong, GET, NONE, NONE, NONE, THEN, SAME},
    {&strong, HEAD, NONE, NONE, NONE, THEN, SAME},
    {&strong, POST, NONE, NONE, NONE, THEN, PROCEED},
    {&strong, GET, NONE, NONE, NONE, LATER, SAME},
    {&strong, GET, NONE, NONE, NONE, LONG_AGO, SAME},
    {&strong, GET, NONE, NONE, NONE, EARLIER, PROCEED},
    {&strong, GET, NONE, NONE, NONE, "yesterday", PROCEED},
    {&strong, GET, NONE, NONE, NONE, "", PROCEED},
    {&bare, GET, NONE, NONE, NONE, THEN, PROCEED},
    {&strong, GET, NONE, NONE, "\"x\"", THEN, PROCEED},
    {&strong, GET, NONE, NONE, "\"abc\"", EARLIER, SAME},
    {&strong, GET, NONE, NONE, "", THEN, PROCEED},
    /* preconditions come first */
    {&strong, GET, "\"x\"", NONE, "\"abc\"", NONE, FAILED},
    {&strong, GET, "\"abc\"", NONE, "\"abc\"", NONE, SAME},
    {&strong, GET, NONE, EARLIER, NONE, THEN, FAILED},
    /* no 304 while it arrives */
    {&arriving, GET, NONE, NONE, "\"abc\"", NONE, PROCEED},
    {&arriving, HEAD, NONE, NONE, "*", NONE, PROCEED},
    {&arriving, GET, NONE, NONE, NONE, THEN, PROCEED},
    {&arriving, POST, NONE, NONE, "*", NONE, FAILED},
    {&arriving, GET, NONE, EARLIER, NONE, NONE, FAILED},
};

static void
test_verdicts(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct conditional_fields fields = {
            .method = (enum conditional_method) rows[i].method,
            .if_match = rows[i].if_match,
            .if_unmodified_since = rows[i].if_unmodified_since,
            .if_none_match = rows[i].if_none_match,
            .if_modified_since = rows[i].if_modified_since,
        };
        bool may_range = false;
        const int verdict = (int) conditional_judge(&fields, rows[i].object, NOW, &may_range);

        if (verdict != rows[i].verdict || may_range != (rows[i].method == GET))
            fail_msg("row %zu: verdict %d, may_range %d", i, verdict, may_range);
    }
}

static const struct {
    const struct conditional_object *object;
    int method;
    const char *if_range;
    int64_t now;
    bool may_range;
} ranges[] = {
    {&strong, GET, NULL, NOW, true},
    {&strong, HEAD, NULL, NOW, false},
    {&strong, POST, NULL, NOW, false},
    {&arriving, GET, NULL, NOW, true},
    {&strong, GET, "\"abc\"", NOW, true},
    {&strong, HEAD, "\"abc\"", NOW, false},
    {&strong, GET, " \"abc\"", NOW, true},
    {&strong, GET, "\"x\"", NOW, false},
    {&strong, GET, "W/\"abc\"", NOW, false},
    {&weak, GET, "W/\"abc\"", NOW, false},
    {&weak, GET, "\"abc\"", NOW, false},
    {&bare, GET, "\"abc\"", NOW, false},
    {&arriving, GET, "\"abc\"", NOW, false},
    {&arriving, GET, THEN, NOW, false},
    {&strong, GET, "*", NOW, false},
    {&strong, GET, "abc", NOW, false},
    {&strong, GET, "", NOW, false},
    {&strong, GET, THEN, NOW, true},
    {&strong, GET, EARLIER, NOW, false},
    {&strong, GET, LATER, NOW, false},
    {&bare, GET, THEN, NOW, false},
    /* a date that begins as a weak tag does */
    {&wednesday, GET, "Wed, 09 Nov 1994 08:49:37 GMT", NOW + 3 * 86400, true},
    /* within the second a date is no strong validator */
    {&strong, GET, THEN, MODIFIED, false},
    {&strong, GET, THEN, MODIFIED + 1, true},
};

static void
test_if_range(void **state)
{
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        const struct conditional_fields fields = {
            .method = (enum conditional_method) ranges[i].method,
            .if_range = ranges[i].if_range,
        };
        bool may_range = !ranges[i].may_range;

        assert_int_equal(conditional_judge(&fields, ranges[i].object, ranges[i].now, &may_range),
                         CONDITIONAL_PROCEED);
        if (may_range != ranges[i].may_range)
            fail_msg("row %zu: '%s' may_range %d", i, ranges[i].if_range, may_range);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_if_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
