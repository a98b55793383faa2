/* SPDX-License-Identifier: Apache-2.0 */
/* What the mirror tells of its models and flights (include/modelhost/model.h).
 *
 * Everything is read from the index under host->lock and copied out: a caller formats it at
 * leisure. */
#include <modelhost/model.h>

#include "buf.h"
#include "clocks.h"
#include "fault.h"
#include "flight.h"
#include "freshness.h"
#include "manage.h"
#include "mem.h"
#include "model.h"
#include "name.h"
#include "refresh.h"

#include <stdlib.h>
#include <string.h>

const char *
mh_model_state_name(enum mh_model_state state)
{
    static const char *const names[] = {
        [MH_MODEL_COMPLETE] = "complete",
        [MH_MODEL_ARRIVING] = "arriving",
        [MH_MODEL_INCOMPLETE] = "incomplete",
        [MH_MODEL_CORRUPT] = "corrupt",
    };

    return names[state];
}

const char *
mh_upstream_state_name(enum mh_upstream_state state)
{
    static const char *const names[] = {
        [MH_UPSTREAM_NONE] = NULL,         [MH_UPSTREAM_FRESH] = "fresh",
        [MH_UPSTREAM_DUE] = "due",         [MH_UPSTREAM_UPDATING] = "updating",
        [MH_UPSTREAM_FAILING] = "failing", [MH_UPSTREAM_OFFLINE] = "offline",
    };

    return names[state];
}

void
mh_model_done(struct mh_model *model)
{
    mem_free(model->path);
    mem_free(model->url);
    *model = (struct mh_model){0};
}

void
mh_models_free(struct mh_model *models, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mh_model_done(&models[i]);
    mem_free(models);
}

/* --- telling of one --- */

struct tally {
    bool is_arriving;
    const struct object *failed;
};

static void
add_flight(const struct object *object, struct mh_model *model)
{
    struct flight *flight = object->flight;

    (void) pthread_mutex_lock(&flight->lock);
    if (flight->total != MH_BYTES_UNKNOWN)
        model->bytes += flight->total;
    model->bytes_present += flight->watermark;
    (void) pthread_mutex_unlock(&flight->lock);
}

static void
add_file(const struct object *object, struct mh_model *model, struct tally *tally)
{
    const struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);

    model->files++;
    if (version) {
        model->files_present++;
        model->bytes += version->meta.bytes;
        model->bytes_present += version->meta.bytes;
    } else if (object->flight) {
        tally->is_arriving = true;
        add_flight(object, model);
    } else if (object->failure && !tally->failed) {
        tally->failed = object;
    }
}

/* The sum that the manifest implies, where all its groups say one. */
static uint64_t
implied_bytes(const struct model *known)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < known->group_count; i++)
        if (known->group_bytes[i] == MH_BYTES_UNKNOWN ||
            __builtin_add_overflow(sum, known->group_bytes[i], &sum))
            return MH_BYTES_UNKNOWN;
    return sum;
}

/* A part that an earlier group lists is counted once. */
static bool
is_listed_before(const struct model *known, size_t index)
{
    if (known->group_count < 2)
        return false;
    for (size_t i = 0; i < index; i++)
        if (known->parts[i].object == known->parts[index].object)
            return true;
    return false;
}

static void
add_parts(const struct model *known, struct mh_model *model, struct tally *tally)
{
    uint64_t own = model->bytes;
    uint64_t implied = implied_bytes(known);

    for (size_t i = 0; i < known->part_count; i++)
        if (!is_listed_before(known, i))
            add_file(known->parts[i].object, model, tally);
    if (implied != MH_BYTES_UNKNOWN && model->bytes < own + implied)
        model->bytes = own + implied; /* heads that are not in yet */
}

static enum mh_model_state
state_of(const struct mh_model *model, const struct tally *tally)
{
    if (tally->is_arriving)
        return MH_MODEL_ARRIVING;
    if (model->files_present == model->files)
        return MH_MODEL_COMPLETE;
    return MH_MODEL_INCOMPLETE;
}

static enum mh_upstream_state
upstream_of(const struct object *object, const struct version *version)
{
    const struct freshness_input input = {
        .is_immutable = version->is_immutable,
        .validated_at = version->meta.validated_at,
        .now = clock_wall_s(),
        .revalidate_s = object->mirror->revalidate_s,
    };

    if (object->host->is_offline)
        return MH_UPSTREAM_OFFLINE;
    if (object->refresh)
        return MH_UPSTREAM_UPDATING;
    if (refresh_has_failed_locked(object))
        return MH_UPSTREAM_FAILING;
    return freshness_of(&input) == FRESHNESS_STALE ? MH_UPSTREAM_DUE : MH_UPSTREAM_FRESH;
}

