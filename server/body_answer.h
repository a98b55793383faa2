/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer with a body of known bytes has in common, whoever has the bytes: conditions,
 * ranges, and the fields that say so. */
#ifndef SERVER_BODY_ANSWER_H
#define SERVER_BODY_ANSWER_H

#include "attrs.h"
#include "conditional.h"
#include "range.h"
#include "ready.h"
#include "reply.h"
#include "request.h"

#include <stdbool.h>
#include <stdint.h>

enum body_part {
    BODY_WHOLE,        /* 200 */
    BODY_SPAN,         /* 206 */
    BODY_SPANS,        /* 206, several: multipart/byteranges */
    BODY_NOT_MODIFIED, /* 304 */
    BODY_NOT_MATCHED,  /* 412 */
    BODY_OUT_OF_RANGE  /* 416 */
};

/* Judge a GET or HEAD against a representation.
 *
 * length    in bytes; MH_BYTES_UNKNOWN: a Range is ignored
 * ret_set   set to what the body holds: one span but for BODY_SPANS */
enum body_part body_judge(struct request *rq, const struct conditional_object *object,
                          uint64_t length, int64_t now, struct range_set *ret_set);

/* The status of a part. */
unsigned body_status(enum body_part part);

/* Which of the answers that are kept ready a whole body or a 304 is. */
enum ready_kind body_ready_kind(const struct request *rq, enum body_part part);

/* Add ETag, Last-Modified, Accept-Ranges and Content-Range, as far as they belong to the part. */
void body_fields(struct reply *reply, enum body_part part, const struct conditional_object *object,
                 uint64_t length, const struct range_span *span);

/* Send 412 or 416, with the reply's fields. */
MUST_USE enum answer body_problem(struct request *rq, struct reply *reply, enum body_part part);

/* Bodies up to this size are read into memory at once, which is cheaper than a file of their own
 * (facts of the benchmarks: the border lies below 60 KB). */
#define BODY_SMALL_BYTES ((uint64_t) 32 << 10)

/* Make a span of an open file the body. Takes *fd. OK; CORRUPT (the file is shorter); IO; NOMEM. */
MUST_USE enum mh_code body_from_fd(struct reply *reply, int *fd, const struct range_span *span,
                                   struct mh_fault *fault);

#endif
