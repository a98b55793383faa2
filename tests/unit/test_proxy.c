/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.c: the setting, then the scheme's variable, then all_proxy; no_proxy has the last word. */
#include "proxy.h"

#include "unit.h"

#include <string.h>

static const struct {
    const char *scheme, *host, *configured;
    struct proxy_env env;
    const char *wanted;
} rows[] = {
    {"http", "a.org", NULL, {0}, NULL},
    {"http", "a.org", "p:1", {.http_proxy = "q:1"}, "p:1"},
    {"http", "a.org", "", {.http_proxy = "q:1"}, "q:1"},
    {"http", "a.org", NULL, {.https_proxy = "s:1"}, NULL},
    {"https", "a.org", NULL, {.http_proxy = "q:1", .https_proxy = "s:1"}, "s:1"},
    {"https", "a.org", NULL, {.https_proxy = "", .all_proxy = "z:1"}, "z:1"},
    {"http", "a.org", "p:1", {.no_proxy = "a.org"}, NULL},
    {"http", "a.org", NULL, {.all_proxy = "z:1", .no_proxy = "b.org"}, "z:1"},
};

static const struct {
    const char *list, *host;
    bool is_excepted;
} exceptions[] = {
    {NULL, "a.org", false},
    {"", "a.org", false},
    {"*", "a.org", true},
    {"a.org", "a.org", true},
    {"A.ORG", "a.org", true},
    {".a.org", "a.org", true},
    {"a.org", "x.a.org", true},
    {"a.org", "xa.org", false},
    {"x.a.org", "a.org", false},
    {"b.org, a.org", "a.org", true},
    {"b.org\ta.org", "a.org", true},
    {" , ,", "a.org", false},
    {".", "a.org", false},
};

static void
test_choice(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct url_parts url = {.port = 80};

        strncpy(url.scheme, rows[i].scheme, sizeof(url.scheme) - 1);
        strncpy(url.host, rows[i].host, sizeof(url.host) - 1);
        const char *found = proxy_for(&url, rows[i].configured, &rows[i].env);

        CHECK(rows[i].wanted ? rows[i].wanted : "none", found && rows[i].wanted
                                                            ? strcmp(found, rows[i].wanted) == 0
                                                            : found == rows[i].wanted);
    }
}

static void
test_exceptions(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(exceptions); i++)
        CHECK(exceptions[i].list ? exceptions[i].list : "none",
              proxy_is_excepted(exceptions[i].list, exceptions[i].host) ==
                  exceptions[i].is_excepted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_exceptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
