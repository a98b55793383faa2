/* SPDX-License-Identifier: Apache-2.0 */
/* A flight on the fetch thread: what it asks, and how an attempt ends.
 *
 * Attempts. The first asks for the whole, or for the rest of what an earlier process left. A later
 * one asks for the rest (Range with If-Range) where there is a validator, else for the whole, and
 * then compares what comes again with what is on disk: equal bytes cost the clients nothing, and
 * where they differ the epoch advances and the views of the old bytes are cut.
 *
 * What becomes of an answer is in flight_head.c and flight_body.c. Whether a failure may pass is
 * decided by retry.c alone. */
#include "flight.h"

#include "clocks.h"
#include "fault.h"
#include "mem.h"
#include "retry.h"

#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#define HASH_AFTER (1u << 20) /* bytes behind the watermark that are worth a piece of work */

struct flight *
flight_of_job(struct fetch_job *job)
{
    return (struct flight *) (void *) ((char *) job - offsetof(struct flight, job));
}

/* A validator that may stand in If-Range (RFC 9110 §13.1.5): a strong ETag, else the date. */
static const char *
range_validator(const char *etag, const char *last_modified)
{
    if (etag && etag[0] == '"')
        return etag;
    return last_modified;
}

static void
choose_range(struct flight *flight)
{
    const char *validator = range_validator(flight->head.etag, flight->head.last_modified);
    uint64_t have = flight->watermark;

    flight->job.offset = 0;
    flight->job.if_range = NULL;
    if (flight->wants_whole || flight->head.is_encoded)
        return;
    if (flight->state == FLIGHT_ASKING && flight->kept > 0 && flight->if_range) {
        have = flight->kept;
        validator = flight->if_range;
    }
    if (have == 0 || !validator)
        return;
    if (have == flight->total) /* nothing is missing, but a range must not be empty */
        have--;
    if (validator != flight->if_range) {
        mem_free(flight->if_range);
        flight->if_range = str_dup(validator);
    }
    flight->job.offset = flight->if_range ? have : 0;
    flight->job.if_range = flight->if_range;
}

static void
submit(struct flight *flight, uint32_t delay_ms)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state != FLIGHT_FAILED) {
        choose_range(flight);
        flight->write_at = 0;
        flight->has_progressed = false;
        flight->retry_after_s = -1;
        flight->is_asking = true;
        (void) flight_ref(flight); /* the job's, given back by on_done() */
        fetch_submit(flight->host->fetcher, &flight->job, delay_ms);
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

/* Point the job at one of the mirror's bases. */
static bool
choose_base(struct flight *flight, size_t base)
{
    const struct mirror *mirror = flight->object->mirror;
    char *url = mirror_url(mirror, base, flight->object->target);

    if (!url)
        return false;
    char *old = flight->url;

    /* The work threads name it in notes and failures. */
    (void) pthread_mutex_lock(&flight->lock);
    flight->url = url;
    (void) pthread_mutex_unlock(&flight->lock);
    mem_free(old);
    flight->base = base;
    flight->attempt = 1;
    flight->job.events = &flight_fetch_events;
    flight->job.policy = &mirror->bases[base].policy;
    flight->job.url = flight->url;
    flight->job.wants_gzip = false;
    flight->job.own = &mirror->bases[base].parts;
    /* A mirror's headers are its upstream's: they may be credentials. */
    if (flight->based_on) {
        const struct meta *known = &flight->based_on->meta;

        flight->job.if_none_match = known->etag;
        flight->job.if_modified_since = known->etag ? NULL : known->last_modified;
    }
    flight->job.headers = base == 0 ? (const char *const *) mirror->headers : NULL;
    return true;
}

void
flight_ask(struct flight *flight)
{
    struct mh_fault fault = {0};

    if (!choose_base(flight, 0)) {
        flight_fail(flight, fail(&fault, MH_NOMEM, 0, "out of memory for a download"), &fault);
        return;
    }
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_SETTLING)
        flight_set_state_locked(flight, FLIGHT_ASKING);
    (void) pthread_mutex_unlock(&flight->lock);
    submit(flight, 0);
}

