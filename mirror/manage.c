/* SPDX-License-Identifier: Apache-2.0 */
/* Managing what is cached (include/modelhost/manage.h says what is promised).
 *
 * Every change is the same in kind: under host->lock a set of objects is chosen and marked as
 * leaving, so that neither a refresh nor a flight can touch them; one commit of the store makes it
 * so on disk without any lock; under the lock again the index follows, or what was taken out is put
 * back where the commit failed. What is arriving or being revalidated is not touched at all: BUSY.
 *
 * A set is a map from an object's key to the object, which keeps its order; what lies in it is
 * counted for as long. A group follows shards to other manifests, through cached ones only: a
 * removed manifest that is remembered connects nothing.
 *
 * Any thread but the fetch thread: all of it waits for the disk. */
#include "manage.h"

#include "buf.h"
#include "clocks.h"
#include "evict.h"
#include "fault.h"
#include "fd.h"
#include "flight.h"
#include "hash.h"
#include "mem.h"
#include "model.h"
#include "name.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK_BYTES  (256u * 1024)
#define NOTE_MAX     1000 /* times of use written at the end */
#define NOTE_AFTER_S 60

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "out of memory for managing the cache");
}

static struct version *
version_of(const struct object *object)
{
    return atomic_load_explicit(&object->current, memory_order_relaxed);
}

/* --- sets of objects; host->lock held --- */

static bool
set_has(const struct map *set, const struct object *object)
{
    return map_get(set, object->key) != NULL;
}

static bool
set_add_locked(struct map *set, struct object *object)
{
    if (set_has(set, object))
        return true;
    if (!map_set(set, object->key, object))
        return false;
    (void) object_ref_locked(object);
    return true;
}

static void
set_free(struct mh_host *host, struct map *set)
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
static bool
add_group_locked(struct map *set, struct object *start)
{
    bool is_all = set_add_locked(set, start);

    for (struct map_entry *e = map_first(set); is_all && e; e = map_next(e)) {
        struct object *object = map_value(e);

        for (size_t i = 0; object->model && version_of(object) && i < object->model->part_count;
             i++)
            is_all = set_add_locked(set, object->model->parts[i].object) && is_all;
        for (size_t i = 0; i < object->named_by.count; i++) {
            struct object *manifest = ((struct model *) object->named_by.items[i])->manifest;

            if (version_of(manifest))
                is_all = set_add_locked(set, manifest) && is_all;
        }
    }
    return is_all;
}

/* --- finding what is named; host->lock held --- */

