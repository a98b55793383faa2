/* SPDX-License-Identifier: Apache-2.0 */
/* Which code answers a request: the table of routes, with the methods of each. */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include "attrs.h"
#include "buf.h"

#include <stdbool.h>

struct request;

/* A method as a bit. METHOD_NONE is any that no route takes. */
enum method {
    METHOD_NONE = 0,
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_OPTIONS = 8
};

enum method method_of(const char *name); /* case-sensitive, as methods are (RFC 9110 §9.1) */
/* Append an Allow field's value: "GET, HEAD, OPTIONS". OPTIONS is always there. */
void methods_write(unsigned methods, struct buf *out);

/* What an answer function has done. */
enum answer {
    ANSWER_SENT, /* a reply is queued */
    ANSWER_WAIT, /* the connection is paused; the function is called again when it is woken */
    ANSWER_DROP  /* close the connection without an answer */
};

typedef enum answer answer_function(struct request *rq);

/* Rooms differ in who may enter and in what every answer carries. */
enum route_room {
    ROUTE_MODELS, /* mirrors: for pages of any origin */
    ROUTE_APP,    /* the app's own files: likewise */
    ROUTE_OWN,    /* pages of modelhost: likewise */
    ROUTE_PAGE,   /* pages of modelhost that tell what it holds: guarded as the API is */
    ROUTE_API     /* guarded; on the control socket there is nothing else */
};

struct route {
    const char *path; /* decoded; one that ends with '*' is a prefix. NULL: not found by path */
    enum route_room room;
    unsigned methods; /* METHOD_... */
    answer_function *answer;
};

/* The route of a decoded path. `is_mirror`: a mirror owns it. Never NULL. Pure. */
const struct route *route_find(const char *path, bool is_mirror);

/* The answers that the table names. They are called on HTTP threads, again after each wait. */
answer_function answer_mirror;
answer_function answer_file;
answer_function answer_dashboard;
answer_function answer_try;
answer_function answer_ui;
answer_function answer_own_client;
answer_function answer_own_healthy;
answer_function answer_own_ready;
answer_function answer_own_unknown;
answer_function answer_api_models;
answer_function answer_api_model;
answer_function answer_api_flights;
answer_function answer_api_status;
answer_function answer_api_pull;
answer_function answer_api_action;
answer_function answer_events;
answer_function answer_watch_script;

#endif
