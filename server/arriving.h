/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of an object that is still arriving, for the readers of replies. */
#ifndef SERVER_ARRIVING_H
#define SERVER_ARRIVING_H

#include "request.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Read from the request's view, as mh_view_read() does; where there is nothing to give out yet the
 * connection is paused. Returns what a reply_reader does. The request's HTTP thread. */
ssize_t arriving_read(struct request *rq, uint64_t offset, uint64_t end, char *buffer, size_t size);

#endif
