/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are errors, from a fault to a reply.
 *
 * How an error reads is problem.h's to say; here is known who asks, for what, and which models the
 * catalog has near a path that the upstream has not. No error may be kept by a cache, and every
 * one carries its sentence as a header, too, since of a shard the body stays empty.
 *
 * HTTP threads; nothing waits. It does not know the HTTP library. */
#include "reply.h"

#include "catalog.h"
#include "fault.h"
#include "mem.h"

#include <string.h>

#define PROBLEM_MAX 16384
#define EXIST_MAX   3072

static enum problem_form
form_for(struct request *rq)
{
    if (rq->listener->is_control)
        return PROBLEM_JSON; /* a program of ours reads it */
    return problem_form_choose(request_field(rq, "User-Agent"), request_field(rq, "Accept"),
                               rq->view != NULL && mh_view_is_shard(rq->view));
}

/* For a path that the catalog knows but the upstream has not: those that there are. */
static void
add_existing(const struct request *rq, struct buf *exist)
{
    const struct settings *settings = rq->server->settings;

    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];
        const size_t n = strlen(mirror->path);

        if (mirror->is_enabled && strncmp(rq->target.text, mirror->path, n) == 0)
            catalog_write_nearest(rq->target.text + n, mirror->path, exist);
    }
}

enum answer
reply_problem_with(struct request *rq, struct reply *reply, enum mh_code code,
                   const struct mh_fault *fault)
{
    scoped(mem_freep) char *file = str_dup_n(rq->target.path, rq->target.path_n);
    const enum problem_form form = form_for(rq);
    scoped(buf_done) struct buf exist = BUF_INIT(EXIST_MAX);
    struct problem problem = {.status = reply->status,
                              .code = code,
                              .fault = fault,
                              .file = file,
                              .upstream = rq->view != NULL ? mh_view_upstream(rq->view) : NULL};
    char header[PROBLEM_HEADER_MAX + 1];
    struct buf body = BUF_INIT(PROBLEM_MAX);

    if (code == MH_NOT_FOUND && rq->view != NULL)
        add_existing(rq, &exist);
    problem.exist = buf_text(&exist);
    reply_field(reply, "Cache-Control", "no-store");
    reply_field(reply, PROBLEM_HEADER, problem_header(&problem, header));
    if (form != PROBLEM_EMPTY) {
        reply_field(reply, "Content-Type", problem_content_type(form));
        reply_field(reply, "X-Content-Type-Options", "nosniff");
        problem_body(&problem, form, &body);
        reply_buf(reply, &body);
    }
    return reply_send(rq, reply);
}

enum answer
reply_problem(struct request *rq, unsigned status, enum mh_code code, const struct mh_fault *fault)
{
    struct reply reply = REPLY_INIT(status != 0 ? status : problem_status_of(code));

    if (reply.status == 503)
        reply_field(&reply, "Retry-After", "1");
    return reply_problem_with(rq, &reply, code, fault);
}

enum answer
reply_refusal(struct request *rq, unsigned status, const char *sentence)
{
    struct reply reply = REPLY_INIT(status);
    struct mh_fault fault;

    (void) fail(&fault, MH_BAD_INPUT, 0, "%s", sentence); /* only filled in */
    reply_field(&reply, "Connection", "close");
    return reply_problem_with(rq, &reply, MH_OK, &fault);
}

enum answer
reply_not_allowed(struct request *rq, unsigned methods)
{
    struct reply reply = REPLY_INIT(405);
    struct buf allow = BUF_INIT(128);
    struct mh_fault fault;
    enum answer answer;

    methods_write(methods, &allow);
    (void) fail(&fault, MH_BAD_INPUT, 0, "this takes %s only", buf_text(&allow));
    reply_field(&reply, "Allow", buf_text(&allow));
    answer = reply_problem_with(rq, &reply, MH_OK, &fault);
    buf_done(&allow);
    return answer;
}
