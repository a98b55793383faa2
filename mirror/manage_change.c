/* SPDX-License-Identifier: Apache-2.0 */
/* One change to what is cached: a set of objects gets one fate, by one commit.
 *
 * Under host->lock the objects are marked as leaving, so that neither a refresh nor a flight can
 * touch them; the commit makes it so on disk without any lock; under the lock again the index
 * follows, or what was taken out is put back where the commit failed. What is arriving or being
 * revalidated is not touched at all: BUSY.
 *
 * Any thread but the fetch thread: it waits for the disk. */
#include "manage_internal.h"

#include "fault.h"
#include "mem.h"
#include "model.h"

struct change_set {
    struct mh_host *host;
    size_t count;
    struct object **objects;  /* counted */
    struct version **earlier; /* counted */
    struct version **afters;  /* NULL: it is removed */
    struct store_step *steps;
};

static void
change_free(struct change_set *change)
{
    (void) pthread_mutex_lock(&change->host->lock);
    for (size_t i = 0; i < change->count; i++) {
        change->objects[i]->leaving--;
        version_unref(change->earlier[i]);
        version_unref(change->afters[i]);
        object_unref_locked(change->objects[i]);
    }
    host_unpark_locked(change->host);
    (void) pthread_mutex_unlock(&change->host->lock);
    mem_free(change->objects);
    mem_free(change->earlier);
    mem_free(change->afters);
    mem_free(change->steps);
}

static enum mh_code
change_init(struct change_set *change, struct mh_host *host, size_t room, struct mh_fault *f)
{
    *change = (struct change_set){.host = host};
    change->objects = mem_calloc(room + 1, sizeof(*change->objects));
    change->earlier = mem_calloc(room + 1, sizeof(*change->earlier));
    change->afters = mem_calloc(room + 1, sizeof(*change->afters));
    change->steps = mem_calloc(room + 1, sizeof(*change->steps));
    return change->objects && change->earlier && change->afters && change->steps
               ? MH_OK
               : manage_no_memory(f);
}

static struct version *
repinned(const struct version *version, const struct object *object, bool is_pinned)
{
    struct meta meta = {0};

    if (meta_copy(&version->meta, &meta) != MH_OK)
        return NULL;
    meta.is_pinned = is_pinned;
    meta.used_at = atomic_load_explicit(&object->used_at, memory_order_relaxed);
    return version_new(&meta, str_dup(version->place));
}

static enum mh_code
change_add_locked(struct change_set *change, struct object *object, enum manage_fate fate,
                  struct mh_fault *f)
{
    struct version *version = version_of(object);
    struct version *after = NULL;
    struct store_step step = {.mirror = object->mirror->name, .action = STORE_REMOVE};

    if (object->flight || object->refresh || object->leaving)
        return fail(f, MH_BUSY, 0, "'%s' is being fetched or revalidated; try again shortly",
                    object->label);
    if (fate != FATE_REMOVED) {
        after = repinned(version, object, fate == FATE_PINNED);
        if (!after)
            return manage_no_memory(f);
        step.action = STORE_META;
        step.meta = &after->meta;
    }
    step.place = version->place;
    object->leaving++;
    change->objects[change->count] = object_ref_locked(object);
    change->earlier[change->count] = version_ref(version);
    change->afters[change->count] = after;
    change->steps[change->count] = step;
    change->count++;
    return MH_OK;
}

/* Begin to add everything of a set. On failure nothing of it is marked. */
static enum mh_code
change_add_all_locked(struct change_set *change, const struct map *set, enum manage_fate fate,
                      struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (struct map_entry *e = map_first(set); code == MH_OK && e; e = map_next(e))
        code = change_add_locked(change, map_value(e), fate, f);
    return code;
}

/* From here on what is to go is not given out any more. host->lock held. */
static void
change_begin_locked(struct change_set *change)
{
    for (size_t i = 0; i < change->count; i++)
        if (!change->afters[i])
            object_set_version_locked(change->objects[i], NULL);
}

static void
change_end(struct change_set *change, enum mh_code code)
{
    (void) pthread_mutex_lock(&change->host->lock);
    for (size_t i = 0; i < change->count; i++) {
        struct version *version = code == MH_OK ? change->afters[i] : change->earlier[i];

        if (!version || version_of(change->objects[i]) == version)
            continue;
        object_set_version_locked(change->objects[i], version_ref(version));
        model_note_present_locked(change->objects[i], false);
    }
    (void) pthread_mutex_unlock(&change->host->lock);
}

static enum mh_code
change_commit(struct change_set *change, struct mh_fault *f)
{
    enum mh_code code = store_commit(change->host->store, change->steps, change->count, f);

    change_end(change, code);
    return code;
}

/* Give every object of a set one fate, by one commit. host->lock not held. */
enum mh_code
manage_change_set(struct mh_host *host, const struct map *set, enum manage_fate fate,
                  struct mh_fault *f)
{
    struct change_set change;
    enum mh_code code = change_init(&change, host, map_count(set), f);

    (void) pthread_mutex_lock(&host->lock);
    if (code == MH_OK)
        code = change_add_all_locked(&change, set, fate, f);
    if (code == MH_OK)
        change_begin_locked(&change);
    (void) pthread_mutex_unlock(&host->lock);
    if (code == MH_OK)
        code = change_commit(&change, f);
    change_free(&change);
    return code;
}
