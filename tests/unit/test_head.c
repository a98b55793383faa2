/* SPDX-License-Identifier: Apache-2.0 */
/* head.c: what the fields of a head amount to, as a table. */
#include "head.h"

#include "unit.h"

#include <string.h>

#define FIELDS_MAX 4

struct field {
    const char *name, *value;
};

static struct head_facts
read_head(const struct field fields[FIELDS_MAX])
{
    struct head_facts facts = HEAD_FACTS_INIT;

    for (size_t i = 0; i < FIELDS_MAX && fields[i].name != NULL; i++)
        head_see(&facts, fields[i].name, strlen(fields[i].name), fields[i].value,
                 strlen(fields[i].value));
    return facts;
}

static void
test_framing(void **state)
{
    static const struct {
        struct field fields[FIELDS_MAX];
        const char *sign; /* of the sentence; NULL: it is trusted */
        bool is_http10, has_body, is_strange;
    } rows[] = {
        {{{"Host", "a"}}, NULL, false, false, false},
        {{{"host", "a"}, {"HOST", "a"}}, "several Host", false, false, false},
        {{{"X", "a"}}, "no Host", false, false, false},
        {{{"X", "a"}}, NULL, true, false, false},
        {{{"Host", "a"}, {"Content-Length", "0"}}, NULL, false, false, false},
        {{{"Host", "a"}, {"Content-Length", "5"}}, NULL, false, true, false},
        {{{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "5"}},
         NULL,
         false,
         true,
         false},
        {{{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "6"}},
         "differ",
         false,
         true,
         false},
        {{{"Host", "a"}, {"Content-Length", "+5"}}, "not a number", false, false, false},
        {{{"Host", "a"}, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
         "both",
         false,
         true,
         false},
        {{{"Host", "a"}, {"Transfer-Encoding", "Chunked"}}, NULL, false, true, false},
        {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}}, "HTTP/1.0", true, true, false},
        {{{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
         "several Transfer",
         false,
         true,
         false},
        {{{"Host", "a"}, {"Transfer-Encoding", "gzip, chunked"}}, NULL, false, true, true},
        {{{"Host", "a"}, {"Transfer-Encoding", "gzip"}}, "does not end", false, true, false},
        {{{"Host", "a"}, {"Transfer-Encoding", "xchunked"}}, "does not end", false, true, false},
        {{{"Host", "a"}, {"Transfer-Encoding", "chunked, gzip"}},
         "does not end",
         false,
         true,
         false},
        {{{"Host", "a"}, {"Transfer-Encoding", "chunked;q=1"}}, "does not end", false, true, false},
        {{{"Host", "a"}, {"Transfer-Encoding", ""}}, "does not end", false, true, false},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct head_facts facts = read_head(rows[i].fields);
        const char *sentence = head_distrust(&facts, rows[i].is_http10);

        if ((sentence == NULL) != (rows[i].sign == NULL) ||
            (sentence != NULL && strstr(sentence, rows[i].sign) == NULL) ||
            head_has_body(&facts) != rows[i].has_body ||
            facts.has_strange_encoding != rows[i].is_strange)
            fail_msg("row %zu: '%s', %d, %d", i, sentence, head_has_body(&facts),
                     facts.has_strange_encoding);
    }
}

static void
test_a_nul_is_seen(void **state)
{
    struct head_facts facts = HEAD_FACTS_INIT;

    (void) state;
    head_see(&facts, "Host", 4, "a", 1);
    head_see(&facts, "X", 1, "a\0b", 3);
    assert_non_null(strstr(head_distrust(&facts, false), "NUL"));
}

static void
test_what_picks_a_kept_answer(void **state)
{
    static const struct field plain[FIELDS_MAX] = {
        {"Host", "a"}, {"if-none-match", "\"x\""}, {"Accept-Encoding", "br"}, {"Accept", "*/*"}};
    static const struct field twice[FIELDS_MAX] = {{"Accept-Encoding", "br"},
                                                   {"Accept-Encoding", "gzip"}};
    static const char *const ruling[] = {"Range",          "Pragma",
                                         "If-Match",       "If-Range",
                                         "Cache-Control",  "If-Unmodified-Since",
                                         "Content-Length", "Transfer-Encoding"};
    struct head_facts facts = read_head(plain);

    (void) state;
    assert_true(facts.hints.is_plain);
    assert_string_equal(facts.hints.if_none_match, "\"x\"");
    assert_string_equal(facts.hints.accept_encoding, "br");
    assert_null(facts.hints.origin);
    facts = read_head(twice);
    assert_false(facts.hints.is_plain);
    for (size_t i = 0; i < sizeof(ruling) / sizeof(ruling[0]); i++) {
        const struct field fields[FIELDS_MAX] = {{ruling[i], "0"}};

        facts = read_head(fields);
        if (facts.hints.is_plain)
            fail_msg("%s does not matter", ruling[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_a_nul_is_seen),
        cmocka_unit_test(test_what_picks_a_kept_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
