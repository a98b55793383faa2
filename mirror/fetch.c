/* SPDX-License-Identifier: Apache-2.0 */
/* The fetch thread: libcurl's multi interface, driven by one loop.
 *
 *   submit/cancel (any thread) --> queue --> due jobs --> transfers in the multi handle --> events
 *
 * Invariants: every CURL handle is touched by this thread alone. At most FETCH_MAX_ACTIVE transfers
 * exist at once, so that memory does not grow with what is queued; over HTTP/2 they share one
 * connection, over HTTP/1.1 libcurl queues them on FETCH_HOST_CONNECTIONS. Deadlines for the first
 * byte and for stalls are kept here, since libcurl's low-speed limit cannot tell a slow answer from
 * a slow body. libcurl never follows a redirect: each hop is set up anew (fetch_transfer.c).
 *
 * It refuses to write files, to hash, or to know what a model is. */
#include "fetch_internal.h"

#include "clocks.h"
#include "fault.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* More connections are not faster over HTTP/1.1: 6 took 1.24-1.47 times the bound of a 24-file
 * model, 24 took 1.27-1.51. */
#define FETCH_HOST_CONNECTIONS 6L
#define FETCH_MAX_ACTIVE       64
#define FETCH_TICK_MS          1000

static void
finish_job(struct fetch_job *job, enum mh_code code, const struct mh_fault *f)
{
    job->transfer = NULL;
    job->events->on_done(job, code, f);
}

static void
unlink_transfer(struct fetcher *fetcher, struct fetch_transfer *transfer)
{
    struct fetch_transfer **link = &fetcher->active;

    while (*link && *link != transfer)
        link = &(*link)->next;
    if (*link)
        *link = transfer->next;
    fetcher->active_count--;
}

static void
end_transfer(struct fetcher *fetcher, struct fetch_transfer *transfer, enum mh_code code)
{
    struct fetch_job *job = transfer->job;
    struct mh_fault fault = transfer->fault;

    (void) curl_multi_remove_handle(fetcher->multi, transfer->easy);
    unlink_transfer(fetcher, transfer);
    transfer_free(transfer);
    finish_job(job, code, &fault);
}

static void
begin_transfer(struct fetcher *fetcher, struct fetch_job *job)
{
    struct mh_fault fault = {0};
    struct fetch_transfer *transfer = NULL;
    enum mh_code code = transfer_new(fetcher, job, &transfer, &fault);

    if (code != MH_OK) {
        finish_job(job, code, &fault);
        return;
    }
    transfer->next = fetcher->active;
    fetcher->active = transfer;
    fetcher->active_count++;
    job->transfer = transfer;
    if (curl_multi_add_handle(fetcher->multi, transfer->easy) != CURLM_OK)
        end_transfer(fetcher, transfer,
                     fail(&transfer->fault, MH_NOMEM, 0, "out of memory for a transfer"));
}

/* The next job that is due or cancelled, unlinked; NULL: none. ret_next_ms: when to look again. */
static struct fetch_job *
take_due_job(struct fetcher *fetcher, uint64_t now, uint64_t *next_ms)
{
    struct fetch_job *job = NULL;

    (void) pthread_mutex_lock(&fetcher->lock);
    for (struct fetch_job **link = &fetcher->queue; *link; link = &(*link)->next) {
        struct fetch_job *candidate = *link;
        bool is_due = candidate->start_at_ms <= now && fetcher->active_count < FETCH_MAX_ACTIVE;

        if (is_due || candidate->is_cancelled || fetcher->is_stopping) {
            job = candidate;
            *link = job->next;
            job->next = NULL;
            break;
        }
        if (candidate->start_at_ms > now && candidate->start_at_ms < *next_ms)
            *next_ms = candidate->start_at_ms;
    }
    if (job && fetcher->is_stopping)
        job->is_cancelled = true;
    (void) pthread_mutex_unlock(&fetcher->lock);
    return job;
}

