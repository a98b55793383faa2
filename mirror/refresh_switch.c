/* SPDX-License-Identifier: Apache-2.0 */
/* Switching the staged set of a refresh: waiting for quiet, and one commit of the store.
 *
 * The tick, on the fetch thread, decides when: no file of the set is asked for, sent, or fetched by
 * a flight of its own. After settle_max the manifests' requests are held, so that a set that is
 * always in use is switched, too. The switch itself is a work thread's: all requests for the set
 * are parked, the store commits without host->lock, and the new versions are installed with it.
 * Whether it succeeds or not, they are let go afterwards, and the refresh is over. */
#include "refresh_internal.h"

#include "clocks.h"
#include "fault.h"
#include "mem.h"
#include "model.h"
#include "room.h"

#include <stddef.h>

static struct store_step
step_of(struct refresh_file *file)
{
    struct object *object = file->object;
    struct store_step step = {.mirror = object->mirror->name, .meta = &file->meta};

    if (file->outcome == OUTCOME_STAGED) {
        step.action = STORE_PUBLISH;
        step.partial_id = file->partial_id;
        step.url = file->store_url;
    } else {
        /* Held: a view that finds the file changed from outside lets the object's own go. */
        file->old = object_version_locked(object);
        step.action = file->outcome == OUTCOME_GONE ? STORE_REMOVE : STORE_META;
        step.meta = file->outcome == OUTCOME_GONE ? &file->old->meta : &file->meta;
        step.place = file->old->place;
    }
    return step;
}

/* Park the requests for the set while it is switched. */
static void
hold_all_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++)
        ((struct refresh_file *) refresh->files.items[i])->object->leaving++;
}

static void
hold_manifests_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->is_held = file->object->model != NULL;
        file->object->leaving += file->is_held;
    }
}

static void
release_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->object->leaving -= file->is_held ? 2 : 1;
        file->is_held = false;
    }
    host_unpark_locked(refresh->host);
}

static void
install_file_locked(struct refresh_file *file, struct store_step *step, struct mh_fault *f)
{
    struct object *object = file->object;
    char *place = file->outcome == OUTCOME_STAGED ? ptr_take(&step->place) : str_dup(step->place);

    if (file->outcome == OUTCOME_GONE) {
        mem_free(place);
        object_set_version_locked(object, NULL);
        model_forget_locked(object);
        return;
    }
    struct version *version = version_new(&file->meta, place);

    if (!version) /* the next request finds it on disk */
        (void) fail(f, MH_NOMEM, 0, "out of memory for the index");
    object_set_version_locked(object, version);
}

/* Manifests after their parts have versions, so that completeness is known. */
static enum mh_code
learn_locked(struct refresh_file *file, struct mh_fault *f)
{
    struct object *object = file->object;
    enum mh_code code = MH_OK;
    struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);

    if (!version)
        return MH_OK;
    if (!version->meta.format)
        model_forget_locked(object);
    else if (file->outcome == OUTCOME_STAGED)
        code = model_learn_locked(object, &version->meta, f);
    model_note_present_locked(object, false);
    return code;
}

/* A new set holds objects with no current version that nothing was staged for? Those are not steps.
 */
static bool
is_step(const struct refresh_file *file)
{
    return file->outcome == OUTCOME_STAGED ||
           atomic_load_explicit(&file->object->current, memory_order_relaxed);
}

static bool
is_named_elsewhere_locked(const struct refresh *refresh, const struct object *object)
{
    for (size_t n = 0; n < object->named_by.count; n++) {
        const struct object *manifest = ((struct model *) object->named_by.items[n])->manifest;

        if (manifest->refresh != refresh && model_connects_locked(manifest))
            return true;
    }
    return false;
}

/* Has another manifest been learned that names a file of the set? It was checked with the old
 * files, and its sums are not those of the new ones: the next refresh asks about it too. */
static bool
has_grown_locked(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        if (refresh->import ? refresh_import_conflict_locked(refresh, file) != NULL
                            : is_named_elsewhere_locked(refresh, file->object))
            return true;
    }
    return false;
}

