/* SPDX-License-Identifier: Apache-2.0 */
/* How long a client may take to say what it wants: a request must be whole within `idle_timeout`
 * of the connection's beginning, or of the end of the answer before it. */
#ifndef SERVER_PATIENCE_H
#define SERVER_PATIENCE_H

#include "httpd.h"

struct patience; /* of one connection; opaque */

/* A connection has begun; the clock runs. The caller owns what is returned, patience_end(). NULL:
 * no memory; then the library's own timeout is all there is. NULL is accepted everywhere. */
struct patience *patience_begin(struct server *server, int fd);
/* The connection is over. Before its socket is closed. */
void patience_end(struct patience *patience);

/* A request is whole; its answer may take as long as it takes. The connection's own thread. */
void patience_stop_clock(struct patience *patience);
/* The answer has been sent: wait for the next request. The connection's own thread. */
void patience_start_clock(struct patience *patience);

/* Cut those whose time is over. Once a second; any thread but HTTP threads. */
void patience_sweep(struct server *server);

#endif
