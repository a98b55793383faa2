/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of several ranges, written while they are sent.
 *
 * The spans are disjoint and few (range.h), so that such an answer holds no byte twice and costs no
 * more than the whole file would. Its length is known beforehand. The parts are written one after
 * the other: a head, made when it is due, then the span's bytes, read from the checked file or, as
 * long as the object arrives, from its view. The last byte of the last span is then withheld until
 * the object's checks have passed, like that of any other answer.
 *
 * HTTP threads; one request each. It refuses to know which ranges are to be sent, and why. */
#include "multipart.h"

#include "arriving.h"
#include "buf.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define BOUNDARY_BYTES 16
#define TEXT_MAX       4096

struct multipart {
    struct range_set set;
    char boundary[2 * BOUNDARY_BYTES + 1];
    char *content_type; /* owned */
    struct range_parts parts;
    int fd; /* owned; -1: the request's view is read */
    /* Where the writing stands: */
    size_t index;    /* the span that is due; set.count: the end */
    struct buf text; /* the head before it, or what ends the body */
    size_t text_at;
    uint64_t span_at; /* bytes of the span that are out */
};

void
multipart_free(struct multipart *multipart)
{
    if (multipart == NULL)
        return;
    fd_close(multipart->fd);
    buf_done(&multipart->text);
    mem_free(multipart->content_type);
    mem_free(multipart);
}

static void
begin_part(struct multipart *multipart)
{
    buf_done(&multipart->text);
    multipart->text = BUF_INIT(TEXT_MAX);
    multipart->text_at = 0;
    multipart->span_at = 0;
    if (multipart->index < multipart->set.count)
        range_part_head(&multipart->parts, &multipart->set, multipart->index, &multipart->text);
    else
        range_parts_end(&multipart->parts, &multipart->text);
}

static ssize_t
give_text(struct multipart *multipart, char *buffer, size_t size)
{
    const size_t left = multipart->text.length - multipart->text_at;
    const size_t n = left < size ? left : size;

    memcpy(buffer, buf_text(&multipart->text) + multipart->text_at, n);
    multipart->text_at += n;
    return (ssize_t) n;
}

static ssize_t
read_file(const struct multipart *multipart, uint64_t offset, char *buffer, size_t size)
{
    const ssize_t n = fd_pread_full(multipart->fd, buffer, size, offset);

    if (n == (ssize_t) size)
        return n;
    log_debug("an answer is cut: its file could not be read to the end");
    return REPLY_READ_ERROR;
}

static ssize_t
give_span(struct request *rq, struct multipart *multipart, char *buffer, size_t size)
{
    const struct range_span *span = &multipart->set.spans[multipart->index];
    const uint64_t left = span->bytes - multipart->span_at;
    const uint64_t offset = span->first + multipart->span_at;
    /* Of the last span, the last byte is what completes the answer. */
    const uint64_t end =
        multipart->index + 1 == multipart->set.count ? span->first + span->bytes : MH_BYTES_UNKNOWN;
    ssize_t n;

    size = left < size ? (size_t) left : size;
    n = multipart->fd >= 0 ? read_file(multipart, offset, buffer, size)
                           : arriving_read(rq, offset, end, buffer, size);
    if (n > 0)
        multipart->span_at += (uint64_t) n;
    /* The object cannot end before the span does. */
    return n == REPLY_READ_END ? REPLY_READ_ERROR : n;
}

static ssize_t
read_parts(struct request *rq, uint64_t offset, char *buffer, size_t size)
{
    struct multipart *multipart = rq->multipart;
    ssize_t n;

    (void) offset; /* a body is read from its beginning to its end, once */
    if (!buf_is_ok(&multipart->text))
        return REPLY_READ_ERROR;
    if (multipart->text_at < multipart->text.length)
        return give_text(multipart, buffer, size);
    if (multipart->index >= multipart->set.count)
        return REPLY_READ_END;
    n = give_span(rq, multipart, buffer, size);
    if (n > 0 && multipart->span_at == multipart->set.spans[multipart->index].bytes) {
        multipart->index++;
        begin_part(multipart);
    }
    return n;
}

/* Nothing in the file may look like a delimiter; what cannot be guessed does not. */
static bool
draw_boundary(struct multipart *multipart)
{
    uint8_t random[BOUNDARY_BYTES];

    if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
        return false;
    hex_encode(random, sizeof(random), multipart->boundary);
    return true;
}

enum mh_code
multipart_body(struct request *rq, struct reply *reply, const struct range_set *set,
               const char *content_type, uint64_t length, int *fd, struct mh_fault *fault)
{
    struct multipart *multipart = mem_new(struct multipart);
    struct buf type = BUF_INIT(256);
    uint64_t bytes = 0;

    if (multipart == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    multipart_free(rq->multipart);
    rq->multipart = multipart;
    multipart->fd = fd_take(fd);
    multipart->set = *set;
    multipart->content_type = str_dup(content_type);
    if (multipart->content_type == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    if (!draw_boundary(multipart))
        return fail_errno(fault, errno, "cannot get random bytes for an answer's boundary");
    multipart->parts = (struct range_parts){
        .boundary = multipart->boundary, .content_type = multipart->content_type, .length = length};
    if (!range_parts_bytes(&multipart->parts, set, &bytes))
        return fail(fault, MH_TOO_LARGE, 0, "the ranges are too large to be counted");
    begin_part(multipart);
    range_parts_type(&multipart->parts, &type);
    reply_field(reply, "Content-Type", buf_text(&type));
    buf_done(&type);
    reply_read(reply, read_parts, bytes);
    return MH_OK;
}