static bool
is_cancelled(struct fetcher *fetcher, struct fetch_job *job)
{
    (void) pthread_mutex_lock(&fetcher->lock);
    bool cancelled = job->is_cancelled || fetcher->is_stopping;
    (void) pthread_mutex_unlock(&fetcher->lock);
    return cancelled;
}

static void
start_due_jobs(struct fetcher *fetcher, uint64_t *next_ms)
{
    struct fetch_job *job;
    uint64_t now = clock_mono_ms();

    while ((job = take_due_job(fetcher, now, next_ms))) {
        if (is_cancelled(fetcher, job)) {
            struct mh_fault fault = {0};

            finish_job(job, fail(&fault, MH_CANCELLED, 0, "the download was stopped"), &fault);
        } else {
            begin_transfer(fetcher, job);
        }
    }
}

/* End what was cancelled or is late; find the next deadline. */
static void
check_deadlines(struct fetcher *fetcher, uint64_t *next_ms)
{
    uint64_t now = clock_mono_ms();
    struct fetch_transfer *next;

    for (struct fetch_transfer *t = fetcher->active; t; t = next) {
        next = t->next;
        if (is_cancelled(fetcher, t->job)) {
            end_transfer(fetcher, t, fail(&t->fault, MH_CANCELLED, 0, "the download was stopped"));
            continue;
        }
        uint64_t deadline = transfer_deadline(t);

        if (deadline <= now)
            end_transfer(fetcher, t, transfer_fail_late(t));
        else if (deadline < *next_ms)
            *next_ms = deadline;
    }
}

static void
tell_pauses(struct fetcher *fetcher)
{
    for (struct fetch_transfer *t = fetcher->active; t; t = t->next) {
        if (!t->job->is_dirty)
            continue;
        t->job->is_dirty = false;
        t->job->events->on_pause(t->job);
    }
}

static void
read_messages(struct fetcher *fetcher)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(fetcher->multi, &left))) {
        struct fetch_transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result;

        (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
        if (!transfer_wants_next_hop(transfer, result)) {
            end_transfer(fetcher, transfer, transfer_result(transfer, result));
            continue;
        }
        (void) curl_multi_remove_handle(fetcher->multi, transfer->easy);
        enum mh_code code = transfer_next_hop(transfer);

        if (code == MH_OK && curl_multi_add_handle(fetcher->multi, transfer->easy) != CURLM_OK)
            code = fail(&transfer->fault, MH_NOMEM, 0, "out of memory for a transfer");
        if (code != MH_OK)
            end_transfer(fetcher, transfer, code);
    }
}

static bool
is_finished(struct fetcher *fetcher)
{
    (void) pthread_mutex_lock(&fetcher->lock);
    bool finished = fetcher->is_stopping && !fetcher->queue && !fetcher->active;
    (void) pthread_mutex_unlock(&fetcher->lock);
    return finished;
}

static void *
fetch_thread(void *argument)
{
    struct fetcher *fetcher = argument;
    uint64_t tick_at = clock_mono_ms() + FETCH_TICK_MS;

    while (!is_finished(fetcher)) {
        uint64_t next_ms = tick_at;
        int running = 0;

        start_due_jobs(fetcher, &next_ms);
        (void) curl_multi_perform(fetcher->multi, &running);
        tell_pauses(fetcher);
        read_messages(fetcher);
        check_deadlines(fetcher, &next_ms);
        uint64_t now = clock_mono_ms();

        if (now >= tick_at) {
            fetcher->tick(fetcher->tick_arg);
            tick_at = now + FETCH_TICK_MS;
            continue;
        }
        if (next_ms > now)
            (void) curl_multi_poll(fetcher->multi, NULL, 0, (int) (next_ms - now), NULL);
    }
    return NULL;
}

