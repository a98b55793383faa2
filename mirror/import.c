/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing what an archive holds into the cache (include/modelhost/cargo.h says what is promised).
 *
 *   stage ──► checked (import_check.c) ──► partial files ──► a refresh's set ──► quiet ──► switch
 *
 * A checked archive is a refresh whose answers came on a stick: the same set, held against the same
 * other changes, waits for the same quiet and is switched by the same one commit (refresh.c). What
 * differs is said here: nothing is asked; files that are cached with the same bytes stay as they
 * are; what shares only such files with the set is not its business; and somebody waits for the
 * end. Files that the replaced manifests named and nobody names any more go with the switch.
 *
 * Any thread but the fetch thread. The importer's wait ends with the switch or the host's stop; the
 * thread that ends the refresh frees it, unless the stop came first. */
#include "import.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "manage_internal.h"
#include "mem.h"
#include "model.h"
#include "refresh_internal.h"
#include "stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "out of memory for an archive");
}

/* --- what refresh.c asks; host->lock held --- */

const struct object *
refresh_import_conflict_locked(const struct refresh *refresh, const struct refresh_file *file)
{
    for (size_t i = 0; file->outcome != OUTCOME_SAME && i < file->object->named_by.count; i++) {
        const struct object *manifest =
            ((struct model *) file->object->named_by.items[i])->manifest;

        if (manifest->refresh != refresh && (version_of(manifest) || manifest->flight))
            return manifest;
    }
    return NULL;
}

bool
refresh_import_replaces_locked(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        if (file->outcome != OUTCOME_SAME && version_of(file->object))
            return true;
    }
    return false;
}

void
refresh_import_over_locked(struct refresh *refresh)
{
    for (size_t i = 0; refresh->code == MH_OK && i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->object->refresh_failed_ms = 0;
        if (file->outcome == OUTCOME_GONE)
            continue;
        object_set_failure_locked(file->object, MH_OK, NULL); /* a 404 of before */
        /* Or it would be the first to make room. */
        atomic_store_explicit(&file->object->used_at, clock_wall_s(), memory_order_relaxed);
    }
    refresh->import->is_over = true;
    refresh->import->code = refresh->code;
    refresh->import->fault = refresh->fault;
    (void) pthread_cond_broadcast(&refresh->host->scanned);
}

/* --- the set; host->lock held --- */

static enum mh_code
say_busy(const struct object *object, struct mh_fault *f)
{
    return fail(f, MH_BUSY, 0, "'%s' is being fetched or revalidated; try again shortly",
                object->label);
}

static enum mh_code
add_item_locked(struct refresh *refresh, struct import_item *item, struct mh_fault *f)
{
    struct object *object =
        object_get_locked(refresh->host, item->mirror, item->name, item->meta.target);
    const struct version *current = object ? version_of(object) : NULL;
    struct refresh_file *file;

    if (!object)
        return no_memory(f);
    if (object->refresh || object->flight || object->leaving)
        return say_busy(object, f);
    file = refresh_add_file_locked(refresh, object);
    if (!file) {
        object_sweep_locked(object);
        return no_memory(f);
    }
    memcpy(file->partial_id, item->partial_id, sizeof(file->partial_id));
    if (current && memcmp(current->meta.sha256, item->meta.sha256, 32) == 0) {
        file->outcome = OUTCOME_SAME;
        return meta_copy(&current->meta, &file->meta) == MH_OK ? MH_OK : no_memory(f);
    }
    file->outcome = OUTCOME_STAGED;
    file->meta = item->meta;
    file->meta.is_pinned = current && current->meta.is_pinned;
    item->meta = (struct meta){0};
    return MH_OK;
}

/* Is it cached, and named by manifests of the set alone? */
static bool
is_orphan_locked(const struct refresh *refresh, const struct object *object)
{
    if (!version_of(object) || object->refresh || object->flight || object->leaving)
        return false;
    for (size_t i = 0; i < object->named_by.count; i++) {
        const struct object *manifest = ((struct model *) object->named_by.items[i])->manifest;

        if (manifest->refresh != refresh && version_of(manifest))
            return false;
    }
    return true;
}

/* What the replaced manifests named, and the set does not have, goes with the switch. */
static enum mh_code
add_orphans_locked(struct refresh *refresh, struct mh_fault *f)
{
    size_t count = refresh->files.count; /* those are added behind */

    for (size_t i = 0; i < count; i++) {
        const struct refresh_file *manifest = refresh->files.items[i];
        const struct model *model = manifest->object->model;

        for (size_t p = 0; manifest->outcome == OUTCOME_STAGED && model && p < model->part_count;
             p++) {
            struct refresh_file *file;

            if (!is_orphan_locked(refresh, model->parts[p].object))
                continue;
            file = refresh_add_file_locked(refresh, model->parts[p].object);
            if (!file)
                return no_memory(f);
            file->outcome = OUTCOME_GONE;
        }
    }
    return MH_OK;
}