void
flight_ask_again(struct flight *flight)
{
    submit(flight, 0);
}

static void
note_asked(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (!flight->moved_ms)
        flight->moved_ms = clock_mono_ms();
    (void) pthread_mutex_unlock(&flight->lock);
}

static void
on_asked(struct fetch_job *job)
{
    note_asked(flight_of_job(job));
}

static void
on_pause(struct fetch_job *job)
{
    struct flight *flight = flight_of_job(job);

    (void) pthread_mutex_lock(&flight->lock);
    flight_wake_locked(flight);
    if (flight->watermark >= flight->poked + HASH_AFTER) {
        flight->poked = flight->watermark;
        flight_queue_work_locked(flight);
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

static void
finish_receiving(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state != FLIGHT_FAILED) {
        if (!flight->head.is_encoded) /* else the decoded length is told when it is known */
            flight->total = flight->watermark;
        flight->is_received = true;
        flight_set_state_locked(flight, FLIGHT_CHECKING);
        flight_wake_locked(flight);
        flight_queue_work_locked(flight);
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

/* Try again, here or at the next base? Returns whether it is being done. */
static bool
try_again(struct flight *flight, enum mh_code code, const struct mh_fault *fault)
{
    struct retry_input input = {
        .code = code,
        .http_status = flight->status == 200 || flight->status == 206 ? 0 : flight->status,
        .attempt = flight->attempt,
        .retries = flight->object->mirror->retries,
        .has_progressed = flight->has_progressed,
        .retry_after_s = flight->retry_after_s,
    };
    uint32_t delay_ms = 0;

    if (getrandom(&input.random, sizeof(input.random), GRND_NONBLOCK) < 0)
        input.random = 0; /* no jitter then */
    if (flight->starts_over) {
        flight->starts_over = false;
    } else if (retry_after_failure(&input, &delay_ms)) {
        flight->attempt = flight->has_progressed ? 1 : flight->attempt + 1;
        host_tell(flight->host, MH_EVENT_RETRY, code, flight->object, fault);
    } else if (retry_elsewhere(code) && flight->base + 1 < flight->object->mirror->base_count &&
               choose_base(flight, flight->base + 1)) {
        host_tell(flight->host, MH_EVENT_RETRY, code, flight->object, fault);
    } else {
        return false;
    }
    submit(flight, delay_ms);
    return true;
}

static void
on_done(struct fetch_job *job, enum mh_code code, const struct mh_fault *fault)
{
    struct flight *flight = flight_of_job(job);
    struct mh_fault own = *fault;

    note_asked(flight); /* one that cannot be reached has been asked too */
    /* This may cut the partial file, which is the next flight's once this one is not asking. */
    if (code == MH_OK)
        code = flight_check_received(flight, &own);
    (void) pthread_mutex_lock(&flight->lock);
    flight->is_asking = false;
    bool has_failed = flight->state == FLIGHT_FAILED;

    if (!has_failed && code == MH_NO_SPACE) { /* the work threads find room, or fail it */
        flight->fault = own;
        flight->wants_room = true;
        flight_queue_work_locked(flight);
    }
    (void) pthread_mutex_unlock(&flight->lock);

    if (!has_failed && code != MH_NO_SPACE) {
        if (code != MH_OK && !own.upstream[0])
            url_redact(flight->url, own.upstream, sizeof(own.upstream));
        if (code == MH_OK)
            finish_receiving(flight);
        else if (!try_again(flight, code, &own))
            flight_fail(flight, code, &own);
    }
    flight_conclude_if_failed(flight);
    flight_unref(flight);
}

const struct fetch_events flight_fetch_events = {
    .on_asked = on_asked,
    .on_head = flight_on_head,
    .on_body = flight_on_body,
    .on_pause = on_pause,
    .on_done = on_done,
};
