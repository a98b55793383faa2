/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions, ranges and bodies: what a mirror's object and a file of the app have in common.
 *
 * The rules are pure and live elsewhere (conditional.h, range.h); here the request's fields are
 * brought to them, and their verdicts to the reply. What a body is sent from depends on its size
 * alone: small ones are read into memory, others leave by the file's descriptor, which then belongs
 * to the one response. Nothing is mapped, so that a file that shrinks costs its client the answer
 * and not the server its life.
 *
 * HTTP threads. It reads files but never waits for the network. */
#include "body_answer.h"

#include "fault.h"
#include "fd.h"
#include "httpdate.h"
#include "mem.h"

#include <errno.h>

enum body_part
body_judge(struct request *rq, const struct conditional_object *object, uint64_t length,
           int64_t now, struct range_set *ret_set)
{
    const struct conditional_fields fields = {
        .method = rq->is_head ? CONDITIONAL_HEAD : CONDITIONAL_GET,
        .if_match = request_field(rq, "If-Match"),
        .if_unmodified_since = request_field(rq, "If-Unmodified-Since"),
        .if_none_match = request_field(rq, "If-None-Match"),
        .if_modified_since = request_field(rq, "If-Modified-Since"),
        .if_range = request_field(rq, "If-Range"),
    };
    bool may_range = false;

    ret_set->count = 1;
    ret_set->spans[0] = (struct range_span){.bytes = length};
    switch (conditional_judge(&fields, object, now, &may_range)) {
    case CONDITIONAL_NOT_MODIFIED:
        return BODY_NOT_MODIFIED;
    case CONDITIONAL_PRECONDITION_FAILED:
        return BODY_NOT_MATCHED;
    case CONDITIONAL_PROCEED:
    default:
        break;
    }
    if (!may_range || length == MH_BYTES_UNKNOWN)
        return BODY_WHOLE;
    switch (range_parse(request_field(rq, "Range"), length, ret_set)) {
    case RANGE_UNSATISFIABLE:
        return BODY_OUT_OF_RANGE;
    case RANGE_PARTIAL:
        return ret_set->count > 1 ? BODY_SPANS : BODY_SPAN;
    case RANGE_WHOLE:
    default:
        return BODY_WHOLE;
    }
}

unsigned
body_status(enum body_part part)
{
    static const unsigned short statuses[] = {
        [BODY_WHOLE] = 200,        [BODY_SPAN] = 206,        [BODY_SPANS] = 206,
        [BODY_NOT_MODIFIED] = 304, [BODY_NOT_MATCHED] = 412, [BODY_OUT_OF_RANGE] = 416,
    };

    return statuses[part];
}

enum ready_kind
body_ready_kind(const struct request *rq, enum body_part part)
{
    if (part == BODY_NOT_MODIFIED)
        return READY_NOT_MODIFIED;
    return rq->is_head ? READY_HEAD : READY_BODY;
}

void
body_fields(struct reply *reply, enum body_part part, const struct conditional_object *object,
            uint64_t length, const struct range_span *span)
{
    char date[HTTPDATE_SIZE];
    char range[RANGE_TEXT_SIZE];

    if (object->etag[0] != '\0')
        reply_field(reply, "ETag", object->etag);
    if (object->modified_at >= 0)
        reply_field(reply, "Last-Modified", httpdate_format(object->modified_at, date));
    if (length != MH_BYTES_UNKNOWN && part != BODY_NOT_MODIFIED)
        reply_field(reply, "Accept-Ranges", "bytes");
    if (part == BODY_SPAN)
        reply_field(reply, "Content-Range", range_content_range(span, length, range));
    if (part == BODY_OUT_OF_RANGE)
        reply_field(reply, "Content-Range", range_unsatisfied(length, range));
}

enum answer
body_problem(struct request *rq, struct reply *reply, enum body_part part)
{
    struct mh_fault fault;

    (void) fail(&fault, MH_BAD_INPUT, 0, "%s",
                part == BODY_OUT_OF_RANGE
                    ? "none of the ranges lies within the file; Content-Range says how long it is"
                    : "a condition of the request does not hold for the file as it is now");
    return reply_problem_with(rq, reply, MH_OK, &fault);
}

enum mh_code
body_from_fd(struct reply *reply, int *fd, const struct range_span *span, struct mh_fault *fault)
{
    scoped(fd_closep) int taken = fd_take(fd);
    scoped(mem_freep) char *bytes = NULL;
    ssize_t n;

    if (span->bytes > BODY_SMALL_BYTES) {
        reply_file(reply, fd_take(&taken), span->first, span->bytes);
        return MH_OK;
    }
    bytes = mem_calloc((size_t) span->bytes, 1);
    if (bytes == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    n = fd_pread_full(taken, bytes, (size_t) span->bytes, span->first);
    if (n < 0)
        return fail_errno(fault, errno, "cannot read the file");
    if ((uint64_t) n != span->bytes)
        return fail(fault, MH_CORRUPT, 0, "the file became shorter while it was read");
    reply_bytes(reply, ptr_take(&bytes), (size_t) n);
    return MH_OK;
}