void
fetch_submit(struct fetcher *fetcher, struct fetch_job *job, uint32_t delay_ms)
{
    struct fetch_job **link = &fetcher->queue;

    (void) pthread_mutex_lock(&fetcher->lock);
    job->is_cancelled = false;
    job->is_dirty = false;
    job->start_at_ms = delay_ms ? clock_mono_ms() + delay_ms : 0;
    job->next = NULL;
    while (*link)
        link = &(*link)->next;
    *link = job;
    (void) pthread_mutex_unlock(&fetcher->lock);
    (void) curl_multi_wakeup(fetcher->multi);
}

void
fetch_cancel(struct fetcher *fetcher, struct fetch_job *job)
{
    (void) pthread_mutex_lock(&fetcher->lock);
    job->is_cancelled = true;
    (void) pthread_mutex_unlock(&fetcher->lock);
    (void) curl_multi_wakeup(fetcher->multi);
}

uint64_t
fetcher_requests(const struct fetcher *fetcher)
{
    return atomic_load_explicit(&fetcher->requests, memory_order_relaxed);
}

static void
read_environment(struct fetcher *fetcher)
{
    const char *https = getenv("https_proxy");
    const char *all = getenv("all_proxy");
    const char *no = getenv("no_proxy");

    fetcher->env.http_proxy = str_dup(getenv("http_proxy"));
    fetcher->env.https_proxy = str_dup(https ? https : getenv("HTTPS_PROXY"));
    fetcher->env.all_proxy = str_dup(all ? all : getenv("ALL_PROXY"));
    fetcher->env.no_proxy = str_dup(no ? no : getenv("NO_PROXY"));
}

static void
free_environment(struct fetcher *fetcher)
{
    mem_free((char *) fetcher->env.http_proxy);
    mem_free((char *) fetcher->env.https_proxy);
    mem_free((char *) fetcher->env.all_proxy);
    mem_free((char *) fetcher->env.no_proxy);
}

void
fetcher_stop(struct fetcher *fetcher)
{
    (void) pthread_mutex_lock(&fetcher->lock);
    fetcher->is_stopping = true;
    (void) pthread_mutex_unlock(&fetcher->lock);
    if (!fetcher->has_thread)
        return;
    (void) curl_multi_wakeup(fetcher->multi);
    (void) pthread_join(fetcher->thread, NULL);
    fetcher->has_thread = false;
}

void
fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    fetcher_stop(fetcher);
    if (fetcher->multi)
        (void) curl_multi_cleanup(fetcher->multi);
    free_environment(fetcher);
    (void) pthread_mutex_destroy(&fetcher->lock);
    mem_free(fetcher);
    curl_global_cleanup();
}

enum mh_code
fetcher_new(void (*tick)(void *arg), void *tick_arg, struct fetcher **ret, struct mh_fault *f)
{
    struct fetcher *fetcher = mem_new(struct fetcher);

    if (!fetcher)
        return fail(f, MH_NOMEM, 0, "out of memory for the fetch thread");
    (void) pthread_mutex_init(&fetcher->lock, NULL);
    fetcher->tick = tick;
    fetcher->tick_arg = tick_arg;
    /* Counted by libcurl, and thread-safe since 7.84. */
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
    fetcher->multi = curl_multi_init();
    if (!fetcher->multi) {
        fetcher_free(fetcher);
        return fail(f, MH_NOMEM, 0, "out of memory for the fetch thread");
    }
    read_environment(fetcher);
    (void) curl_multi_setopt(fetcher->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    (void) curl_multi_setopt(fetcher->multi, CURLMOPT_MAX_HOST_CONNECTIONS, FETCH_HOST_CONNECTIONS);
    int error = pthread_create(&fetcher->thread, NULL, fetch_thread, fetcher);

    if (error) {
        fetcher_free(fetcher);
        return fail_errno(f, error, "cannot start the fetch thread");
    }
    fetcher->has_thread = true;
    *ret = fetcher;
    return MH_OK;
}
