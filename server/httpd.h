/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: its listeners, their threads, and what all requests share. */
#ifndef SERVER_HTTPD_H
#define SERVER_HTTPD_H

#include "attrs.h"
#include "listen.h"
#include "settings.h"
#include "tls.h"

#include <modelhost/code.h>
#include <modelhost/host.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Daemon;
struct events;
struct watch;
struct patience;

/* One address that is listened on, with a daemon and threads of its own. */
struct listener {
    struct server *server; /* borrowed */
    struct listen_socket socket;
    bool is_control; /* the API only, for ourselves and root */
    bool is_tls;
    bool is_loopback;          /* only this machine can reach it */
    struct MHD_Daemon *daemon; /* NULL until it is started */
};

struct server_counters {
    _Atomic uint64_t requests;
    _Atomic uint64_t hits;   /* mirror paths answered without the client waiting for an upstream */
    _Atomic uint64_t misses; /* mirror paths answered from an upstream, while it arrived */
    _Atomic uint64_t kept;   /* answers that were ready (ready.h) */
    _Atomic uint64_t bytes;  /* of bodies, as far as they were handed to the kernel */
};

/* What all requests share. Written before the daemons start, but for what is atomic or guarded. */
struct server {
    const struct settings *_Atomic settings; /* borrowed; a reload puts others in their place */
    struct mh_host *host;                    /* borrowed */
    struct watch *watch;                     /* over root_fd; owned; NULL: nothing is watched */
    int root_fd;                             /* the app's directory; -1: there is none */
    struct tls_identity *tls;                /* of every TCP listener; NULL: in the clear; owned */
    char *token; /* for actions from beyond loopback; NULL: nobody needs one */
    uint64_t started_mono_ms;
    struct listener **listeners; /* a daemon keeps a pointer to its own */
    size_t listener_count;
    struct server_counters counters;
    struct events *events; /* streams of what happens (events.h) */
    atomic_bool is_stopping;

    pthread_mutex_t ready_lock;
    struct ready_table *ready;    /* one per HTTP thread (ready.h); the list is guarded */
    _Atomic uint64_t ready_files; /* descriptors that kept answers hold, and how many they may */
    uint64_t ready_files_max;

    pthread_mutex_t sending_lock;
    struct sending_list *sending; /* one per HTTP thread (sending.h); the list is guarded */

    pthread_mutex_t patience_lock;
    struct patience *patience; /* one per connection (patience.h); the list is guarded */

    /* Connections that wait for the mirror: none may be left when a daemon is stopped. */
    pthread_mutex_t paused_lock;
    pthread_cond_t paused_none;
    size_t paused_count; /* guarded by paused_lock */
};

/* Make a server, open its sockets, and write nothing yet.
 *
 * settings, host  borrowed for the server's life
 * ret             on OK, owned by the caller, server_free()
 *
 * An address that this machine cannot have because it has no IPv6 is skipped with a note; the
 * control socket is given up with a warning where the cache's file system has no sockets.
 * Returns OK, or why an address cannot be listened on, or the root not be opened. Main thread. */
MUST_USE enum mh_code server_open(const struct settings *settings, struct mh_host *host,
                                  struct server **ret, struct mh_fault *fault);

/* Start to answer. OK, or UNSUPPORTED, NOMEM or IO when a daemon does not start. */
MUST_USE enum mh_code server_start(struct server *server, struct mh_fault *fault);

/* Stop accepting, stop the host (which ends every wait), and cut what is being sent. Blocks until
 * no HTTP thread is left. Idempotent. Main thread. */
void server_stop(struct server *server);

/* Stops first. NULL is accepted. The host is left open. */
void server_free(struct server *server);

/* A connection is about to wait, before it is paused; and it does not wait (any more). When the
 * server stops, none may begin to: one that was woken and waits again would be there when its
 * daemon is stopped, which aborts. Returns whether it may. */
MUST_USE bool server_begin_wait(struct server *server);
void server_end_wait(struct server *server);

#endif
