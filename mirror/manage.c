/* SPDX-License-Identifier: Apache-2.0 */
/* Managing what is cached (include/modelhost/manage.h says what is promised): the frame.
 *
 * Every action is the same in kind: the models that are named are found, a verb of its own
 * (manage_rm.c, manage_pin.c, manage_verify.c, manage_gc.c) chooses files and changes them by one
 * commit (manage_change.c), and what was done is handed over as plain rows.
 *
 * Any thread but the fetch thread: all of it waits for the disk. */
#include "manage_internal.h"

#include "fault.h"
#include "mem.h"
#include "model.h"

#define EVICT_TRIES 3

enum mh_code
manage_no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "out of memory for managing the cache");
}

enum mh_code
manage_report_add(struct manage_report *report, const struct object *object, uint32_t files,
                  uint64_t bytes, struct mh_done **ret, struct mh_fault *f)
{
    struct mh_done *done = mem_new(struct mh_done);

    if (done)
        done->path = object_path(object);
    if (!done || !done->path || !list_add(&report->items, done)) {
        if (done)
            mem_free(done->path);
        mem_free(done);
        return manage_no_memory(f);
    }
    done->files = files;
    done->bytes = bytes;
    if (ret)
        *ret = done;
    return MH_OK;
}

/* A model, with those of its files that are in a set. */
static enum mh_code
report_model_locked(struct manage_report *report, const struct object *object,
                    const struct map *files, struct mh_fault *f)
{
    struct map *counted = map_new();
    uint64_t bytes = 0;
    bool is_all = counted != NULL;

    if (is_all && manage_set_has(files, object) && version_of(object)) {
        bytes = version_of(object)->meta.bytes;
        is_all = map_set(counted, object->key, counted);
    }
    for (size_t i = 0; is_all && object->model && i < object->model->part_count; i++) {
        const struct object *part = object->model->parts[i].object;

        if (!manage_set_has(files, part) || manage_set_has(counted, part) || !version_of(part))
            continue;
        bytes += version_of(part)->meta.bytes;
        is_all = map_set(counted, part->key, counted);
    }
    enum mh_code code =
        is_all ? manage_report_add(report, object, (uint32_t) map_count(counted), bytes, NULL, f)
               : manage_no_memory(f);

    map_free(counted);
    return code;
}

enum mh_code
manage_report_models_locked(struct manage_report *report, const struct map *models,
                            const struct map *files, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (struct map_entry *e = map_first(models); code == MH_OK && e; e = map_next(e))
        code = report_model_locked(report, map_value(e), files, f);
    return code;
}

static enum mh_code (*const actions[])(struct manage_task *task, struct mh_fault *f) = {
    [MH_ACTION_REMOVE] = manage_remove, [MH_ACTION_PIN] = manage_pin,
    [MH_ACTION_UNPIN] = manage_pin,     [MH_ACTION_VERIFY] = manage_verify,
    [MH_ACTION_GC] = manage_gc,
};

void
mh_done_free(struct mh_done *done, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(done[i].path);
    mem_free(done);
}

static enum mh_code
hand_over(struct manage_report *report, struct mh_done **ret, size_t *ret_n, struct mh_fault *f)
{
    struct mh_done *done = mem_calloc(report->items.count + 1, sizeof(*done));

    if (!done)
        return manage_no_memory(f);
    for (size_t i = 0; i < report->items.count; i++) {
        struct mh_done *item = report->items.items[i];

        done[i] = *item;
        item->path = NULL;
    }
    *ret = done;
    *ret_n = report->items.count;
    return MH_OK;
}

static void
free_item(void *item)
{
    mh_done_free(item, 1);
}

enum mh_code
mh_host_wait_scanned(struct mh_host *host, struct mh_fault *fault)
{
    (void) pthread_mutex_lock(&host->lock);
    while (!host->has_scanned && !host->is_stopping)
        (void) pthread_cond_wait(&host->scanned, &host->lock);
    bool has_scanned = host->has_scanned && !host->is_stopping;

    (void) pthread_mutex_unlock(&host->lock);
    return has_scanned ? MH_OK : fail(fault, MH_CANCELLED, 0, "the server is stopping");
}

void
mh_host_limits(const struct mh_host *host, struct mh_limits *ret)
{
    *ret = (struct mh_limits){.max_bytes = host->max_bytes, .min_free_bytes = host->min_free_bytes};
}

static enum mh_code
find_models(struct manage_task *task, const char *const *paths, size_t n, struct mh_fault *f)
{
    enum mh_code code;

    (void) pthread_mutex_lock(&task->host->lock);
    if (n == 0 && task->action == MH_ACTION_VERIFY)
        code = manage_find_all_locked(task->host, task->models, f);
    else
        code = manage_find_named_locked(task->host, paths, n, task->models, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    return code;
}

static enum mh_code
run_task(struct manage_task *task, const char *const *paths, size_t n, struct mh_done **ret_done,
         size_t *ret_n, struct mh_fault *fault)
{
    task->models = map_new();
    task->files = map_new();
    task->report = (struct manage_report){LIST_INIT(0)};
    enum mh_code code = task->models && task->files ? MH_OK : manage_no_memory(fault);

    if (code == MH_OK && task->action != MH_ACTION_VERIFY)
        code = store_check_writable(task->host->store, fault);
    if (code == MH_OK)
        code = mh_host_wait_scanned(task->host, fault);
    if (code == MH_OK)
        code = find_models(task, paths, n, fault);
    if (code == MH_OK)
        code = actions[task->action](task, fault);
    if (code == MH_OK)
        code = hand_over(&task->report, ret_done, ret_n, fault);
    list_done(&task->report.items, free_item);
    manage_set_free(task->host, task->models);
    manage_set_free(task->host, task->files);
    return code;
}

enum mh_code
mh_manage(struct mh_host *host, enum mh_action action, const char *const *paths, size_t n,
          struct mh_done **ret_done, size_t *ret_n, struct mh_fault *fault)
{
    struct manage_task task = {.host = host, .action = action};

    mh_host_limits(host, &task.limits);
    return run_task(&task, paths, n, ret_done, ret_n, fault);
}

enum mh_code
mh_gc(struct mh_host *host, const struct mh_limits *limits, struct mh_done **ret_done,
      size_t *ret_n, struct mh_fault *fault)
{
    struct manage_task task = {.host = host, .action = MH_ACTION_GC, .limits = *limits};

    return run_task(&task, NULL, 0, ret_done, ret_n, fault);
}

enum mh_code
manage_evict(struct mh_host *host, uint64_t bytes, struct mh_fault *f)
{
    struct manage_task task = {.host = host, .action = MH_ACTION_GC, .need = bytes};
    struct mh_done *done = NULL;
    size_t n = 0;

    mh_host_limits(host, &task.limits);
    enum mh_code code = run_task(&task, NULL, 0, &done, &n, f);

    /* What came into use since it was chosen is not chosen again. */
    for (unsigned tries = 0; code == MH_BUSY && tries < EVICT_TRIES; tries++)
        code = run_task(&task, NULL, 0, &done, &n, f);
    if (code == MH_OK)
        mh_done_free(done, n);
    return code;
}