static enum mh_code
check_neighbours_locked(const struct refresh *refresh, struct mh_fault *f)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];
        const struct object *other = refresh_import_conflict_locked(refresh, file);

        if (other)
            return fail(f, MH_BUSY, 0,
                        "the cached model '%s' shares '%s' with the archive, which has another "
                        "version of it; remove that model first (`modelhost rm`), or export both "
                        "together",
                        other->label, file->object->label);
    }
    return MH_OK;
}

static bool
has_news(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++)
        if (((struct refresh_file *) refresh->files.items[i])->outcome != OUTCOME_SAME)
            return true;
    return false;
}

static enum mh_code
fill_set_locked(struct refresh *refresh, struct import *import, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    if (refresh->host->is_stopping)
        return fail(f, MH_CANCELLED, 0, "the server is stopping");
    for (size_t i = 0; code == MH_OK && i < import->count; i++)
        code = add_item_locked(refresh, &import->items[i], f);
    if (code == MH_OK)
        code = add_orphans_locked(refresh, f);
    if (code == MH_OK)
        code = check_neighbours_locked(refresh, f);
    return code;
}

/* --- waiting; host->lock held --- */

static enum mh_code
await_locked(struct refresh *refresh, struct refresh_import *waiting, struct mh_fault *f)
{
    struct mh_host *host = refresh->host;

    /* Whoever switches runs to its end, also when the host stops. */
    while (!waiting->is_over && (!host->is_stopping || refresh->is_switching))
        (void) pthread_cond_wait(&host->scanned, &host->lock);
    if (!waiting->is_over) {
        refresh_free_locked(refresh);
        return fail(f, MH_CANCELLED, 0, "the server is stopping");
    }
    if (waiting->code != MH_OK && f)
        *f = waiting->fault;
    return waiting->code;
}

/* Switch the set: at once where nothing is replaced, else when it is quiet. */
static enum mh_code
switch_all(struct import *import, struct mh_fault *f)
{
    struct mh_host *host = import->host;
    struct refresh_import waiting = {0};
    struct refresh *refresh = mem_new(struct refresh);
    enum mh_code code = refresh ? MH_OK : no_memory(f);

    if (code != MH_OK)
        return code;
    refresh->host = host;
    refresh->import = &waiting;
    refresh->files = LIST_INIT(0);
    (void) pthread_mutex_lock(&host->lock);
    refresh->serial = ++host->refresh_serial;
    refresh->has_changes = true; /* nobody waits for an upstream's answer */
    code = fill_set_locked(refresh, import, f);
    bool waits = code == MH_OK && has_news(refresh);

    if (waits) {
        refresh->next = host->refreshes;
        host->refreshes = refresh;
        refresh_stage_locked(refresh);
    } else {
        refresh_free_locked(refresh);
    }
    (void) pthread_mutex_unlock(&host->lock);
    if (!waits)
        return code;
    refresh_tick(host);
    (void) pthread_mutex_lock(&host->lock);
    code = await_locked(refresh, &waiting, f);
    (void) pthread_mutex_unlock(&host->lock);
    return code;
}

/* --- the files --- */

/* From the stage to where a commit takes them. The id is no download's. */
static enum mh_code
take_staged(struct import *import, const char *stage, struct mh_fault *f)
{
    int dir_fd = store_dir_fd(import->host->store);

    for (size_t i = 0; i < import->count; i++) {
        struct import_item *item = &import->items[i];
        char name[24];

        store_partial_id(stage, item->key, item->partial_id);
        (void) snprintf(name, sizeof(name), "%zu", item->index);
        scoped(mem_freep) char *to = str_printf("partial/%s.part", item->partial_id);

        if (!to)
            return no_memory(f);
        if (renameat(import->stage_fd, name, dir_fd, to) < 0)
            return fail_errno(f, errno, "take over the unpacked '%s'", item->file->path);
    }
    return MH_OK;
}

static void
remove_staged(struct import *import)
{
    for (size_t i = 0; i < import->count; i++)
        if (import->items[i].partial_id[0] != '\0')
            store_partial_remove(import->host->store, import->items[i].partial_id);
}

