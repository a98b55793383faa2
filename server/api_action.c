/* SPDX-License-Identifier: Apache-2.0 */
/* POST /-/api/rm, pin, unpin, verify and gc; over the control socket export and import too.
 *
 * They wait for the disk, some for minutes, which an HTTP thread must not: each gets a thread of
 * its own, of which there are few, and its connection is paused until that is done. The connection
 * is paused before the thread begins, so the wake cannot come too early. The request owns the job;
 * it cannot end while it is paused, and the thread touches neither after the wake. When the server
 * stops, the host ends the work, which wakes the connection like any other that waits. */
#include "api.h"

#include "action.h"
#include "carry.h"
#include "events.h"
#include "fault.h"
#include "json.h"
#include "mem.h"
#include "reply.h"

#include <pthread.h>
#include <stdatomic.h>

#define JOBS_MAX 8

struct action_job {
    struct request *rq;
    struct json *body;
    enum mh_action action;
    carry_run *carry; /* not an action, but this; or NULL */
    enum mh_code code;
    struct buf answer;
    struct mh_fault fault;
};

static atomic_uint jobs; /* that run */

void
action_job_free(struct action_job *job)
{
    if (job == NULL)
        return;
    json_free(job->body);
    buf_done(&job->answer);
    mem_free(job);
}

static void *
run(void *arg)
{
    struct action_job *job = arg;
    struct request *rq = job->rq;

    if (job->carry != NULL)
        job->code = job->carry(rq->server->host, job->body, &job->answer, &job->fault);
    else
        job->code = action_run(rq->server->host, job->action, job->body, &job->answer, &job->fault);
    (void) atomic_fetch_sub(&jobs, 1);
    rq->waiter.wake(&rq->waiter);
    return NULL;
}

static enum mh_code
start_thread(struct action_job *job, struct mh_fault *fault)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    if (!server_begin_wait(job->rq->server))
        return fail(fault, MH_CANCELLED, 0, "the server is stopping");
    if (atomic_fetch_add(&jobs, 1) >= JOBS_MAX) {
        server_end_wait(job->rq->server);
        (void) atomic_fetch_sub(&jobs, 1);
        return fail(fault, MH_BUSY, 0, "%d actions are under way already; try again shortly",
                    JOBS_MAX);
    }
    (void) pthread_attr_init(&attributes);
    (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    job->rq->waiter.pause(&job->rq->waiter);
    error = pthread_create(&thread, &attributes, run, job);
    (void) pthread_attr_destroy(&attributes);
    if (error == 0)
        return MH_OK;
    job->code = fail_errno(&job->fault, error, "cannot start a thread");
    (void) atomic_fetch_sub(&jobs, 1);
    job->rq->waiter.wake(&job->rq->waiter); /* the answer is the failure */
    return MH_OK;
}

static enum mh_code
begin(struct request *rq, struct mh_fault *fault)
{
    struct action_job *job;
    struct json *body = NULL;
    enum mh_action action = MH_ACTION_GC;
    enum mh_code code;

    /* These are about the cache directory's files, and for who may open its socket. */
    carry_run *carry = rq->listener->is_control ? carry_of_path(buf_text(&rq->path)) : NULL;

    if (carry == NULL && !action_of_path(buf_text(&rq->path), &action))
        return fail(fault, MH_NOT_FOUND, 0, "there is no such action");
    code = json_parse(buf_text(&rq->body), rq->body.length, &body, fault);
    if (code != MH_OK) {
        if (code == MH_BAD_INPUT)
            fault_prepend(fault, "the body is no JSON");
        return code;
    }
    job = mem_new(struct action_job);
    if (job == NULL) {
        json_free(body);
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    job->rq = rq;
    job->body = body;
    job->action = action;
    job->carry = carry;
    job->answer = BUF_INIT(ACTION_JSON_MAX);
    rq->job = job;
    code = start_thread(job, fault);
    if (code == MH_OK)
        return MH_OK;
    rq->job = NULL;
    action_job_free(job);
    return code;
}

enum answer
answer_api_action(struct request *rq)
{
    struct mh_fault fault;
    enum mh_code code;

    if (rq->job != NULL) {
        events_nudge(rq->server->events);
        return rq->job->code == MH_OK ? api_send_json(rq, 200, &rq->job->answer)
                                      : reply_problem(rq, 0, rq->job->code, &rq->job->fault);
    }
    code = begin(rq, &fault);
    return code == MH_OK ? ANSWER_WAIT : reply_problem(rq, 0, code, &fault);
}
