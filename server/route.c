/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes.
 *
 * The first row that fits wins, so that exact paths stand before the prefixes they lie under. "/-/"
 * is modelhost's own: no mirror and no file of the app can stand there. A mirror's path wins over
 * the app's files, which take what is left. HEAD comes with GET, and OPTIONS with every route, so
 * the table names neither.
 *
 * Pure; any thread. */
#include "route.h"

#include <stddef.h>
#include <string.h>

#define GETS  (METHOD_GET | METHOD_HEAD | METHOD_OPTIONS)
#define POSTS (METHOD_POST | METHOD_OPTIONS)

static const struct route routes[] = {
    {"/-/api/models", ROUTE_API, GETS, answer_api_models},
    {"/-/api/models/*", ROUTE_API, GETS, answer_api_model},
    {"/-/api/flights", ROUTE_API, GETS, answer_api_flights},
    {"/-/api/status", ROUTE_API, GETS, answer_api_status},
    {"/-/api/pull", ROUTE_API, POSTS, answer_api_pull},
    {"/-/api/rm", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/pin", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/unpin", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/verify", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/gc", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/export", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/import", ROUTE_API, POSTS, answer_api_action},
    {"/-/api/*", ROUTE_API, GETS, answer_own_unknown},
    {"/-/", ROUTE_PAGE, GETS, answer_dashboard},
    {"/-/try", ROUTE_PAGE, GETS, answer_try},
    {"/-/ui/*", ROUTE_PAGE, GETS, answer_ui},
    {"/-/client.js", ROUTE_OWN, GETS, answer_own_client},
    {"/-/client.mjs", ROUTE_OWN, GETS, answer_own_client},
    {"/-/sw.js", ROUTE_OWN, GETS, answer_own_client},
    {"/-/watch.js", ROUTE_OWN, GETS, answer_watch_script},
    {"/-/events", ROUTE_API, GETS, answer_events},
    {"/-/watch", ROUTE_API, GETS, answer_events},
    {"/-/healthy", ROUTE_OWN, GETS, answer_own_healthy},
    {"/-/ready", ROUTE_OWN, GETS, answer_own_ready},
    {"/-/*", ROUTE_OWN, GETS, answer_own_unknown},
};

static const struct route mirror_route = {NULL, ROUTE_MODELS, GETS, answer_mirror};
static const struct route app_route = {NULL, ROUTE_APP, GETS, answer_file};

static const struct {
    enum method method;
    const char *name;
} method_names[] = {
    {METHOD_GET, "GET"},
    {METHOD_HEAD, "HEAD"},
    {METHOD_POST, "POST"},
    {METHOD_OPTIONS, "OPTIONS"},
};

enum method
method_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(method_names); i++) {
        if (strcmp(name, method_names[i].name) == 0)
            return method_names[i].method;
    }
    return METHOD_NONE;
}

void
methods_write(unsigned methods, struct buf *out)
{
    const char *separator = "";

    for (size_t i = 0; i < COUNT_OF(method_names); i++) {
        unsigned method = method_names[i].method;

        if (((methods | METHOD_OPTIONS) & method) == 0)
            continue;
        buf_add_str(out, separator);
        buf_add_str(out, method_names[i].name);
        separator = ", ";
    }
}

static bool
is_at(const struct route *route, const char *path)
{
    size_t n = strlen(route->path);

    if (route->path[n - 1] == '*')
        return strncmp(path, route->path, n - 1) == 0;
    return strcmp(path, route->path) == 0;
}

const struct route *
route_find(const char *path, bool is_mirror)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (is_at(&routes[i], path))
            return &routes[i];
    }
    return is_mirror ? &mirror_route : &app_route;
}
