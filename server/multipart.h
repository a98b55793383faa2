/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of several ranges: multipart/byteranges (RFC 9110 §14.6). */
#ifndef SERVER_MULTIPART_H
#define SERVER_MULTIPART_H

#include "attrs.h"
#include "range.h"
#include "reply.h"
#include "request.h"

#include <stdint.h>

struct multipart;

/* Make several spans of a file the body, and say so in Content-Type.
 *
 * set           two spans or more; copied
 * content_type  of the whole; copied
 * length        of the whole, in bytes
 * fd            of the file; taken. -1: the spans are read from the request's view as they arrive
 *
 * What it needs is kept in the request until that ends. OK, IO, NOMEM, or TOO_LARGE: the answer's
 * length fits no number. */
MUST_USE enum mh_code multipart_body(struct request *rq, struct reply *reply,
                                     const struct range_set *set, const char *content_type,
                                     uint64_t length, int *fd, struct mh_fault *fault);

void multipart_free(struct multipart *multipart); /* NULL is accepted */

#endif