/* The cached manifest that names it, other than those in `but` (may be NULL). */
static const struct object *
named_by_locked(const struct object *object, const struct map *but)
{
    for (size_t i = 0; i < object->named_by.count; i++) {
        const struct object *manifest = ((struct model *) object->named_by.items[i])->manifest;

        if (version_of(manifest) && !(but && set_has(but, manifest)))
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

        if (version_of(part) && !named_by_locked(part, NULL))
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
    manifest = object->model ? NULL : named_by_locked(object, NULL);
    if (manifest)
        return fail(f, MH_BAD_INPUT, 0, "'%s' is a file of the model '%s'; name that", path,
                    manifest->label);
    *ret = object;
    return MH_OK;
}

static enum mh_code
find_named_locked(struct mh_host *host, const char *const *paths, size_t n, struct map *models,
                  struct mh_fault *f)
{
    for (size_t i = 0; i < n; i++) {
        struct object *object = NULL;
        enum mh_code code = find_one_locked(host, paths[i], &object, f);

        if (code != MH_OK)
            return code;
        if (!set_add_locked(models, object))
            return no_memory(f);
    }
    return MH_OK;
}

/* Manifests, and what no manifest names. */
static enum mh_code
find_all_locked(struct mh_host *host, struct map *models, struct mh_fault *f)
{
    for (struct map_entry *e = map_first(host->index); e; e = map_next(e)) {
        struct object *object = map_value(e);

        if (!manage_has_own_file_locked(object) || (!object->model && object->named_by.count > 0))
            continue;
        if (!set_add_locked(models, object))
            return no_memory(f);
    }
    return MH_OK;
}

/* The cached files of a model, less those that another model keeps. */
static enum mh_code
add_files_locked(struct map *files, struct object *object, const struct map *removed,
                 struct mh_fault *f)
{
    bool is_all = !version_of(object) || set_add_locked(files, object);

    for (size_t i = 0; object->model && i < object->model->part_count; i++) {
        struct object *part = object->model->parts[i].object;

        if (version_of(part) && !(removed && named_by_locked(part, removed)))
            is_all = set_add_locked(files, part) && is_all;
    }
    return is_all ? MH_OK : no_memory(f);
}

/* --- one change --- */

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
    return change->objects && change->earlier && change->afters && change->steps ? MH_OK
                                                                                 : no_memory(f);
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

/* What becomes of an object. */
enum fate { FATE_REMOVED, FATE_PINNED, FATE_UNPINNED };

static enum mh_code
change_add_locked(struct change_set *change, struct object *object, enum fate fate,
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
            return no_memory(f);
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
change_add_all_locked(struct change_set *change, const struct map *set, enum fate fate,
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
static enum mh_code
change_set(struct mh_host *host, const struct map *set, enum fate fate, struct mh_fault *f)
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

/* --- telling --- */

struct report {
    struct list items; /* struct mh_done * */
};

static enum mh_code
report_add(struct report *report, const struct object *object, uint32_t files, uint64_t bytes,
           struct mh_done **ret, struct mh_fault *f)
{
    struct mh_done *done = mem_new(struct mh_done);

    if (done)
        done->path = object_path(object);
    if (!done || !done->path || !list_add(&report->items, done)) {
        if (done)
            mem_free(done->path);
        mem_free(done);
        return no_memory(f);
    }
    done->files = files;
    done->bytes = bytes;
    if (ret)
        *ret = done;
    return MH_OK;
}

/* A model, with those of its files that are in a set. */
static enum mh_code
report_model_locked(struct report *report, const struct object *object, const struct map *files,
                    struct mh_fault *f)
{
    struct map *counted = map_new();
    uint64_t bytes = 0;
    bool is_all = counted != NULL;

    if (is_all && set_has(files, object) && version_of(object)) {
        bytes = version_of(object)->meta.bytes;
        is_all = map_set(counted, object->key, counted);
    }
    for (size_t i = 0; is_all && object->model && i < object->model->part_count; i++) {
        const struct object *part = object->model->parts[i].object;

        if (!set_has(files, part) || set_has(counted, part) || !version_of(part))
            continue;
        bytes += version_of(part)->meta.bytes;
        is_all = map_set(counted, part->key, counted);
    }
    enum mh_code code =
        is_all ? report_add(report, object, (uint32_t) map_count(counted), bytes, NULL, f)
               : no_memory(f);

    map_free(counted);
    return code;
}

static enum mh_code
report_models_locked(struct report *report, const struct map *models, const struct map *files,
                     struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (struct map_entry *e = map_first(models); code == MH_OK && e; e = map_next(e))
        code = report_model_locked(report, map_value(e), files, f);
    return code;
}

/* --- the actions --- */

struct task {
    struct mh_host *host;
    enum mh_action action;
    struct map *models; /* what is named */
    struct map *files;
    struct report report;
};

static enum mh_code
act_remove(struct task *task, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&task->host->lock);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e))
        code = add_files_locked(task->files, map_value(e), task->models, f);
    if (code == MH_OK)
        code = report_models_locked(&task->report, task->models, task->files, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    return code == MH_OK ? change_set(task->host, task->files, FATE_REMOVED, f) : code;
}

/* The manifests of the groups; of what no manifest names, the object itself. */
static enum mh_code
add_group_heads_locked(struct map *files, const struct map *group, struct mh_fault *f)
{
    for (struct map_entry *e = map_first(group); e; e = map_next(e)) {
        struct object *object = map_value(e);

        if (version_of(object) && (object->model || object->named_by.count == 0) &&
            !set_add_locked(files, object))
            return no_memory(f);
    }
    return MH_OK;
}

static enum mh_code
act_pin(struct task *task, struct mh_fault *f)
{
    struct map *group = map_new();
    enum mh_code code = group ? MH_OK : no_memory(f);

    (void) pthread_mutex_lock(&task->host->lock);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e)) {
        if (!version_of(map_value(e)))
            code = fail(f, MH_NOT_FOUND, 0, "the manifest '%s' is not in the cache; pull it first",
                        ((struct object *) map_value(e))->label);
        else if (!add_group_locked(group, map_value(e)))
            code = no_memory(f);
    }
    if (code == MH_OK)
        code = add_group_heads_locked(task->files, group, f);
    if (code == MH_OK)
        code = report_models_locked(&task->report, task->files, group, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    if (code == MH_OK)
        code = change_set(task->host, task->files,
                          task->action == MH_ACTION_PIN ? FATE_PINNED : FATE_UNPINNED, f);
    set_free(task->host, group);
    return code;
}

