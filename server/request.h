/* SPDX-License-Identifier: Apache-2.0 */
/* One request: what the client said, and what has become of it so far. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "attrs.h"
#include "buf.h"
#include "head.h"
#include "httpd.h"
#include "list.h"
#include "route.h"
#include "sending.h"
#include "target.h"

#include <modelhost/view.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct MHD_Connection;
struct action_job;
struct events_stream;

/* Bytes of a target that need no memory of its own. */
#define REQUEST_TARGET_ROOM 256
#define REQUEST_BODY_MAX    ((size_t) 1 << 20)

/* Where a request stands. Only request.c moves it. */
enum request_stage {
    REQUEST_NEW,      /* the request line has been read */
    REQUEST_READING,  /* the head has been read; a body may follow */
    REQUEST_ANSWERING /* routed: the route's answer function is called until it is done */
};

struct multipart;
struct ready;

/* Lives from the request line to the end of the answer, on one HTTP thread; only the waiter's wake
 * comes from others. */
struct request {
    struct server *server;             /* borrowed */
    const struct listener *listener;   /* borrowed */
    struct MHD_Connection *connection; /* borrowed */
    struct patience *patience;         /* the connection's; borrowed; NULL: none */
    enum request_stage stage;

    char *raw_target; /* as it was sent; `target_room` where it fits, else owned */
    enum target_verdict target_verdict;
    struct target target; /* where the verdict is OK */
    struct buf path;      /* decoded, from the moment it is routed */
    enum method method;
    bool is_head;
    bool has_bad_method; /* not even a name */
    bool is_http10;
    bool is_corked;            /* request_cork() */
    const struct route *route; /* NULL until it is routed */
    struct buf body;           /* of a POST */
    size_t body_seen;          /* bytes that came, also those that were too many */
    struct list joined;        /* char *: header fields that came in several lines */

    struct request_hints hints; /* set with the head */
    struct ready *kept;         /* counted: the answer that is being sent, if it is a kept one */

    /* Of mirror paths: */
    struct mh_view *view; /* owned; NULL until it is opened */
    struct mh_waiter waiter;
    bool has_reopened;   /* the file was changed from outside; there is no third try */
    uint64_t first, end; /* of an arriving body: the bytes that the answer holds, end exclusive;
                            MH_BYTES_UNKNOWN: to the object's end */

    struct multipart *multipart;  /* owned; of an answer of several ranges */
    struct events_stream *events; /* owned; of a stream of events */
    struct action_job *job;       /* owned: what a route under /-/api/ waits for; NULL: nothing */

    /* Of the reply: */
    ssize_t (*read)(struct request *rq, uint64_t offset, char *buffer, size_t size);
    uint64_t sent_bytes;    /* what the reader has handed out */
    uint64_t queued_bytes;  /* of a body that the library sends by itself */
    struct sending sending; /* of one that leaves by a descriptor */

    char target_room[REQUEST_TARGET_ROOM]; /* last: it is not cleared for the next request */
};

/* A header field's value, several lines of it joined by ", "; NULL where there is none. Valid as
 * long as the request. */
const char *request_field(struct request *rq, const char *name);

/* After MH_BUSY: pause until the view has news. Returns whether the connection is paused now; if
 * not, ask the view again. */
MUST_USE bool request_wait(struct request *rq);

/* The connection's socket; -1: none. Borrowed. */
int request_socket(const struct request *rq);

/* Hold back the answer's head until its body follows, at the latest until the answer is over. The
 * library would send it as a packet of its own, which costs both ends a wake-up. */
void request_cork(struct request *rq);

/* Has the client gone? The HTTP library does not see it while it waits (design §4). */
bool request_is_hung_up(const struct request *rq);

/* The numeric address at which the connection arrived; "" where it has none. */
#define REQUEST_ADDRESS_SIZE 64
void request_local_address(const struct request *rq, char ret[REQUEST_ADDRESS_SIZE]);

/* May the process at the other end of a unix socket talk to us: is it ours, or root's? */
bool request_is_peer_ours(const struct request *rq);

#endif
