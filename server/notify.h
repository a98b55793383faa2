/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager (sd_notify's protocol), without linking to it. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "attrs.h"

#include <modelhost/code.h>

/* Send a state, e.g. "READY=1" or "STOPPING=1", as one datagram to $NOTIFY_SOCKET.
 *
 * Returns OK, also where nobody wants to know (the variable is not set); BAD_INPUT (the variable is
 * not a socket's address); IO. A caller may log a failure and go on. Does not block. */
MUST_USE enum mh_code notify_send(const char *state, struct mh_fault *fault);

#endif
