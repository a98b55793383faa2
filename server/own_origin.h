/* SPDX-License-Identifier: Apache-2.0 */
/* The origin under which a client reached us. */
#ifndef SERVER_OWN_ORIGIN_H
#define SERVER_OWN_ORIGIN_H

#include "attrs.h"
#include "request.h"

/* "http://localhost:8080", from what the client asked for; "" where it named no host that can be
 * one. Owned by the caller, mem_free(); NULL when memory ran out. Its HTTP thread. */
MUST_USE char *own_origin(struct request *rq);

#endif
