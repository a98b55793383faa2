/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: <cache>/control, where commands reach the server that holds the cache. */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "attrs.h"
#include "listen.h"

#include <modelhost/code.h>
#include <modelhost/host.h>

/* Listen on the control socket of a host's cache. *ret is owned by the caller, listen_close().
 * Returns as listen_open_at(). Main thread. */
MUST_USE enum mh_code control_listen(const struct mh_host *host, struct listen_socket *ret,
                                     struct mh_fault *fault);

#endif
