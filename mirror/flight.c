/* SPDX-License-Identifier: Apache-2.0 */
/* A flight's life: its references, its state, who waits for it, and its end.
 *
 * A flight does two things at most at a time: a fetch job and a piece of work, and `is_asking` and
 * `is_work_queued` say so. A flight that failed is concluded only when both are over, since the
 * next flight of the same object will write to the same partial file. Waiters are paused and woken
 * under the flight's lock, so that no news falls between a look and a wait.
 *
 * Any thread. Nothing here touches a file or the network, but for closing the descriptor. */
#include "flight.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "model.h"
#include "recheck.h"
#include "refresh.h"
#include "waiter.h"

const char *
flight_state_name(enum flight_state state)
{
    static const char *const names[] = {
        [FLIGHT_SETTLING] = "settling", [FLIGHT_ASKING] = "asking",
        [FLIGHT_ARRIVING] = "arriving", [FLIGHT_CHECKING] = "checking",
        [FLIGHT_CHECKED] = "checked",   [FLIGHT_FAILED] = "failed",
    };

    return names[state];
}

struct flight *
flight_ref(struct flight *flight)
{
    (void) atomic_fetch_add_explicit(&flight->refs, 1, memory_order_relaxed);
    return flight;
}

void
flight_head_done(struct flight_head *head)
{
    mem_free(head->etag);
    mem_free(head->last_modified);
    mem_free(head->generation);
    mem_free(head->content_type);
    mem_free(head->cache_control);
    *head = (struct flight_head){0};
}

static void
flight_free(struct flight *flight)
{
    fd_close(flight->part_fd);
    flight_head_done(&flight->head);
    version_unref(flight->version);
    version_unref(flight->based_on);
    meta_done(&flight->meta);
    hash_free(flight->sha256);
    hash_free(flight->other);
    json_scan_free(flight->scan);
    mem_free(flight->url);
    mem_free(flight->if_range);
    (void) pthread_mutex_destroy(&flight->lock);
    mem_free(flight);
}

void
flight_unref(struct flight *flight)
{
    if (atomic_fetch_sub_explicit(&flight->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct mh_host *host = flight->host;

    (void) pthread_mutex_lock(&host->lock);
    object_unref_locked(flight->object);
    (void) pthread_mutex_unlock(&host->lock);
    flight_free(flight);
}

/* A flight with its first piece of work queued by the caller. */
static struct flight *
flight_new_locked(struct object *object)
{
    struct mh_host *host = object->host;
    /* One that begins after the stop would never hear of it, nor be asked, nor end. */
    struct flight *flight = host->is_stopping ? NULL : mem_new(struct flight);

    if (!flight)
        return NULL;
    flight->host = host;
    flight->object = object_ref_locked(object);
    atomic_init(&flight->refs, 2); /* the engine's and the work's */
    (void) pthread_mutex_init(&flight->lock, NULL);
    flight->total = MH_BYTES_UNKNOWN;
    flight->part_fd = -1;
    flight->retry_after_s = -1;
    flight->had_room_at = UINT64_MAX;
    flight->is_work_queued = true;
    flight->next_flight = host->flights;
    host->flights = flight;
    host->flight_count++;
    return flight;
}

struct flight *
flight_start_locked(struct object *object)
{
    struct flight *flight = flight_new_locked(object);

    if (!flight)
        return NULL;
    store_partial_id(object->mirror->name, object->name, flight->partial_id);
    object->flight = flight;
    flight->work.run = flight_settle;
    work_submit(object->host->work, &flight->work);
    return flight;
}

/* Asks conditionally, and writes to a partial file of its own. */
static struct flight *
start_apart_locked(struct object *object, const char *what, struct refresh *refresh)
{
    /* A line feed is in no name, so that no other object's partial file is this. */
    scoped(mem_freep) char *name = str_printf("%s\n%s", object->name, what);
    struct flight *flight = name ? flight_new_locked(object) : NULL;

    if (!flight)
        return NULL;
    store_partial_id(object->mirror->name, name, flight->partial_id);
    flight->refresh = refresh;
    flight->is_recheck = !refresh;
    flight->based_on = object_version_locked(object);
    flight->work.run = flight_prepare;
    work_submit(object->host->work, &flight->work);
    return flight;
}

struct flight *
flight_start_refresh_locked(struct object *object, struct refresh *refresh)
{
    return start_apart_locked(object, "refresh", refresh);
}

struct flight *
flight_start_recheck_locked(struct object *manifest)
{
    return start_apart_locked(manifest, "recheck", NULL);
}

bool
flight_is_apart(const struct flight *flight)
{
    return flight->refresh || flight->is_recheck;
}

void
flight_set_state_locked(struct flight *flight, enum flight_state state)
{
    flight->state = state;
    flight->news++;
}

bool
flight_is_late_locked(const struct flight *flight, uint64_t since_ms)
{
    uint64_t from = flight->moved_ms > since_ms ? flight->moved_ms : since_ms;

    /* What waits for its turn behind other downloads, or for our own disk, is not late. */
    return flight->moved_ms && !flight->is_received &&
           clock_mono_ms() >= from + flight->object->mirror->bases[0].policy.first_byte_timeout_ms;
}

void
flight_wake_locked(struct flight *flight)
{
    flight->news++;
    waiter_wake_all(&flight->waiters);
}

void
flight_queue_work_locked(struct flight *flight)
{
    if (flight->is_work_queued)
        return;
    flight->is_work_queued = true;
    (void) flight_ref(flight); /* the work's, given back when it has run */
    work_submit(flight->host->work, &flight->work);
}

void
flight_fail(struct flight *flight, enum mh_code code, const struct mh_fault *fault)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_CHECKED || flight->state == FLIGHT_FAILED) {
        (void) pthread_mutex_unlock(&flight->lock);
        return;
    }
    flight->code = code;
    flight->fault = *fault;
    flight_set_state_locked(flight, FLIGHT_FAILED);
    if (flight->is_asking)
        fetch_cancel(flight->host->fetcher, &flight->job);
    flight_wake_locked(flight);
    /* The conclusion is the work threads': the caller may hold the host's lock. */
    flight_queue_work_locked(flight);
    (void) pthread_mutex_unlock(&flight->lock);
}