/* --- verifying --- */

static bool
is_stopping(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    bool answer = host->is_stopping;

    (void) pthread_mutex_unlock(&host->lock);
    return answer;
}

static enum mh_code
hash_bytes_of(struct mh_host *host, int fd, uint8_t digest[32], uint64_t *ret_bytes,
              struct mh_fault *f)
{
    scoped(hash_freep) struct hash *hash = hash_new(HASH_SHA256);
    scoped(mem_freep) char *block = mem_calloc(1, BLOCK_BYTES);
    uint64_t at = 0;
    ssize_t n = 1;

    if (!hash || !block)
        return no_memory(f);
    while (n > 0) {
        if (is_stopping(host))
            return fail(f, MH_CANCELLED, 0, "the server is stopping");
        n = fd_pread_full(fd, block, BLOCK_BYTES, at);
        if (n < 0)
            return fail_errno(f, errno, "cannot read a cached file");
        hash_add(hash, block, (size_t) n);
        at += (uint64_t) n;
    }
    hash_end(hash, digest);
    *ret_bytes = at;
    return MH_OK;
}

static enum mh_code
say_bad(const struct object *object, const struct version *version, uint64_t bytes,
        const uint8_t digest[32], struct mh_fault *f)
{
    char wanted[65], found[65];

    (void) fail(f, MH_CORRUPT, 0, "the cached file of '%s' is not what was published",
                object->label);
    if (bytes != version->meta.bytes) {
        fault_expected(f, "%" PRIu64 " bytes", version->meta.bytes);
        fault_found(f, "%" PRIu64 " bytes", bytes);
        return MH_CORRUPT;
    }
    hex_encode(version->meta.sha256, 32, wanted);
    hex_encode(digest, 32, found);
    fault_expected(f, "sha256 %s", wanted);
    fault_found(f, "sha256 %s", found);
    return MH_CORRUPT;
}

/* Are an object's bytes on disk those of its version? OK; CORRUPT; or what stops the verifying. */
static enum mh_code
check_bytes(struct mh_host *host, const struct object *object, const struct version *version,
            struct mh_fault *f)
{
    scoped(mem_freep) char *path =
        str_printf("objects/%s/%s", object->mirror->name, version->place);
    uint8_t digest[32];
    uint64_t bytes = 0;
    struct stat st;

    if (!path)
        return no_memory(f);
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(store_dir_fd(host->store), path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fail(f, MH_CORRUPT, fd < 0 ? errno : 0, "the cached file of '%s' cannot be opened",
                    object->label);
    enum mh_code code = hash_bytes_of(host, fd, digest, &bytes, f);

    if (code == MH_IO) /* a disk that cannot read it has lost it */
        return MH_CORRUPT;
    if (code != MH_OK)
        return code;
    if (bytes == version->meta.bytes && memcmp(digest, version->meta.sha256, 32) == 0)
        return MH_OK;
    return say_bad(object, version, bytes, digest, f);
}

/* Verify one file; a bad one is reported and added to `bad`. What was switched or removed while it
 * was read has passed other checks since. */
static enum mh_code
verify_file(struct task *task, struct object *object, struct map *bad, struct mh_fault *f)
{
    struct mh_host *host = task->host;
    struct mh_fault fault = {0};
    struct mh_done *done = NULL;

    (void) pthread_mutex_lock(&host->lock);
    struct version *version = object_version_locked(object);

    (void) pthread_mutex_unlock(&host->lock);
    if (!version)
        return MH_OK;
    enum mh_code code = check_bytes(host, object, version, &fault);

    (void) pthread_mutex_lock(&host->lock);
    bool is_news = code == MH_CORRUPT && version_of(object) == version;

    if (is_news) {
        code = report_add(&task->report, object, 1, version->meta.bytes, &done, f);
        if (code == MH_OK && !set_add_locked(bad, object))
            code = no_memory(f);
    } else if (code == MH_CORRUPT) {
        code = MH_OK;
    } else if (code != MH_OK && f) {
        *f = fault;
    }
    version_unref(version);
    (void) pthread_mutex_unlock(&host->lock);
    if (done) {
        done->code = MH_CORRUPT;
        done->fault = fault;
    }
    return code;
}

/* What a model lacks, and whether its lengths add up. */
static enum mh_code
verify_whole_locked(struct task *task, const struct object *object, struct map *bad,
                    struct mh_fault *f)
{
    struct mh_fault fault = {0};
    struct mh_done *done = NULL;
    const struct object *missing = version_of(object) ? NULL : object;
    enum mh_code verdict = MH_OK;