static void
switch_set(struct work_item *item)
{
    struct refresh *refresh =
        (struct refresh *) (void *) ((char *) item - offsetof(struct refresh, work));
    struct mh_host *host = refresh->host;
    size_t count = refresh->files.count;
    struct store_step *steps = mem_calloc(count + 1, sizeof(*steps));
    struct refresh_file **files = mem_calloc(count + 1, sizeof(struct refresh_file *));
    size_t n = 0;
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&host->lock);
    bool has_grown = has_grown_locked(refresh);

    hold_all_locked(refresh);
    for (size_t i = 0; steps && files && i < count; i++)
        if (is_step(refresh->files.items[i])) {
            files[n] = refresh->files.items[i];
            steps[n] = step_of(files[n]);
            n++;
        }
    (void) pthread_mutex_unlock(&host->lock);
    if (!steps || !files)
        code = fail(&refresh->fault, MH_NOMEM, 0, "out of memory for a refresh");
    else if (has_grown)
        code = fail(&refresh->fault, MH_BUSY, 0,
                    "a model that shares its shards was fetched while it was refreshed");
    else
        code = room_commit(host, steps, n, &refresh->fault);

    (void) pthread_mutex_lock(&host->lock);
    for (size_t i = 0; code == MH_OK && i < n; i++)
        install_file_locked(files[i], &steps[i], &refresh->fault);
    for (size_t i = 0; code == MH_OK && i < n; i++)
        code = learn_locked(files[i], &refresh->fault);
    release_locked(refresh);
    (void) pthread_mutex_unlock(&host->lock);
    refresh->code = code;
    mem_free(steps);
    mem_free(files);
    refresh_end(refresh);
}

void
refresh_stage_locked(struct refresh *refresh)
{
    refresh->staged_at_ms = clock_mono_ms();
    refresh->work.run = switch_set;
    refresh->is_staged = true;
}

static bool
is_quiet(const struct refresh *refresh, uint64_t now)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct object *object = ((struct refresh_file *) refresh->files.items[i])->object;
        uint64_t asked = atomic_load_explicit(&object->asked_ms, memory_order_relaxed);

        if (object->views > 0 || atomic_load(&object->sending) > 0 ||
            (asked && now < asked + refresh->host->settle_ms))
            return false;
    }
    return true;
}

static bool
is_parked(const struct mh_host *host, const struct flight *flight)
{
    const struct flight *at = host->parked;

    while (at && at != flight)
        at = at->next_waiting;
    return at != NULL;
}

/* Is an object's own flight under way? It would install what it found before the switch, after it.
 * One that is parked looks again when the switch is done. */
static bool
has_flight(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct object *object = ((struct refresh_file *) refresh->files.items[i])->object;

        if (object->flight && !is_parked(refresh->host, object->flight))
            return true;
    }
    return false;
}

/* Is it time to switch? host->lock held. */
static bool
may_switch_locked(struct refresh *refresh, uint64_t now)
{
    if (has_flight(refresh))
        return false;
    if (refresh->import && !refresh_import_replaces_locked(refresh))
        return true; /* nobody can be loading what is not there */
    if (is_quiet(refresh, now))
        return true;
    if (!refresh->held_at_ms && now >= refresh->staged_at_ms + refresh->host->settle_max_ms) {
        refresh->held_at_ms = now;
        hold_manifests_locked(refresh);
    }
    return refresh->held_at_ms && now >= refresh->held_at_ms + refresh->host->settle_ms;
}

void
refresh_tick(struct mh_host *host)
{
    uint64_t now = clock_mono_ms();

    (void) pthread_mutex_lock(&host->lock);
    for (struct refresh *refresh = host->refreshes; refresh; refresh = refresh->next) {
        if (!refresh->is_staged || refresh->is_switching || host->is_stopping ||
            !may_switch_locked(refresh, now))
            continue;
        refresh->is_switching = true;
        work_submit(host->work, &refresh->work);
    }
    (void) pthread_mutex_unlock(&host->lock);
}