static enum mh_code
tell_locked(const struct object *object, struct mh_model *ret, struct mh_fault *f)
{
    struct tally tally = {0};
    char url[2048];
    scoped(mem_freep) char *plain = mirror_url(object->mirror, 0, object->target);
    struct mh_model model = {
        .path = object_path(object),
        .last_used = atomic_load_explicit(&object->used_at, memory_order_relaxed),
    };
    const struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);

    if (plain) {
        url_redact(plain, url, sizeof(url));
        model.url = str_dup(url);
    }
    if (!model.path || !model.url) {
        mh_model_done(&model);
        return fail(f, MH_NOMEM, 0, "out of memory for the list of models");
    }
    add_file(object, &model, &tally);
    if (object->model)
        add_parts(object->model, &model, &tally);
    if (version) {
        model.is_pinned = version->meta.is_pinned;
        model.upstream = upstream_of(object, version);
        model.validated_at = version->meta.validated_at;
    }
    model.state = state_of(&model, &tally);
    model.is_refreshing = object->refresh != NULL;
    if (object->refresh_failure && !model.is_refreshing) {
        model.refresh_code = object->refresh_failure->code;
        model.refresh_fault = object->refresh_failure->fault;
    }
    if (tally.failed && model.state == MH_MODEL_INCOMPLETE) {
        model.code = tally.failed->failure->code;
        model.fault = tally.failed->failure->fault;
    }
    *ret = model;
    return MH_OK;
}

/* A removed model is forgotten for those who ask, unless a pull of it has something to tell. */
static bool
is_known(const struct object *object)
{
    if (object->flight || object->failure || manage_has_own_file_locked(object))
        return true;
    for (size_t i = 0; object->model && i < object->model->part_count; i++)
        if (object->model->parts[i].object->flight || object->model->parts[i].object->failure)
            return true;
    return false;
}

enum mh_code
mh_model_get(struct mh_host *host, const char *path, struct mh_model *ret_model,
             struct mh_fault *fault)
{
    const char *below = NULL;
    const struct mirror *mirror = host_mirror_of(host, path, &below);
    struct buf name = BUF_INIT(16384);

    if (!mirror)
        return fail(fault, MH_NOT_FOUND, 0, "no mirror has '%s'", path);
    enum mh_code code =
        name_from_target(below, (const char *const *) mirror->query_ignore, &name, fault);

    if (code == MH_OK) {
        (void) pthread_mutex_lock(&host->lock);
        struct object *object = object_find_locked(host, mirror, buf_text(&name));

        if (object && is_known(object))
            code = tell_locked(object, ret_model, fault);
        else if (!host->has_scanned)
            code = fail(fault, MH_BUSY, 0, "the cache is still being looked through");
        else
            code = fail(fault, MH_NOT_FOUND, 0, "'%s' is not in the cache", path);
        (void) pthread_mutex_unlock(&host->lock);
    }
    buf_done(&name);
    return code;
}

/* --- telling of all --- */

static int
by_path(const void *a, const void *b)
{
    return strcmp(((const struct mh_model *) a)->path, ((const struct mh_model *) b)->path);
}

/* Is the object a model of its own: a manifest, or something that no manifest names? */
static bool
is_a_model(const struct object *object)
{
    if (object->model)
        return true;
    return object->named_by.count == 0 &&
           (object->flight || atomic_load_explicit(&object->current, memory_order_relaxed));
}

enum mh_code
mh_models_list(struct mh_host *host, struct mh_model **ret_models, size_t *ret_n,
               struct mh_fault *fault)
{
    enum mh_code code = MH_OK;
    size_t n = 0;

    (void) pthread_mutex_lock(&host->lock);
    struct mh_model *models = mem_calloc(map_count(host->index) + 1, sizeof(*models));

    if (!models)
        code = fail(fault, MH_NOMEM, 0, "out of memory for the list of models");
    for (struct map_entry *e = map_first(host->index); code == MH_OK && e; e = map_next(e)) {
        if (!is_a_model(map_value(e)))
            continue;
        code = tell_locked(map_value(e), &models[n], fault);
        if (code != MH_OK)
            break;
        if (models[n].state == MH_MODEL_ARRIVING || manage_has_own_file_locked(map_value(e)))
            n++;
        else /* known, but nothing of it is here */
            mh_model_done(&models[n]);
    }
    (void) pthread_mutex_unlock(&host->lock);
    if (code != MH_OK) {
        mh_models_free(models, n);
        return code;
    }
    qsort(models, n, sizeof(*models), by_path);
    *ret_models = models;
    *ret_n = n;
    return MH_OK;
}

void
mh_flights_free(struct mh_flight_info *flights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(flights[i].path);
    mem_free(flights);
}

enum mh_code
mh_flights_list(struct mh_host *host, struct mh_flight_info **ret_flights, size_t *ret_n,
                struct mh_fault *fault)
{
    enum mh_code code = MH_OK;
    size_t n = 0;

    (void) pthread_mutex_lock(&host->lock);
    struct mh_flight_info *flights = mem_calloc(host->flight_count + 1, sizeof(*flights));

    if (!flights)
        code = fail(fault, MH_NOMEM, 0, "out of memory for the list of flights");
    for (struct flight *flight = host->flights; code == MH_OK && flight;
         flight = flight->next_flight) {
        flights[n].path = object_path(flight->object);
        if (!flights[n].path)
            code = fail(fault, MH_NOMEM, 0, "out of memory for the list of flights");
        (void) pthread_mutex_lock(&flight->lock);
        flights[n].bytes = flight->watermark;
        flights[n].total = flight->total;
        flights[n].clients = flight->clients;
        flights[n].state = flight_state_name(flight->state);
        (void) pthread_mutex_unlock(&flight->lock);
        n++;
    }
    (void) pthread_mutex_unlock(&host->lock);
    if (code != MH_OK) {
        mh_flights_free(flights, n);
        return code;
    }
    *ret_flights = flights;
    *ret_n = n;
    return MH_OK;
}
