/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that do not come to the point.
 *
 * The library's timeout begins anew with every byte, so that a client that sends its head one byte
 * at a time would hold a connection for ever, and a few hundred of them the server. Here the clock
 * of a connection runs from its beginning, the TLS handshake included, until a request is whole,
 * and again from the end of each answer. It stands still while an answer is being sent: whoever
 * reads slowly is looked after by the library's timeout, and whoever waits for a download by the
 * download's.
 *
 * The connections of a server are a list under a lock, taken when one begins, when one ends, and by
 * the sweep, never by a request. The sweep shuts sockets down and closes none: the library then
 * sees the end of the connection and says that it is over, before it closes the socket, so that no
 * descriptor is met here that has become somebody else's. */
#include "patience.h"

#include "clocks.h"
#include "mem.h"

#include <stdatomic.h>
#include <sys/socket.h>

struct patience {
    struct server *server;     /* borrowed */
    int fd;                    /* borrowed */
    _Atomic uint64_t since_ms; /* monotonic; 0: the clock stands still */
    /* server->patience_lock: */
    struct patience *next;
    struct patience **link;
};

struct patience *
patience_begin(struct server *server, int fd)
{
    struct patience *patience = mem_new(struct patience);

    if (patience == NULL)
        return NULL;
    patience->server = server;
    patience->fd = fd;
    patience_start_clock(patience);
    (void) pthread_mutex_lock(&server->patience_lock);
    patience->next = server->patience;
    patience->link = &server->patience;
    if (patience->next != NULL)
        patience->next->link = &patience->next;
    server->patience = patience;
    (void) pthread_mutex_unlock(&server->patience_lock);
    return patience;
}

void
patience_end(struct patience *patience)
{
    if (patience == NULL)
        return;
    (void) pthread_mutex_lock(&patience->server->patience_lock);
    *patience->link = patience->next;
    if (patience->next != NULL)
        patience->next->link = patience->link;
    (void) pthread_mutex_unlock(&patience->server->patience_lock);
    mem_free(patience);
}

void
patience_stop_clock(struct patience *patience)
{
    if (patience != NULL)
        atomic_store_explicit(&patience->since_ms, 0, memory_order_relaxed);
}

void
patience_start_clock(struct patience *patience)
{
    if (patience != NULL)
        atomic_store_explicit(&patience->since_ms, clock_mono_ms(), memory_order_relaxed);
}

void
patience_sweep(struct server *server)
{
    const uint64_t limit_ms = server->settings->server.idle_timeout_ms;
    const uint64_t now_ms = clock_mono_ms();

    (void) pthread_mutex_lock(&server->patience_lock);
    for (struct patience *at = server->patience; at != NULL; at = at->next) {
        const uint64_t since_ms = atomic_load_explicit(&at->since_ms, memory_order_relaxed);

        /* One that has gone already, or is shut down a second time, does no harm. */
        if (since_ms != 0 && now_ms > since_ms && now_ms - since_ms > limit_ms)
            (void) shutdown(at->fd, SHUT_RDWR);
    }
    (void) pthread_mutex_unlock(&server->patience_lock);
}
