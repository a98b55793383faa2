/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for a manifest again, in the middle of the first pull that it began (recheck.h).
 *
 * A set is replaced upstream file by file, and HTTP names no set: a shard that is newer than the
 * manifest that named it may belong to another one, of the same lengths. The dates are all the
 * upstream's own, so its clock may be wrong. They have seconds: what changed in the second of an
 * answer may be newer than it. Each shard makes the manifest be asked for once at most, and those
 * that come at one time share the answer.
 *
 * The manifest is asked for by a flight of its own, conditionally where it is cached already, and
 * compared by its sha256. An upstream that cannot say is not taken at its word: the shards fail.
 * What starts over is the whole model, with what was cached of it before. A client that has the old
 * manifest must not get a new shard with it, and cannot be told from one that has the new: so the
 * new manifest is held back, and shards are refused, until nothing of the model was asked for in
 * `settle`.
 *
 * Everything here runs under host->lock. */
#include "recheck.h"

#include "clocks.h"
#include "fault.h"
#include "mem.h"
#include "model.h"

#include <string.h>

static enum mh_code
begin(struct model *model, struct mh_fault *f)
{
    if (!flight_start_recheck_locked(model->manifest))
        return fail(f, MH_NOMEM, 0, "out of memory for asking about '%s' again",
                    model->manifest->label);
    model->is_rechecking = true;
    model->newest_at = INT64_MIN;
    return MH_OK;
}

/* A time that lies after the answer that has settled it is one of another clock: it is not asked
 * about twice. */
static bool
is_settled(const struct model *model, int64_t changed_at)
{
    return changed_at < model->vouched_at ||
           (changed_at > model->vouched_at && changed_at <= model->asked_about);
}

enum mh_code
recheck_begin_locked(struct object *object, int64_t changed_at, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    if (object->host->is_stopping)
        return MH_OK;
    for (size_t i = 0; code == MH_OK && i < object->named_by.count; i++) {
        struct model *model = object->named_by.items[i];

        if (model->is_complete || model->is_abandoned || is_settled(model, changed_at))
            continue;
        if (model->is_rechecking && changed_at > model->newest_at)
            model->newest_at = changed_at;
        else if (!model->is_rechecking)
            code = begin(model, f);
        model->asked_about = changed_at > model->asked_about ? changed_at : model->asked_about;
    }
    return code;
}

bool
recheck_holds_locked(const struct object *object)
{
    for (size_t i = 0; i < object->named_by.count; i++)
        if (((const struct model *) object->named_by.items[i])->is_rechecking)
            return true;
    return false;
}

void
recheck_release_locked(struct model *model)
{
    model->is_rechecking = false;
    for (size_t i = 0; i < model->part_count; i++) {
        struct flight *flight = model->parts[i].object->flight;

        if (!flight)
            continue;
        (void) pthread_mutex_lock(&flight->lock);
        flight->is_released = true;
        flight_queue_work_locked(flight);
        (void) pthread_mutex_unlock(&flight->lock);
    }
}

void
recheck_follow_locked(struct object *object)
{
    /* Without memory, the next request begins it. */
    if (object->model && object->model->is_abandoned && !object->flight)
        (void) flight_start_locked(object);
    for (size_t i = 0; i < object->named_by.count; i++) {
        struct model *model = object->named_by.items[i];

        if (!model->is_abandoned)
            model_ensure_locked(model);
    }
}

/* --- starting over --- */

/* When nobody is in the middle of loading the model any more. */
static uint64_t
quiet_at(const struct model *model)
{
    uint64_t asked_ms = atomic_load_explicit(&model->manifest->asked_ms, memory_order_relaxed);

    for (size_t i = 0; i < model->part_count; i++) {
        uint64_t part_ms =
            atomic_load_explicit(&model->parts[i].object->asked_ms, memory_order_relaxed);

        asked_ms = part_ms > asked_ms ? part_ms : asked_ms;
    }
    return asked_ms ? asked_ms + model->manifest->host->settle_ms : 0;
}

