/* SPDX-License-Identifier: Apache-2.0 */
/* Refreshing groups (refresh.h draws the way): how one begins, what its flights find, how it ends.
 *
 * A refresh owns a list of files (refresh_set.c), each with a flight of its own that asks
 * conditionally and writes to a partial file of its own, so that it meets neither the cached bytes
 * nor a client's first pull. The flight hands over what it found: the same, new bytes (staged),
 * gone, or a failure. A staged manifest brings the parts that it names into the set. When all have
 * answered, refresh_check.c judges the set, and refresh_switch.c switches it.
 *
 * Everything here runs under host->lock but for the commit, which a work thread does. The set of
 * files only grows while `pending` is above zero, and nothing but the commit looks at it
 * afterwards. */
#include "refresh_internal.h"

#include "clocks.h"
#include "fault.h"
#include "freshness.h"
#include "mem.h"
#include "waiter.h"

#include <string.h>

#define RETRY_REFRESH_MS 5000
#define UNSURE_MS        1000 /* later it can be told apart by the upstream's clock */

static void
ask_file(struct refresh *refresh, struct refresh_file *file)
{
    struct flight *flight = flight_start_refresh_locked(file->object, refresh);
    struct mh_fault fault = {0};

    if (!flight) {
        refresh_fail_locked(refresh, fail(&fault, MH_NOMEM, 0, "out of memory for a refresh"),
                            &fault);
        return;
    }
    memcpy(file->partial_id, flight->partial_id, sizeof(file->partial_id));
    refresh->pending++;
}

bool
refresh_has_failed_locked(const struct object *object)
{
    return object->refresh_failed_ms != 0;
}

void
refresh_start_locked(struct object *object, bool force)
{
    struct mh_host *host = object->host;

    if (object->refresh || object->flight || host->is_stopping || host->is_offline ||
        host->is_read_only || !host->has_scanned)
        return;
    if (!force && object->refresh_failed_ms &&
        clock_mono_ms() - object->refresh_failed_ms < RETRY_REFRESH_MS)
        return;
    struct refresh *refresh = mem_new(struct refresh);

    if (!refresh)
        return;
    refresh->host = host;
    refresh->serial = ++host->refresh_serial;
    refresh->files = LIST_INIT(0);
    refresh->next = host->refreshes;
    host->refreshes = refresh;
    if (!refresh_add_group_locked(refresh, object)) {
        refresh_free_locked(refresh);
        return;
    }
    size_t count = refresh->files.count;

    for (size_t i = 0; i < count; i++)
        ask_file(refresh, refresh->files.items[i]);
    if (refresh->pending == 0)
        refresh_free_locked(refresh);
}

bool
refresh_if_stale_locked(struct object *object, const struct version *version)
{
    const struct freshness_input input = {
        .is_immutable = version->is_immutable,
        .validated_at = version->meta.validated_at,
        .now = clock_wall_s(),
        .revalidate_s = object->mirror->revalidate_s,
    };

    if (object->host->is_offline || freshness_of(&input) != FRESHNESS_STALE)
        return false;
    refresh_start_locked(object, false);
    return true;
}

/* --- what the flights found --- */

/* The parts of a staged manifest that are not in the set yet. */
static void
add_parts(struct refresh *refresh, const struct object *manifest, const struct meta *meta)
{
    struct mh_fault fault = {0};

    for (size_t i = 0; i < meta->part_count; i++) {
        struct object *part = object_get_locked(refresh->host, manifest->mirror,
                                                meta->parts[i].name, meta->parts[i].target);
        struct refresh_file *file = NULL;

        if (part && part->refresh == refresh)
            continue;
        if (part && !part->refresh && !part->flight && !part->leaving)
            file = refresh_add_file_locked(refresh, part);
        if (file) {
            ask_file(refresh, file);
            continue;
        }
        if (part)
            object_sweep_locked(part);
        refresh_fail_locked(refresh,
                            fail(&fault, MH_BUSY, 0,
                                 "'%s', which the new '%s' names, is in use elsewhere",
                                 meta->parts[i].name, manifest->label),
                            &fault);
    }
}

/* Are the staged bytes what is cached already? Then only what is known of them is renewed. */
static bool
renew(struct refresh_file *file, struct meta *found)
{
    const struct version *current =
        atomic_load_explicit(&file->object->current, memory_order_relaxed);

    if (!current)
        return false;
    found->is_pinned = current->meta.is_pinned;
    if (memcmp(current->meta.sha256, found->sha256, 32) != 0)
        return false;
    found->mtime_ns = current->meta.mtime_ns;
    return true;
}