static enum mh_code
read_cargo(struct import *import, struct mh_fault *f)
{
    scoped(mem_freep) char *text = NULL;
    size_t n = 0;
    enum mh_code code =
        fd_read_file(import->stage_fd, MH_CARGO_NAME, MH_CARGO_MAX_TEXT, &text, &n, f);

    if (code == MH_NOT_FOUND)
        return fail(f, MH_CORRUPT, 0, "the archive has no " MH_CARGO_NAME);
    return code == MH_OK ? mh_cargo_read(text, n, &import->cargo, f) : code;
}

static enum mh_code
check_room(const struct import *import, struct mh_fault *f)
{
    uint64_t max = import->host->max_bytes;

    if (max == 0 || import->cargo.bytes <= max)
        return MH_OK;
    return fail(f, MH_NO_SPACE, 0,
                "the archive holds %" PRIu64 " bytes, and the cache may hold %" PRIu64
                "; raise cache.max_size",
                import->cargo.bytes, max);
}

/* --- telling --- */

static void
free_row(void *row)
{
    mh_done_free(row, 1);
}

/* Count the files of a model, each once, though several groups may name it. */
static enum mh_code
count_files(const struct import *import, const struct import_item *item, struct mh_done *done,
            struct mh_fault *f)
{
    struct map *seen = map_new();
    bool is_all = seen != NULL;

    for (size_t i = 0; is_all && i < item->meta.part_count; i++) {
        scoped(mem_freep) char *key =
            str_printf("%s/%s", item->mirror->name, item->meta.parts[i].name);
        struct import_item *part = key ? map_get(import->by_key, key) : NULL;

        is_all = part && map_set(seen, key, part);
    }
    done->files = 1;
    done->bytes = item->file->bytes;
    for (struct map_entry *e = is_all ? map_first(seen) : NULL; e; e = map_next(e)) {
        done->files++;
        done->bytes += ((struct import_item *) map_value(e))->file->bytes;
    }
    map_free(seen);
    return is_all ? MH_OK : no_memory(f);
}

static enum mh_code
add_row(const struct import *import, const struct import_item *item, struct list *rows,
        struct mh_fault *f)
{
    struct mh_done *done = mem_new(struct mh_done);

    if (done)
        done->path = str_printf("%s%s", item->mirror->path, item->file->target);
    if (!done || !done->path || !list_add(rows, done)) {
        if (done)
            free_row(done);
        return no_memory(f);
    }
    return count_files(import, item, done, f);
}

/* Before the switch, which takes the metadata over. */
static enum mh_code
list_rows(const struct import *import, struct list *rows, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (size_t i = 0; code == MH_OK && i < import->count; i++)
        if (!import->items[i].is_part)
            code = add_row(import, &import->items[i], rows, f);
    return code;
}

static enum mh_code
hand_over(struct list *rows, struct mh_done **ret, size_t *ret_n, struct mh_fault *f)
{
    struct mh_done *done = mem_calloc(rows->count + 1, sizeof(*done));

    if (!done)
        return no_memory(f);
    for (size_t i = 0; i < rows->count; i++) {
        struct mh_done *row = rows->items[i];

        done[i] = *row;
        row->path = NULL;
    }
    *ret = done;
    *ret_n = rows->count;
    return MH_OK;
}

enum mh_code
mh_import(struct mh_host *host, const char *stage, struct mh_done **ret_done, size_t *ret_n,
          struct mh_fault *fault)
{
    struct import import = {.host = host, .stage_fd = -1};
    struct list rows = LIST_INIT(0);
    enum mh_code code = mh_host_wait_scanned(host, fault);

    if (code == MH_OK)
        code = store_check_writable(host->store, fault);
    if (code == MH_OK)
        code = stage_find(store_dir_fd(host->store), stage, &import.stage_fd, fault);
    if (code == MH_OK)
        code = read_cargo(&import, fault);
    if (code == MH_OK)
        code = check_room(&import, fault);
    if (code == MH_OK)
        code = import_check(&import, fault);
    if (code == MH_OK)
        code = list_rows(&import, &rows, fault);
    if (code == MH_OK)
        code = take_staged(&import, stage, fault);
    if (code == MH_OK)
        code = switch_all(&import, fault);
    remove_staged(&import); /* what was not published */
    if (code == MH_OK)
        code = hand_over(&rows, ret_done, ret_n, fault);
    if (code == MH_OK)
        manage_make_room(host);
    list_done(&rows, free_row);
    import_items_free(&import);
    mh_cargo_done(&import.cargo);
    fd_close(import.stage_fd);
    return code;
}