static bool
is_held(const struct object *manifest)
{
    const struct list *held = &manifest->host->held;

    for (size_t i = 0; i < held->count; i++)
        if (held->items[i] == manifest)
            return true;
    return false;
}

/* Its requests wait in flight_settle(), as those for what is being removed do. */
static void
hold_locked(struct model *model, const struct mh_fault *f)
{
    struct object *manifest = model->manifest;
    struct mh_host *host = manifest->host;
    uint64_t until_ms = quiet_at(model);

    if (until_ms <= clock_mono_ms() || is_held(manifest) || !list_add(&host->held, manifest))
        return;
    (void) object_ref_locked(manifest);
    manifest->leaving++;
    (void) model_rest_locked(model, until_ms, MH_UPSTREAM, f);
}

void
recheck_tick(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    for (size_t i = host->held.count; i-- > 0;) {
        struct object *manifest = host->held.items[i];

        if (model_rest_of_locked(manifest))
            continue;
        list_remove_at(&host->held, i);
        manifest->leaving--;
        object_unref_locked(manifest);
        host_unpark_locked(host);
    }
    (void) pthread_mutex_unlock(&host->lock);
}

static void
start_over_locked(struct model *model, struct mh_fault *f)
{
    struct object *manifest = object_ref_locked(model->manifest);

    (void) fail(f, MH_UPSTREAM, 0,
                "'%s' changed at the upstream while its shards were being fetched: the model is "
                "fetched anew, load it again",
                manifest->label);
    model->is_rechecking = false;
    model->is_abandoned = true;
    model_end_flights_locked(model, MH_UPSTREAM, f, true);
    model_take_back_locked(model);
    hold_locked(model, f);
    if (manifest->flight)
        manifest->flight->is_followed = true;
    else
        recheck_follow_locked(manifest);
    object_unref_locked(manifest);
}

static void
give_up_locked(struct model *model, const struct flight *flight, struct mh_fault *f)
{
    *f = flight->fault;
    fault_prepend(f, "whether '%s' is still of the same set as its shards cannot be told",
                  model->manifest->label);
    model->is_rechecking = false;
    model_end_flights_locked(model, flight->code, f, false);
    model_take_back_pulled_locked(model);
}

/* What does the answer mean for the model? Returns whether the fault is to be told. */
static bool
judge_locked(struct model *model, const struct flight *flight, struct mh_fault *f)
{
    bool is_answer = flight->state == FLIGHT_CHECKED;

    if (!is_answer && (flight->code == MH_CANCELLED || model->manifest->host->is_stopping)) {
        recheck_release_locked(model);
        return false;
    }
    if (is_answer && memcmp(flight->meta.sha256, model->sha256, sizeof(model->sha256)) == 0) {
        model->vouched_at = flight->head.date;
        /* What came meanwhile may have changed after this answer, in the same second. */
        if (model->newest_at != model->vouched_at || begin(model, f) != MH_OK)
            recheck_release_locked(model);
        return false;
    }
    if (is_answer || flight->code == MH_NOT_FOUND || flight->code == MH_CORRUPT)
        start_over_locked(model, f);
    else
        give_up_locked(model, flight, f);
    return true;
}

void
recheck_flight_over(struct flight *flight)
{
    struct mh_host *host = flight->host;
    struct mh_fault fault = {0};

    store_partial_remove(host->store, flight->partial_id);
    (void) pthread_mutex_lock(&host->lock);
    /* Another manifest may have been learned meanwhile: then nobody waits for this one's sake. */
    struct model *model = flight->object->model;
    bool is_told = model && model->is_rechecking && judge_locked(model, flight, &fault);

    (void) pthread_mutex_unlock(&host->lock);
    if (is_told)
        host_tell(host, MH_EVENT_WARNING, MH_UPSTREAM, flight->object, &fault);
    flight_unref(flight);
}
