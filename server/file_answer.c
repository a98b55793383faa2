/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for the app's own files, and for every path that nobody owns.
 *
 * files.h finds the file; what is said of it follows the same rules as for a mirror's objects. The
 * files are being worked on while they are served, so nobody may keep them without asking again.
 * Should a file shrink while it is being sent, the connection is cut (sending.h), since a length
 * that was promised cannot be taken back.
 *
 * Where there is no file, `spa` and `listing` may have an answer all the same. A fallback is for a
 * person who opens a path: a script, an image or a model that is missing must fail as such.
 *
 * Without a root there is one page, at "/", that says where to look.
 *
 * HTTP threads; may block on the disk. */
#include "body_answer.h"
#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "files.h"
#include "listing.h"
#include "multipart.h"
#include "own_pages.h"
#include "ready.h"
#include "reply.h"
#include "request.h"
#include "watched_page.h"

#include <string.h>

/* When an answer was begun. */
struct moment {
    int64_t now;
    char mark[WATCH_MARK_SIZE]; /* the app's state, where it is watched; else "" */
};

/* Kept where it does not depend on who asks: under `spa` it does, by Accept, which is no part of
 * what kept answers are found by. A page that renews itself at once must not get what was kept a
 * moment ago. */
static enum answer
send_found(struct request *rq, struct reply *reply, enum body_part part,
           const struct conditional_object *object, int64_t now)
{
    if (rq->server->settings->server.is_spa || rq->server->watch != NULL ||
        (part != BODY_WHOLE && part != BODY_NOT_MODIFIED))
        return reply_send(rq, reply);
    return ready_send(
        rq, reply,
        &(struct ready_offer){.kind = body_ready_kind(rq, part), .object = object, .now = now});
}

static enum answer
answer_found(struct request *rq, struct files_answer *found, const struct moment *moment)
{
    const int64_t now = moment->now;
    const struct conditional_object object = {.etag = found->etag,
                                              .modified_at = found->modified_at};
    struct range_set set;
    const enum body_part part = body_judge(rq, &object, found->bytes, now, &set);
    struct reply reply = REPLY_INIT(body_status(part));
    struct mh_fault fault;
    enum mh_code code = MH_OK;

    if (files_may_be_encoded(found))
        reply_field(&reply, "Vary", "Accept-Encoding");
    body_fields(&reply, part, &object, found->bytes, &set.spans[0]);
    if (part == BODY_NOT_MATCHED || part == BODY_OUT_OF_RANGE)
        return body_problem(rq, &reply, part);
    reply_field(&reply, "Cache-Control", "no-cache");
    if (rq->server->settings->server.is_spa)
        reply_field(&reply, "Vary", "Accept");
    /* Of a 304 too: which policies belong to an answer is judged by its type. */
    if (part != BODY_SPANS)
        reply_field(&reply, "Content-Type", found->content_type);
    if (part == BODY_NOT_MODIFIED) {
        reply_absent(&reply, found->bytes);
        return send_found(rq, &reply, part, &object, now);
    }
    if (found->encoding != NULL)
        reply_field(&reply, "Content-Encoding", found->encoding);
    if (part == BODY_SPANS)
        code =
            multipart_body(rq, &reply, &set, found->content_type, found->bytes, &found->fd, &fault);
    else if (rq->is_head)
        reply_absent(&reply, set.spans[0].bytes);
    else
        code = body_from_fd(&reply, &found->fd, &set.spans[0], &fault);
    if (code == MH_OK)
        return send_found(rq, &reply, part, &object, now);
    reply_done(&reply);
    /* Cut short under our hands: a client that asks again gets the file as it is then. */
    return reply_problem(rq, 503, code == MH_CORRUPT ? MH_BUSY : code, &fault);
}

/* A found file, or the page that --watch makes of it. */
static enum answer
answer_page(struct request *rq, struct files_answer *found, const struct moment *moment)
{
    if (watched_page_is_for(rq, found))
        return watched_page_answer(rq, found, moment->mark, moment->now);
    return answer_found(rq, found, moment);
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

/* --- where there is no file --- */

static bool
has_extension(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strchr(slash != NULL ? slash : path, '.') != NULL;
}

/* Does a person open the path? What a page loads has no text/html in its Accept. */
static bool
is_for_app(struct request *rq)
{
    const char *accept = request_field(rq, "Accept");

    return rq->server->settings->server.is_spa && accept != NULL &&
           strcasestr(accept, "text/html") != NULL && !has_extension(buf_text(&rq->path));
}

static enum answer
send_listing(struct request *rq, struct buf *page, const struct moment *moment)
{
    struct reply reply = REPLY_INIT(200);

    if (rq->server->watch != NULL)
        watched_page_mark(page, moment->mark);
    reply_field(&reply, "Content-Type", "text/html; charset=utf-8");
    reply_field(&reply, "Cache-Control", "no-cache");
    if (rq->is_head)
        reply_absent(&reply, page->length);
    else
        reply_buf(&reply, page);
    return reply_send(rq, &reply);
}

/* What went wrong is ours: the codes' own statuses speak of an upstream. */
static unsigned
listing_status(enum mh_code code)
{
    if (code == MH_DENIED)
        return 403;
    return code == MH_NOMEM || code == MH_BUSY ? 503 : 500;
}

static enum answer
answer_missing(struct request *rq, const struct moment *moment, const struct files_answer *missing,
               const struct mh_fault *fault)
{
    scoped(files_answer_done) struct files_answer index = FILES_ANSWER_INIT;
    scoped(buf_done) struct buf page = BUF_INIT(LISTING_MAX_BYTES);
    struct mh_fault own;
    enum mh_code code;

    if (rq->server->settings->server.is_listing) {
        code = listing_write(rq->server->root_fd, buf_text(&rq->path), &page, &own);
        if (code == MH_OK)
            return send_listing(rq, &page, moment);
        if (code != MH_NOT_FOUND)
            return reply_problem(rq, listing_status(code), code, &own);
    }
    if (is_for_app(rq)) {
        code =
            files_open(rq->server->root_fd, &rq->target, "/index.html", moment->now, &index, &own);
        if (code == MH_OK && index.status == 200)
            return answer_page(rq, &index, moment);
    }
    return reply_problem(rq, missing->status, MH_NOT_FOUND, fault);
}

enum answer
answer_file(struct request *rq)
{
    struct moment moment = {.now = clock_wall_s()};
    struct files_answer found = FILES_ANSWER_INIT;
    struct mh_fault fault;
    enum answer answer;
    enum mh_code code;

    if (rq->server->root_fd < 0)
        return answer_without_root(rq);
    if (rq->server->watch != NULL)
        watch_mark(rq->server->watch, moment.mark);
    code = files_open(rq->server->root_fd, &rq->target, buf_text(&rq->path), moment.now, &found,
                      &fault);
    /* Ranges are of the file itself: whoever asks for them has other pieces of it. */
    if (code == MH_OK && request_field(rq, "Range") == NULL && !watched_page_is_for(rq, &found))
        files_prefer_encoded(rq->server->root_fd, &rq->target, buf_text(&rq->path), moment.now,
                             request_field(rq, "Accept-Encoding"), &found);
    if (code == MH_NOT_FOUND)
        answer = answer_missing(rq, &moment, &found, &fault);
    else if (code != MH_OK)
        answer = reply_problem(rq, found.status, code, &fault);
    else if (found.status == 308)
        answer = answer_moved(rq, &found);
    else
        answer = answer_page(rq, &found, &moment);
    files_answer_done(&found);
    return answer;
}
