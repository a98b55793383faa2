/* SPDX-License-Identifier: Apache-2.0 */
/* The index is rebuilt from the metadata on disk, by a work thread, while the host serves already.
 *
 * An object that a request has found before the scan met it is left as it is. When the scan has
 * ended it is known which manifests name which objects; only then are misses taken to the upstream,
 * and the models whose sums do not hold (a crash between a bad shard and its removal) taken back.
 */
#include "encode.h"
#include "host_internal.h"

#include "fault.h"
#include "mem.h"
#include "model.h"
#include "refresh.h"
#include "uses.h"

#include <stddef.h>
#include <string.h>

static const struct mirror *
mirror_by_name(const struct mh_host *host, const char *name)
{
    for (size_t i = 0; i < host->mirror_count; i++)
        if (strcmp(host->mirrors[i].name, name) == 0)
            return &host->mirrors[i];
    return NULL;
}

struct scanning {
    struct mh_host *host;
    struct map *uses; /* may be NULL */
};

static bool
visit(void *arg, const char *mirror_name, const char *place, struct meta *meta)
{
    const struct scanning *scanning = arg;
    struct mh_host *host = scanning->host;
    const struct mirror *mirror = mirror_by_name(host, mirror_name);
    char *own_place = str_dup(place);
    struct mh_fault fault = {0};
    enum mh_code learned = MH_OK;

    (void) pthread_mutex_lock(&host->lock);
    bool goes_on = !host->is_stopping;
    struct object *object =
        goes_on && own_place ? object_get_locked(host, mirror, meta->name, meta->target) : NULL;

    if (object && !object->flight && !object->leaving &&
        !atomic_load_explicit(&object->current, memory_order_relaxed)) {
        int64_t noted = uses_of(scanning->uses, object->key);
        int64_t used_at = meta->used_at > noted ? meta->used_at : noted;
        struct version *version = version_new(meta, ptr_take(&own_place));

        if (version) {
            atomic_store_explicit(&object->used_at, used_at, memory_order_relaxed);
            object_set_version_locked(object, version);
            if (version->meta.format && !object->model)
                learned = model_learn_locked(object, &version->meta, &fault);
        }
        object_sweep_locked(object);
    }
    (void) pthread_mutex_unlock(&host->lock);
    mem_free(own_place);
    if (learned != MH_OK) /* served as a plain file until the next start */
        host_tell(host, MH_EVENT_WARNING, learned, NULL, &fault);
    return goes_on;
}

static void
broken(void *arg, const char *mirror_name, const char *place, const struct mh_fault *fault)
{
    struct mh_fault named = *fault;

    fault_prepend(&named, "the metadata of '%s/%s' is passed over", mirror_name, place);
    host_tell(((const struct scanning *) arg)->host, MH_EVENT_WARNING, MH_CORRUPT, NULL, &named);
}

/* A model whose sums do not hold, to be told of when the lock is free. */
struct bad_model {
    struct object *manifest; /* counted */
    struct mh_fault fault;
};

/* Find the models that are complete, and take those back whose sums do not hold. */
static void
check_models_locked(struct mh_host *host, struct list *bad)
{
    for (struct map_entry *e = map_first(host->index); e; e = map_next(e)) {
        struct object *object = map_value(e);
        struct mh_fault fault = {0};

        if (!object->model)
            continue;
        model_note_present_locked(object, false);
        if (model_check_sums_locked(object->model, &fault) == MH_OK)
            continue;
        struct bad_model *model = mem_new(struct bad_model);

        if (!model || !list_add(bad, model)) { /* found again at the next start */
            mem_free(model);
            continue;
        }
        *model = (struct bad_model){.manifest = object_ref_locked(object), .fault = fault};
    }
    for (size_t i = 0; i < bad->count; i++)
        model_take_back_locked(((struct bad_model *) bad->items[i])->manifest->model);
}

static void
tell_bad_models(struct mh_host *host, struct list *bad)
{
    for (size_t i = 0; i < bad->count; i++) {
        struct bad_model *model = bad->items[i];

        host_tell(host, MH_EVENT_WARNING, MH_CORRUPT, model->manifest, &model->fault);
        (void) pthread_mutex_lock(&host->lock);
        object_unref_locked(model->manifest);
        (void) pthread_mutex_unlock(&host->lock);
    }
    list_done(bad, mem_free);
}

/* What was asked for while nothing could be refreshed yet, and is stale, is asked about now. */
static void
freshen_asked_locked(struct mh_host *host)
{
    for (struct map_entry *e = map_first(host->index); e; e = map_next(e)) {
        struct object *object = map_value(e);
        const struct version *version =
            atomic_load_explicit(&object->current, memory_order_relaxed);

        if (version && atomic_load_explicit(&object->asked_ms, memory_order_relaxed) != 0)
            (void) refresh_if_stale_locked(object, version);
    }
}

static void
run(struct work_item *item)
{
    struct mh_host *host =
        (struct mh_host *) (void *) ((char *) item - offsetof(struct mh_host, scan));
    struct list bad = LIST_INIT(0);
    struct scanning scanning = {.host = host, .uses = uses_read(host->store)};
    const struct store_scan scan = {.arg = &scanning, .visit = visit, .broken = broken};

    for (size_t i = 0; i < host->mirror_count; i++) {
        struct mh_fault fault = {0};
        enum mh_code code = store_scan_mirror(host->store, host->mirrors[i].name, &scan, &fault);

        if (code != MH_OK && code != MH_NOT_FOUND)
            host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
    }
    encode_scan(host);
    (void) pthread_mutex_lock(&host->lock);
    check_models_locked(host, &bad);
    host->has_scanned = true;
    encode_scanned_locked(host);
    (void) pthread_cond_broadcast(&host->scanned);
    host_unpark_locked(host);
    freshen_asked_locked(host);
    (void) pthread_mutex_unlock(&host->lock);
    map_free(scanning.uses);
    tell_bad_models(host, &bad);
}

void
scan_start(struct mh_host *host)
{
    host->scan.run = run;
    work_submit(host->work, &host->scan);
}