static void
unlink_flight_locked(struct mh_host *host, struct flight *flight)
{
    struct flight **link = &host->flights;

    while (*link && *link != flight)
        link = &(*link)->next_flight;
    if (*link)
        *link = flight->next_flight;
    host->flight_count--;
}

/* Install what the flight brought. Returns whether it may stay. */
static bool
install_locked(struct flight *flight, struct version *version)
{
    struct object *object = flight->object;

    object_set_version_locked(object, version);
    object_set_failure_locked(object, MH_OK, NULL);
    if (!flight->is_revoked) {
        model_note_present_locked(object, !flight->version);
        return true;
    }
    publish_take_back_locked(flight->host, &object, 1);
    return false;
}

void
flight_conclude(struct flight *flight, struct version *version)
{
    struct mh_host *host = flight->host;
    struct object *object = flight->object;
    bool was_on_disk = flight->version != NULL;
    bool stays = false;

    (void) pthread_mutex_lock(&host->lock);
    unlink_flight_locked(host, flight);
    if (flight_is_apart(flight)) {
        (void) pthread_mutex_unlock(&host->lock);
        if (flight->is_recheck)
            recheck_flight_over(flight);
        else
            refresh_flight_over(flight);
        return;
    }
    if (flight->is_detached) {
        object->leaving--;
        host_unpark_locked(host);
    } else {
        object->flight = NULL;
    }
    if (version)
        stays = install_locked(flight, version);
    if (stays && was_on_disk) /* its clients saw it before a refresh could begin */
        (void) refresh_if_stale_locked(object, version);
    else if (!flight->is_detached)
        object_set_failure_locked(object, flight->code, &flight->fault);
    if (flight->is_followed && !host->is_stopping)
        recheck_follow_locked(object);
    model_refresh_if_needed_locked(object);
    (void) pthread_mutex_unlock(&host->lock);

    if (stays && !was_on_disk) {
        (void) atomic_fetch_add_explicit(&host->published, 1, memory_order_relaxed);
        host_tell(host, MH_EVENT_PUBLISHED, MH_OK, object, &flight->fault);
    } else if (!version && !flight->is_unkept && flight->code != MH_CANCELLED) {
        (void) atomic_fetch_add_explicit(&host->failures, 1, memory_order_relaxed);
        host_tell(host, MH_EVENT_FAILED, flight->code, object, &flight->fault);
    }
    flight_unref(flight);
}

bool
flight_detach_failed_locked(struct object *object)
{
    struct flight *flight = object->flight;

    (void) pthread_mutex_lock(&flight->lock);
    bool has_failed = flight->state == FLIGHT_FAILED;
    /* A 404 is going to be remembered, and answers for the upstream until then too. */
    bool is_negative = flight->code == MH_NOT_FOUND && object->mirror->negative_ttl_s > 0;

    (void) pthread_mutex_unlock(&flight->lock);
    if (!has_failed || is_negative)
        return false;
    flight->is_detached = true;
    object->leaving++;
    object->flight = NULL;
    return true;
}

/* Is what arrived still good to go on from later? */
static bool
is_resumable(const struct flight *flight)
{
    return flight->code == MH_CANCELLED || flight->code == MH_UNREACHABLE ||
           flight->code == MH_TIMEOUT || flight->code == MH_UPSTREAM || flight->code == MH_IO;
}

void
flight_conclude_if_failed(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    bool is_mine = flight->state == FLIGHT_FAILED && !flight->is_asking &&
                   !flight->is_work_queued && !flight->is_over;

    flight->is_over |= is_mine;
    (void) pthread_mutex_unlock(&flight->lock);
    if (!is_mine)
        return;
    if (flight->part_fd >= 0 && (!is_resumable(flight) || flight->head.is_no_store))
        store_partial_remove(flight->host->store, flight->partial_id);
    flight_conclude(flight, NULL);
}