static void
take_result(struct refresh *refresh, struct refresh_file *file, struct flight *flight)
{
    if (flight->state != FLIGHT_CHECKED) {
        if (flight->code == MH_NOT_FOUND)
            file->outcome = OUTCOME_GONE;
        else
            refresh_fail_locked(refresh, flight->code, &flight->fault);
        return;
    }
    file->meta = flight->meta;
    flight->meta = (struct meta){0};
    if (flight->is_unchanged || renew(file, &file->meta)) {
        file->outcome = OUTCOME_SAME;
        return;
    }
    if (flight->head.is_no_store) {
        struct mh_fault fault = {0};

        refresh_fail_locked(
            refresh,
            fail(&fault, MH_UNSUPPORTED, 0,
                 "the upstream forbids to keep the new '%s' (Cache-Control: no-store)",
                 file->object->label),
            &fault);
        return;
    }
    file->outcome = OUTCOME_STAGED;
    /* A flight that begins after the stop would never hear of it, nor be asked. */
    if (refresh->host->is_stopping) {
        struct mh_fault fault = {0};

        refresh_fail_locked(refresh, fail(&fault, MH_CANCELLED, 0, "the server is stopping"),
                            &fault);
        return;
    }
    if (file->meta.format && refresh->code == MH_OK)
        add_parts(refresh, file->object, &file->meta);
}

/* --- the end --- */

static void
remove_partials(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        store_partial_remove(refresh->host->store, file->partial_id);
    }
}

/* For those who ask about models. Without memory nobody is told. */
static void
note_failure_locked(const struct refresh *refresh, struct object *object, uint64_t now)
{
    mem_free(object->refresh_failure);
    object->refresh_failure = NULL;
    if (refresh->code == MH_OK || (!object->model && object->named_by.count > 0))
        return;
    object->refresh_failure = mem_new(struct failure);
    if (object->refresh_failure)
        *object->refresh_failure =
            (struct failure){.code = refresh->code, .at_ms = now, .fault = refresh->fault};
}

static void
mark_failure_locked(struct refresh *refresh)
{
    uint64_t now = clock_mono_ms();

    if (refresh->is_unsure && now > RETRY_REFRESH_MS)
        now -= RETRY_REFRESH_MS - UNSURE_MS;
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct object *object = ((struct refresh_file *) refresh->files.items[i])->object;

        object->refresh_failed_ms = refresh->code == MH_OK ? 0 : now + (now == 0);
        note_failure_locked(refresh, object, now);
    }
}

void
refresh_end(struct refresh *refresh)
{
    struct mh_host *host = refresh->host;
    struct object *first = ((struct refresh_file *) refresh->files.items[0])->object;

    remove_partials(refresh);
    if (!refresh->import && refresh->code != MH_OK && refresh->code != MH_CANCELLED) {
        fault_prepend(&refresh->fault, "the cached copy stays as it is");
        host_tell(host, MH_EVENT_WARNING, refresh->code, first, &refresh->fault);
    }
    (void) pthread_mutex_lock(&host->lock);
    if (refresh->import)
        refresh_import_over_locked(refresh);
    else
        mark_failure_locked(refresh);
    refresh_free_locked(refresh);
    (void) pthread_mutex_unlock(&host->lock);
}

/* All flights are over: what now? Work thread or fetch thread. */
static void
all_answered(struct refresh *refresh)
{
    struct mh_host *host = refresh->host;
    bool ends = false;

    (void) pthread_mutex_lock(&host->lock);
    refresh_check_set_locked(refresh);
    if (refresh->code == MH_OK && refresh_has_changes_locked(refresh))
        refresh_check_moment_locked(refresh);
    if (refresh->code != MH_OK || host->is_stopping) {
        ends = true;
    } else {
        refresh_drop_orphans_locked(refresh);
        refresh_stage_locked(refresh);
        refresh->has_changes = refresh_has_changes_locked(refresh);
        refresh->is_switching = !refresh->has_changes;
        if (refresh->is_switching)
            work_submit(host->work, &refresh->work);
        else
            waiter_wake_all(&refresh->waiters);
    }
    (void) pthread_mutex_unlock(&host->lock);
    if (ends)
        refresh_end(refresh);
}

void
refresh_flight_over(struct flight *flight)
{
    struct mh_host *host = flight->host;
    struct refresh *refresh = flight->refresh;

    (void) pthread_mutex_lock(&host->lock);
    take_result(refresh, refresh_file_of(refresh, flight->object), flight);
    bool is_last = --refresh->pending == 0;
    (void) pthread_mutex_unlock(&host->lock);
    if (is_last)
        all_answered(refresh);
    flight_unref(flight);
}

/* --- those who wait for an answer --- */

uint64_t
refresh_asking_locked(const struct object *object)
{
    const struct refresh *refresh = object->refresh;

    return refresh && !refresh->has_changes ? refresh->serial : 0;
}

bool
refresh_wait_locked(struct object *object, uint64_t asking, struct mh_waiter *waiter)
{
    if (refresh_asking_locked(object) != asking)
        return false;
    waiter_add(&object->refresh->waiters, waiter);
    return true;
}

void
refresh_wake_all_locked(struct mh_host *host)
{
    for (struct refresh *refresh = host->refreshes; refresh; refresh = refresh->next)
        waiter_wake_all(&refresh->waiters);
}

void
refresh_free_all(struct mh_host *host)
{
    while (host->refreshes)
        refresh_free_locked(host->refreshes);
}