    for (size_t i = 0; object->model && i < object->model->part_count && !missing; i++)
        if (!version_of(object->model->parts[i].object))
            missing = object->model->parts[i].object;
    if (missing)
        verdict = fail(&fault, MH_NOT_FOUND, 0, "'%s' is missing", missing->label);
    else if (object->model)
        verdict = model_check_sums_locked(object->model, &fault);
    if (verdict == MH_OK)
        return MH_OK;
    enum mh_code code = report_add(&task->report, object, 1, 0, &done, f);

    if (code != MH_OK)
        return code;
    done->code = verdict;
    done->fault = fault;
    return missing ? MH_OK : add_files_locked(bad, (struct object *) object, task->models, f);
}

static enum mh_code
verify_models(struct task *task, struct map *bad, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&task->host->lock);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e))
        code = add_files_locked(task->files, map_value(e), NULL, f);
    if (code == MH_OK)
        code = report_models_locked(&task->report, task->models, task->files, f);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e))
        code = verify_whole_locked(task, map_value(e), bad, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    for (struct map_entry *e = map_first(task->files); code == MH_OK && e; e = map_next(e))
        code = verify_file(task, map_value(e), bad, f);
    return code;
}

static enum mh_code
act_verify(struct task *task, struct mh_fault *f)
{
    struct map *bad = map_new();
    enum mh_code code = bad ? verify_models(task, bad, f) : no_memory(f);

    if (code == MH_OK && map_count(bad) > 0)
        code = change_set(task->host, bad, FATE_REMOVED, f);
    set_free(task->host, bad);
    return code;
}

/* --- making room --- */

struct group {
    struct map *files;
    struct evict_group *row;
};

/* Somebody reads it, it is being fetched, or a client may be between two of its files. */
static bool
is_in_use(const struct object *object, uint64_t now_ms)
{
    uint64_t asked_ms = atomic_load_explicit(&object->asked_ms, memory_order_relaxed);

    return object->views > 0 || object->flight || object->refresh || object->leaving ||
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
            row->bytes += version->meta.bytes;
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
        if (!version_of(map_value(e)) || set_has(seen, map_value(e)))
            continue;
        maps[*n] = map_new();
        is_all = maps[*n] && add_group_locked(maps[*n], map_value(e));
        for (struct map_entry *m = maps[*n] ? map_first(maps[*n]) : NULL; is_all && m;
             m = map_next(m))
            is_all = map_set(seen, map_key(m), seen);
        if (is_all)
            sum_up(maps[*n], &rows[*n]);
        (*n)++;
    }
    map_free(seen);
    return is_all ? MH_OK : no_memory(f);
}

static enum mh_code
add_chosen_locked(struct task *task, struct map *const *maps, const struct evict_group *rows,
                  size_t n, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (size_t i = 0; i < n; i++) {
        if (!rows[i].is_chosen)
            continue;
        for (struct map_entry *e = map_first(maps[i]); code == MH_OK && e; e = map_next(e))
            if (version_of(map_value(e)) && !set_add_locked(task->files, map_value(e)))
                code = no_memory(f);
        if (code == MH_OK)
            code = add_group_heads_locked(task->models, maps[i], f);
    }
    return code == MH_OK ? report_models_locked(&task->report, task->models, task->files, f) : code;
}

static enum mh_code
choose(struct task *task, uint64_t free_bytes, struct mh_fault *f)
{
    struct mh_host *host = task->host;
    size_t n = 0;
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&host->lock);
    uint64_t need =
        evict_need(host->object_bytes, host->max_bytes, free_bytes, host->min_free_bytes);
    struct map **maps = mem_calloc(map_count(host->index) + 1, sizeof(*maps));
    scoped(mem_freep) struct evict_group *rows =
        mem_calloc(map_count(host->index) + 1, sizeof(*rows));

    if (!maps || !rows)
        code = no_memory(f);
    else if (need > 0)
        code = find_groups_locked(host, maps, rows, &n, f);
    if (code == MH_OK && evict_choose(rows, n, need) > 0)
        code = add_chosen_locked(task, maps, rows, n, f);
    (void) pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < n; i++)
        set_free(host, maps[i]);
    mem_free(maps);
    return code;
}

static enum mh_code
act_gc(struct task *task, struct mh_fault *f)
{
    enum mh_code code = choose(task, store_free_bytes(task->host->store), f);

    if (code == MH_OK && map_count(task->files) > 0)
        code = change_set(task->host, task->files, FATE_REMOVED, f);
    return code;
}

