/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for the app's own files, and for every path that nobody owns.
 *
 * files.h finds the file; what is said of it follows the same rules as for a mirror's objects. The
 * files are being worked on while they are served, so nobody may keep them without asking again.
 * Without a root there is one page, at "/", that says where to look.
 *
 * HTTP threads; may block on the disk. */
#include "body_answer.h"
#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "files.h"
#include "multipart.h"
#include "own_pages.h"
#include "ready.h"
#include "reply.h"
#include "request.h"

#include <string.h>

static enum answer
answer_found(struct request *rq, struct files_answer *found, int64_t now)
{
    const struct conditional_object object = {.etag = found->etag,
                                              .modified_at = found->modified_at};
    struct range_set set;
    const enum body_part part = body_judge(rq, &object, found->bytes, now, &set);
    const struct ready_offer offer = {
        .kind = body_ready_kind(rq, part), .object = &object, .now = now};
    struct reply reply = REPLY_INIT(body_status(part));
    struct mh_fault fault;
    enum mh_code code = MH_OK;

    if (files_may_be_encoded(found))
        reply_field(&reply, "Vary", "Accept-Encoding");
    body_fields(&reply, part, &object, found->bytes, &set.spans[0]);
    if (part == BODY_NOT_MATCHED || part == BODY_OUT_OF_RANGE)
        return body_problem(rq, &reply, part);
    reply_field(&reply, "Cache-Control", "no-cache");
    if (part == BODY_NOT_MODIFIED) {
        reply_absent(&reply, found->bytes);
        return ready_send(rq, &reply, &offer);
    }
    if (found->encoding != NULL)
        reply_field(&reply, "Content-Encoding", found->encoding);
    if (part != BODY_SPANS)
        reply_field(&reply, "Content-Type", found->content_type);
    if (part == BODY_SPANS)
        code =
            multipart_body(rq, &reply, &set, found->content_type, found->bytes, &found->fd, &fault);
    else if (rq->is_head)
        reply_absent(&reply, set.spans[0].bytes);
    else
        code = body_from_fd(&reply, &found->fd, &set.spans[0], &fault);
    if (code == MH_OK)
        return part == BODY_WHOLE ? ready_send(rq, &reply, &offer) : reply_send(rq, &reply);
    reply_done(&reply);
    /* Cut short under our hands: a client that asks again gets the file as it is then. */
    return reply_problem(rq, 503, code == MH_CORRUPT ? MH_BUSY : code, &fault);
}

static enum answer
answer_moved(struct request *rq, const struct files_answer *found)
{
    struct reply reply = REPLY_INIT(308);

    reply_field(&reply, "Location", found->location);
    reply_field(&reply, "Cache-Control", "no-cache");
    return reply_send(rq, &reply);
}

static enum answer
answer_without_root(struct request *rq)
{
    struct mh_fault fault;

    if (strcmp(buf_text(&rq->path), "/") == 0)
        return own_page_front(rq);
    (void) fail(&fault, MH_NOT_FOUND, 0,
                "no mirror has this path, and no directory is served at '/'; /-/ lists the "
                "mirrors, 'modelhost serve DIR' serves a directory");
    return reply_problem(rq, 404, MH_OK, &fault);
}

enum answer
answer_file(struct request *rq)
{
    const int64_t now = clock_wall_s();
    struct files_answer found = FILES_ANSWER_INIT;
    struct mh_fault fault;
    enum answer answer;
    enum mh_code code;

    if (rq->server->root_fd < 0)
        return answer_without_root(rq);
    code = files_open(rq->server->root_fd, &rq->target, buf_text(&rq->path), now, &found, &fault);
    /* Ranges are of the file itself: whoever asks for them has other pieces of it. */
    if (code == MH_OK && request_field(rq, "Range") == NULL)
        files_prefer_encoded(rq->server->root_fd, &rq->target, buf_text(&rq->path), now,
                             request_field(rq, "Accept-Encoding"), &found);
    if (code != MH_OK)
        answer = reply_problem(rq, found.status, code, &fault);
    else if (found.status == 308)
        answer = answer_moved(rq, &found);
    else
        answer = answer_found(rq, &found, now);
    files_answer_done(&found);
    return answer;
}
