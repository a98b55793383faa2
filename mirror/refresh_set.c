/* SPDX-License-Identifier: Apache-2.0 */
/* The set of a refresh: the files of a group, each once, and its end as one.
 *
 * A group is found by walking: the files that a manifest names, the manifests that name those, and
 * so on. An object belongs to one refresh at most (object->refresh), and is counted while it does;
 * where a part is arriving or leaving just now, there is no set. The first failure of any file is
 * the set's. All of it is under host->lock. */
#include "refresh_internal.h"

#include "mem.h"
#include "model.h"
#include "waiter.h"

struct refresh_file *
refresh_file_of(const struct refresh *refresh, const struct object *object)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        if (file->object == object)
            return file;
    }
    return NULL;
}

struct refresh_file *
refresh_add_file_locked(struct refresh *refresh, struct object *object)
{
    struct refresh_file *file = mem_new(struct refresh_file);

    if (file)
        file->store_url = object_store_url(object);
    if (!file || !file->store_url || !list_add(&refresh->files, file)) {
        mem_free(file ? file->store_url : NULL);
        mem_free(file);
        return NULL;
    }
    file->object = object_ref_locked(object);
    object->refresh = refresh;
    return file;
}

static void
free_file(void *item)
{
    struct refresh_file *file = item;

    meta_done(&file->meta);
    mem_free(file->store_url);
    version_unref(file->old);
    mem_free(file);
}

void
refresh_free_locked(struct refresh *refresh)
{
    struct refresh **link = &refresh->host->refreshes;

    while (*link && *link != refresh)
        link = &(*link)->next;
    if (*link)
        *link = refresh->next;
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->object->refresh = NULL;
        object_unref_locked(file->object);
    }
    list_done(&refresh->files, free_file);
    waiter_wake_all(&refresh->waiters);
    mem_free(refresh);
}

/* Add what the object is connected with. false: no memory, or a part is arriving just now. */
bool
refresh_add_group_locked(struct refresh *refresh, struct object *object)
{
    if (object->flight || object->leaving)
        return false;
    if (!refresh_add_file_locked(refresh, object))
        return false;
    /* The list grows while it is walked: every file's neighbours are looked at once. */
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct object *at = ((struct refresh_file *) refresh->files.items[i])->object;
        struct model *model = at->model;

        for (size_t n = 0; n < at->named_by.count + (model ? model->part_count : 0); n++) {
            struct object *next = n < at->named_by.count
                                      ? ((struct model *) at->named_by.items[n])->manifest
                                      : model->parts[n - at->named_by.count].object;

            if (next->refresh == refresh || !model_connects_locked(next))
                continue;
            if (next->refresh || next->flight || next->leaving ||
                !refresh_add_file_locked(refresh, next))
                return false;
        }
    }
    return true;
}

void
refresh_fail_locked(struct refresh *refresh, enum mh_code code, const struct mh_fault *fault)
{
    if (refresh->code != MH_OK)
        return;
    refresh->code = code;
    refresh->fault = *fault;
}