/* --- the frame --- */

static enum mh_code (*const actions[])(struct task *task, struct mh_fault *f) = {
    [MH_ACTION_REMOVE] = act_remove, [MH_ACTION_PIN] = act_pin, [MH_ACTION_UNPIN] = act_pin,
    [MH_ACTION_VERIFY] = act_verify, [MH_ACTION_GC] = act_gc,
};

void
mh_done_free(struct mh_done *done, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(done[i].path);
    mem_free(done);
}

static enum mh_code
hand_over(struct report *report, struct mh_done **ret, size_t *ret_n, struct mh_fault *f)
{
    struct mh_done *done = mem_calloc(report->items.count + 1, sizeof(*done));

    if (!done)
        return no_memory(f);
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

static enum mh_code
find_models(struct task *task, const char *const *paths, size_t n, struct mh_fault *f)
{
    enum mh_code code;

    (void) pthread_mutex_lock(&task->host->lock);
    if (n == 0 && task->action == MH_ACTION_VERIFY)
        code = find_all_locked(task->host, task->models, f);
    else
        code = find_named_locked(task->host, paths, n, task->models, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    return code;
}

enum mh_code
mh_manage(struct mh_host *host, enum mh_action action, const char *const *paths, size_t n,
          struct mh_done **ret_done, size_t *ret_n, struct mh_fault *fault)
{
    struct task task = {
        .host = host,
        .action = action,
        .models = map_new(),
        .files = map_new(),
        .report = {LIST_INIT(0)},
    };
    enum mh_code code = task.models && task.files ? MH_OK : no_memory(fault);

    if (code == MH_OK)
        code = mh_host_wait_scanned(host, fault);
    if (code == MH_OK)
        code = find_models(&task, paths, n, fault);
    if (code == MH_OK)
        code = actions[action](&task, fault);
    if (code == MH_OK)
        code = hand_over(&task.report, ret_done, ret_n, fault);
    list_done(&task.report.items, free_item);
    set_free(host, task.models);
    set_free(host, task.files);
    return code;
}

/* --- by itself --- */

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
                  (host->max_bytes > 0 || host->min_free_bytes > 0);

    host->is_making_room = host->is_making_room || begins;
    (void) pthread_mutex_unlock(&host->lock);
    if (!begins)
        return;
    host->room.run = make_room_run;
    work_submit(host->work, &host->room);
}

/* --- what is remembered --- */

static int64_t
last_use_of(const struct object *object)
{
    int64_t last = atomic_load_explicit(&object->used_at, memory_order_relaxed);

    for (size_t i = 0; object->model && i < object->model->part_count; i++) {
        int64_t used_at =
            atomic_load_explicit(&object->model->parts[i].object->used_at, memory_order_relaxed);

        last = used_at > last ? used_at : last;
    }
    return last;
}

/* What was removed by hand meanwhile must not come back as metadata without bytes. */
static bool
is_on_disk(const struct object *object, const struct version *version)
{
    scoped(fd_closep) int fd = -1;

    return store_open_object(object->host->store, object->mirror->name, version->place,
                             &version->meta, &fd, NULL) == MH_OK;
}

/* Only a manifest's time is written, or that of what no manifest names: a group is as old as its
 * youngest file. What changed by less than a minute is not worth a write. */
static size_t
collect_uses(struct mh_host *host, struct store_step *steps)
{
    size_t n = 0;

    for (struct map_entry *e = map_first(host->index); e && n < NOTE_MAX; e = map_next(e)) {
        struct object *object = map_value(e);
        struct version *version = version_of(object);
        int64_t last = last_use_of(object);

        if (!version || object->leaving || (!object->model && object->named_by.count > 0) ||
            last - version->meta.used_at < NOTE_AFTER_S || !is_on_disk(object, version))
            continue;
        version->meta.used_at = last; /* nobody else is left who could read it */
        steps[n++] = (struct store_step){.action = STORE_META,
                                         .mirror = object->mirror->name,
                                         .meta = &version->meta,
                                         .place = version->place};
    }
    return n;
}

void
manage_note_uses(struct mh_host *host)
{
    scoped(mem_freep) struct store_step *steps = mem_calloc(NOTE_MAX, sizeof(*steps));
    struct mh_fault fault = {0};

    if (!steps || !host->index || !host->store)
        return;
    enum mh_code code = store_commit(host->store, steps, collect_uses(host, steps), &fault);

    if (code != MH_OK)
        host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
}
