/* SPDX-License-Identifier: Apache-2.0 */
/* Making room: groups leave the cache, least recently used first, until the limits hold.
 *
 * What may go and in which order is evict.c's (pure); here the groups are found and summed up, and
 * those that are pinned, read, fetched or in the middle of being loaded are marked as kept. The
 * host also does this by itself, on a work thread, after every publish and with every tick.
 *
 * Any thread but the fetch thread; manage_make_room() any, and it returns at once. */
#include "manage_internal.h"

#include "clocks.h"
#include "encode.h"
#include "evict.h"
#include "fault.h"
#include "mem.h"

#include <stddef.h>

/* Somebody reads it, it is being fetched, or a client may be between two of its files. */
static bool
is_in_use(const struct object *object, uint64_t now_ms)
{
    uint64_t asked_ms = atomic_load_explicit(&object->asked_ms, memory_order_relaxed);

    return object->views > 0 || atomic_load(&object->sending) > 0 || object->flight ||
           object->refresh || object->leaving ||
           (asked_ms && now_ms - asked_ms < object->host->settle_ms);
}

static void
sum_up(const struct map *files, struct evict_group *row)
{
    uint64_t now_ms = clock_mono_ms();

    for (struct map_entry *e = map_first(files); e; e = map_next(e)) {
        const struct object *object = map_value(e);
        const struct version *version = version_of(object);
        int64_t used_at = atomic_load_explicit(&object->used_at, memory_order_relaxed);

        if (version)
            row->bytes += version->meta.bytes + encode_bytes_of_locked(object->host, version);
        row->used_at = used_at > row->used_at ? used_at : row->used_at;
        row->is_kept =
            row->is_kept || (version && version->meta.is_pinned) || is_in_use(object, now_ms);
    }
}

/* Every group once. `maps` and `rows` have room for all objects. host->lock held. */
static enum mh_code
find_groups_locked(struct mh_host *host, struct map **maps, struct evict_group *rows, size_t *n,
                   struct mh_fault *f)
{
    struct map *seen = map_new();
    bool is_all = seen != NULL;

    for (struct map_entry *e = map_first(host->index); is_all && e; e = map_next(e)) {
        if (!version_of(map_value(e)) || manage_set_has(seen, map_value(e)))
            continue;
        maps[*n] = map_new();
        is_all = maps[*n] && manage_add_group_locked(maps[*n], map_value(e));
        for (struct map_entry *m = maps[*n] ? map_first(maps[*n]) : NULL; is_all && m;
             m = map_next(m))
            is_all = map_set(seen, map_key(m), seen);
        if (is_all)
            sum_up(maps[*n], &rows[*n]);
        (*n)++;
    }
    map_free(seen);
    return is_all ? MH_OK : manage_no_memory(f);
}

static enum mh_code
add_chosen_locked(struct manage_task *task, struct map *const *maps, const struct evict_group *rows,
                  size_t n, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (size_t i = 0; i < n; i++) {
        if (!rows[i].is_chosen)
            continue;
        for (struct map_entry *e = map_first(maps[i]); code == MH_OK && e; e = map_next(e))
            if (version_of(map_value(e)) && !manage_set_add_locked(task->files, map_value(e)))
                code = manage_no_memory(f);
        if (code == MH_OK)
            code = manage_add_heads_locked(task->models, maps[i], f);
    }
    return code == MH_OK ? manage_report_models_locked(&task->report, task->models, task->files, f)
                         : code;
}

/* Would what was chosen be enough for what is needed? In vain nothing goes. */
static enum mh_code
check_gain(const struct manage_task *task, uint64_t chosen, uint64_t free_bytes, struct mh_fault *f)
{
    if (task->need == 0 || (chosen > 0 && chosen >= task->need) ||
        (chosen > 0 && task->need - chosen <= free_bytes))
        return MH_OK;
    return fail(f, MH_NO_SPACE, 0, "nothing unpinned and unused would make enough room");
}

static enum mh_code
choose(struct manage_task *task, uint64_t free_bytes, struct mh_fault *f)
{
    struct mh_host *host = task->host;
    size_t n = 0;
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&host->lock);
    uint64_t need = evict_need(host->object_bytes + encode_bytes_locked(host),
                               task->limits.max_bytes, free_bytes, task->limits.min_free_bytes);

    need = task->need > need ? task->need : need;
    struct map **maps = mem_calloc(map_count(host->index) + 1, sizeof(*maps));
    scoped(mem_freep) struct evict_group *rows =
        mem_calloc(map_count(host->index) + 1, sizeof(*rows));

    if (!maps || !rows)
        code = manage_no_memory(f);
    else if (need > 0)
        code = find_groups_locked(host, maps, rows, &n, f);
    uint64_t chosen = code == MH_OK ? evict_choose(rows, n, need) : 0;

    if (code == MH_OK)
        code = check_gain(task, chosen, free_bytes, f);
    if (code == MH_OK && chosen > 0)
        code = add_chosen_locked(task, maps, rows, n, f);
    (void) pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < n; i++)
        manage_set_free(host, maps[i]);
    mem_free(maps);
    return code;
}

enum mh_code
manage_gc(struct manage_task *task, struct mh_fault *f)
{
    enum mh_code code = choose(task, store_free_bytes(task->host->store), f);

    if (code == MH_OK && map_count(task->files) > 0)
        code = manage_change_set(task->host, task->files, FATE_REMOVED, f);
    return code;
}

static void
make_room_run(struct work_item *item)
{
    struct mh_host *host =
        (struct mh_host *) (void *) ((char *) item - offsetof(struct mh_host, room));
    struct mh_done *done = NULL;
    struct mh_fault fault = {0};
    size_t n = 0;
    enum mh_code code = mh_manage(host, MH_ACTION_GC, NULL, 0, &done, &n, &fault);

    /* What came into use in between is looked at again by the next tick. */
    if (code != MH_OK && code != MH_BUSY && code != MH_CANCELLED)
        host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
    if (code == MH_OK)
        mh_done_free(done, n);
    (void) pthread_mutex_lock(&host->lock);
    host->is_making_room = false;
    (void) pthread_mutex_unlock(&host->lock);
}

void
manage_make_room(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    bool begins = host->has_scanned && !host->is_stopping && !host->is_making_room &&
                  !host->is_read_only && (host->max_bytes > 0 || host->min_free_bytes > 0);

    host->is_making_room = host->is_making_room || begins;
    (void) pthread_mutex_unlock(&host->lock);
    if (!begins)
        return;
    host->room.run = make_room_run;
    work_submit(host->work, &host->room);
}
