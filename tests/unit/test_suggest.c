/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.c: which slips are near, and that wild words get no advice. */
#include "suggest.h"
#include "unit.h"

static void
test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        size_t wanted;
    } rows[] = {
        {"", "", 0},       {"abc", "abc", 0},        {"abc", "", 3},          {"", "abc", 3},
        {"abc", "abd", 1}, {"abc", "ab", 1},         {"abc", "acb", 1},       {"prot", "port", 1},
        {"ca", "abc", 3},  {"kitten", "sitting", 3}, {"LISTEN", "listen", 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK(rows[i].a, suggest_distance(rows[i].a, rows[i].b) == rows[i].wanted);
        CHECK(rows[i].b, suggest_distance(rows[i].b, rows[i].a) == rows[i].wanted);
    }
}

static void
test_long_words_are_far(void **state)
{
    char longer[SUGGEST_MAX_BYTES + 2], full[SUGGEST_MAX_BYTES + 1];

    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memset(full, 'a', sizeof full - 1);
    full[sizeof full - 1] = '\0';
    assert_int_equal(suggest_distance(longer, full), SUGGEST_MAX_BYTES + 1);
    assert_int_equal(suggest_distance(full, ""), SUGGEST_MAX_BYTES);
    assert_int_equal(suggest_distance(full, full), 0);
}

static void
test_best(void **state)
{
    static const char *const words[] = {"listen",       "root",  "threads", "max_connections",
                                        "idle_timeout", "hosts", NULL,      "on"};
    static const struct {
        const char *word, *wanted;
    } rows[] = {
        {"lisen", "listen"},
        {"LISTEN", "listen"},
        {"hots", "hosts"},
        {"thread", "threads"},
        {"max_conections", "max_connections"},
        {"idle-timeout", "idle_timeout"},
        {"route", NULL},
        {"zebra", NULL},
        {"", NULL},
        {"xx", NULL},
        {"roots", "root"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct suggestion guess = SUGGESTION_INIT(rows[i].word);

        for (size_t k = 0; k < COUNT(words); k++)
            suggest_consider(&guess, words[k]);
        if (rows[i].wanted == NULL)
            CHECK(rows[i].word, guess.best == NULL);
        else
            CHECK_TEXT(rows[i].word, guess.best != NULL ? guess.best : "nothing", rows[i].wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_words_are_far),
        cmocka_unit_test(test_best),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
