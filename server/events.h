/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events: streams that tell what the server's state has become, as it changes.
 *
 * What is told is a topic, and a topic's text is state: a stream gets the newest text of each of
 * its topics and may miss those in between. A new topic is a name here and a row in events.c, which
 * says by which path it is told. */
#ifndef SERVER_EVENTS_H
#define SERVER_EVENTS_H

#include "attrs.h"
#include "request.h"

#include <modelhost/code.h>

struct server;
struct events;
struct events_stream;

enum events_topic {
    EVENTS_STATUS,
    EVENTS_FLIGHTS,
    EVENTS_MODELS,
    EVENTS_FILES, /* the app's, of --watch; a stream of its own */
    EVENTS_TOPIC_COUNT
};

/* Start the thread that looks for changes; it sleeps while nobody listens.
 *
 * ret  on OK owned by the caller, events_free()
 *
 * Returns OK, NOMEM, or UNSUPPORTED when no thread starts. Main thread. */
MUST_USE enum mh_code events_start(struct server *server, struct events **ret,
                                   struct mh_fault *fault);

/* End every stream and the thread. Connections that wait are resumed, and none waits here again.
 * Idempotent; NULL is accepted. Main thread. */
void events_stop(struct events *events);
/* Stops first. No request may be left. NULL is accepted. */
void events_free(struct events *events);

/* Something was done that people want to see: look now and not at the next beat. NULL is accepted.
 * Any thread; does not block. */
void events_nudge(struct events *events);

/* Of a request that ends. NULL is accepted. Its HTTP thread. */
void events_leave(struct events_stream *stream);

#endif
