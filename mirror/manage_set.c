/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of objects, and finding the models that are named.
 *
 * A set is a map from an object's key to the object, which keeps its order; what lies in it is
 * counted for as long. A group follows shards to other manifests, through cached ones only: a
 * removed manifest that is remembered connects nothing.
 *
 * All but manage_set_free() with host->lock held; no file is touched. Any thread. */
#include "manage_internal.h"

#include "buf.h"
#include "fault.h"
#include "flight.h"
#include "mem.h"
#include "model.h"
#include "name.h"

bool
manage_set_has(const struct map *set, const struct object *object)
{
    return map_get(set, object->key) != NULL;
}

bool
manage_set_add_locked(struct map *set, struct object *object)
{
    if (manage_set_has(set, object))
        return true;
    if (!map_set(set, object->key, object))
        return false;
    (void) object_ref_locked(object);
    return true;
}

void
manage_set_free(struct mh_host *host, struct map *set)
{
    if (!set)
        return;
    (void) pthread_mutex_lock(&host->lock);
    for (struct map_entry *e = map_first(set); e; e = map_next(e))
        object_unref_locked(map_value(e));
    (void) pthread_mutex_unlock(&host->lock);
    map_free(set);
}

/* Everything that is connected with an object: the walk's queue is the set itself. */
bool
manage_add_group_locked(struct map *set, struct object *start)
{
    bool is_all = manage_set_add_locked(set, start);

    for (struct map_entry *e = map_first(set); is_all && e; e = map_next(e)) {
        struct object *object = map_value(e);

        for (size_t i = 0; object->model && version_of(object) && i < object->model->part_count;
             i++)
            is_all = manage_set_add_locked(set, object->model->parts[i].object) && is_all;
        for (size_t i = 0; i < object->named_by.count; i++) {
            struct object *manifest = ((struct model *) object->named_by.items[i])->manifest;

            if (version_of(manifest))
                is_all = manage_set_add_locked(set, manifest) && is_all;
        }
    }
    return is_all;
}

/* The cached manifest that names it, other than those in `but` (may be NULL). */
const struct object *
manage_named_by_locked(const struct object *object, const struct map *but)
{
    for (size_t i = 0; i < object->named_by.count; i++) {
        const struct object *manifest = ((struct model *) object->named_by.items[i])->manifest;

        if (version_of(manifest) && !(but && manage_set_has(but, manifest)))
            return manifest;
    }
    return NULL;
}

bool
manage_has_own_file_locked(const struct object *object)
{
    if (version_of(object))
        return true;
    for (size_t i = 0; object->model && i < object->model->part_count; i++) {
        const struct object *part = object->model->parts[i].object;

        if (version_of(part) && !manage_named_by_locked(part, NULL))
            return true;
    }
    return false;
}

static enum mh_code
find_one_locked(struct mh_host *host, const char *path, struct object **ret, struct mh_fault *f)
{
    const char *below = NULL;
    const struct mirror *mirror = host_mirror_of(host, path, &below);
    scoped(buf_done) struct buf name = BUF_INIT(16384);
    const struct object *manifest;

    if (!mirror)
        return fail(f, MH_NOT_FOUND, 0, "no mirror has '%s'", path);
    enum mh_code code =
        name_from_target(below, (const char *const *) mirror->query_ignore, &name, f);

    if (code != MH_OK)
        return code;
    struct object *object = object_find_locked(host, mirror, buf_text(&name));

    if (object && object->flight)
        return fail(f, MH_BUSY, 0, "'%s' is arriving; try again when it is there", path);
    if (!object || !manage_has_own_file_locked(object))
        return fail(f, MH_NOT_FOUND, 0, "'%s' is not in the cache; `modelhost list` shows what is",
                    path);
    manifest = object->model ? NULL : manage_named_by_locked(object, NULL);
    if (manifest)
        return fail(f, MH_BAD_INPUT, 0, "'%s' is a file of the model '%s'; name that", path,
                    manifest->label);
    *ret = object;
    return MH_OK;
}

enum mh_code
manage_find_named_locked(struct mh_host *host, const char *const *paths, size_t n,
                         struct map *models, struct mh_fault *f)
{
    for (size_t i = 0; i < n; i++) {
        struct object *object = NULL;
        enum mh_code code = find_one_locked(host, paths[i], &object, f);

        if (code != MH_OK)
            return code;
        if (!manage_set_add_locked(models, object))
            return manage_no_memory(f);
    }
    return MH_OK;
}

/* Manifests, and what no manifest names. */
enum mh_code
manage_find_all_locked(struct mh_host *host, struct map *models, struct mh_fault *f)
{
    for (struct map_entry *e = map_first(host->index); e; e = map_next(e)) {
        struct object *object = map_value(e);

        if (!manage_has_own_file_locked(object) || (!object->model && object->named_by.count > 0))
            continue;
        if (!manage_set_add_locked(models, object))
            return manage_no_memory(f);
    }
    return MH_OK;
}

/* The cached files of a model, less those that another model keeps. */
enum mh_code
manage_add_files_locked(struct map *files, struct object *object, const struct map *removed,
                        struct mh_fault *f)
{
    bool is_all = !version_of(object) || manage_set_add_locked(files, object);

    for (size_t i = 0; object->model && i < object->model->part_count; i++) {
        struct object *part = object->model->parts[i].object;

        if (version_of(part) && !(removed && manage_named_by_locked(part, removed)))
            is_all = manage_set_add_locked(files, part) && is_all;
    }
    return is_all ? MH_OK : manage_no_memory(f);
}

/* The manifests of the groups; of what no manifest names, the object itself. */
enum mh_code
manage_add_heads_locked(struct map *files, const struct map *group, struct mh_fault *f)
{
    for (struct map_entry *e = map_first(group); e; e = map_next(e)) {
        struct object *object = map_value(e);

        if (version_of(object) && (object->model || object->named_by.count == 0) &&
            !manage_set_add_locked(files, object))
            return manage_no_memory(f);
    }
    return MH_OK;
}
