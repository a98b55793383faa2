/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes: which answer a path gets, whose it is, and what methods it takes. */
#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The answers stand for themselves: only their addresses are looked at. */
#define FAKE_ANSWER(name)                                                                          \
    enum answer name(struct request *rq)                                                           \
    {                                                                                              \
        (void) rq;                                                                                 \
        return ANSWER_DROP;                                                                        \
    }

FAKE_ANSWER(answer_mirror)
FAKE_ANSWER(answer_file)
FAKE_ANSWER(answer_dashboard)
FAKE_ANSWER(answer_try)
FAKE_ANSWER(answer_ui)
FAKE_ANSWER(answer_own_client)
FAKE_ANSWER(answer_own_healthy)
FAKE_ANSWER(answer_own_ready)
FAKE_ANSWER(answer_own_unknown)
FAKE_ANSWER(answer_api_models)
FAKE_ANSWER(answer_api_model)
FAKE_ANSWER(answer_api_flights)
FAKE_ANSWER(answer_api_status)
FAKE_ANSWER(answer_api_pull)
FAKE_ANSWER(answer_api_action)
FAKE_ANSWER(answer_events)
FAKE_ANSWER(answer_watch_script)

#define GETS (METHOD_GET | METHOD_HEAD | METHOD_OPTIONS)

static void
test_paths(void **state)
{
    static const struct {
        const char *path;
        bool is_mirror;
        answer_function *answer;
        enum route_room room;
        unsigned methods;
    } cases[] = {
        {"/", false, answer_file, ROUTE_APP, GETS},
        {"/index.html", false, answer_file, ROUTE_APP, GETS},
        {"/-", false, answer_file, ROUTE_APP, GETS},
        {"/-x/api/pull", false, answer_file, ROUTE_APP, GETS},
        {"/tfjs-models/model.json", true, answer_mirror, ROUTE_MODELS, GETS},
        {"/-/", false, answer_dashboard, ROUTE_PAGE, GETS},
        {"/-/try", false, answer_try, ROUTE_PAGE, GETS},
        {"/-/ui/style.css", false, answer_ui, ROUTE_PAGE, GETS},
        {"/-/client.js", false, answer_own_client, ROUTE_OWN, GETS},
        {"/-/client.mjs", false, answer_own_client, ROUTE_OWN, GETS},
        {"/-/sw.js", false, answer_own_client, ROUTE_OWN, GETS},
        {"/-/client", false, answer_own_unknown, ROUTE_OWN, GETS},
        {"/-/healthy", false, answer_own_healthy, ROUTE_OWN, GETS},
        {"/-/healthy/", false, answer_own_unknown, ROUTE_OWN, GETS},
        {"/-/ready", false, answer_own_ready, ROUTE_OWN, GETS},
        {"/-/nothing", false, answer_own_unknown, ROUTE_OWN, GETS},
        {"/-/events", false, answer_events, ROUTE_API, GETS},
        {"/-/watch", false, answer_events, ROUTE_API, GETS},
        {"/-/watch.js", false, answer_watch_script, ROUTE_OWN, GETS},
        {"/-/api", false, answer_own_unknown, ROUTE_OWN, GETS},
        {"/-/api/", false, answer_own_unknown, ROUTE_API, GETS},
        {"/-/api/models", false, answer_api_models, ROUTE_API, GETS},
        {"/-/api/modelsx", false, answer_own_unknown, ROUTE_API, GETS},
        {"/-/api/models/tfjs-models/model.json", false, answer_api_model, ROUTE_API, GETS},
        {"/-/api/flights", false, answer_api_flights, ROUTE_API, GETS},
        {"/-/api/status", false, answer_api_status, ROUTE_API, GETS},
        {"/-/api/pull", false, answer_api_pull, ROUTE_API, METHOD_POST | METHOD_OPTIONS},
        /* A mirror whose path is "/" takes everything but what is ours. */
        {"/-/api/rm", false, answer_api_action, ROUTE_API, METHOD_POST | METHOD_OPTIONS},
        {"/-/api/gc", true, answer_api_action, ROUTE_API, METHOD_POST | METHOD_OPTIONS},
        {"/-/api/pull", true, answer_api_pull, ROUTE_API, METHOD_POST | METHOD_OPTIONS},
        {"/-/", true, answer_dashboard, ROUTE_PAGE, GETS},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct route *route = route_find(cases[i].path, cases[i].is_mirror);

        print_message("%s\n", cases[i].path);
        assert_non_null(route);
        assert_ptr_equal(route->answer, cases[i].answer);
        assert_int_equal(route->room, cases[i].room);
        assert_int_equal(route->methods, cases[i].methods);
    }
}

static void
test_methods(void **state)
{
    (void) state;
    assert_int_equal(method_of("GET"), METHOD_GET);
    assert_int_equal(method_of("HEAD"), METHOD_HEAD);
    assert_int_equal(method_of("POST"), METHOD_POST);
    assert_int_equal(method_of("OPTIONS"), METHOD_OPTIONS);
    assert_int_equal(method_of("get"), METHOD_NONE);
    assert_int_equal(method_of("GETX"), METHOD_NONE);
    assert_int_equal(method_of("PUT"), METHOD_NONE);
    assert_int_equal(method_of(""), METHOD_NONE);
}

static void
test_allow(void **state)
{
    static const struct {
        unsigned methods;
        const char *text;
    } cases[] = {
        {METHOD_NONE, "OPTIONS"},
        {GETS, "GET, HEAD, OPTIONS"},
        {METHOD_POST, "POST, OPTIONS"},
        {METHOD_GET | METHOD_HEAD | METHOD_POST, "GET, HEAD, POST, OPTIONS"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = BUF_INIT(128);

        methods_write(cases[i].methods, &text);
        assert_string_equal(buf_text(&text), cases[i].text);
        buf_done(&text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_allow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
