/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying: every file of the named models is hashed again, and every sum compared.
 *
 * A bad file is told and leaves the cache, by one commit for all of them; where a sum is wrong and
 * no hash is, the whole model goes. What was switched or removed while it was being read has passed
 * other checks since, and is left alone. Reading is stopped by the host's stop.
 *
 * Any thread but the fetch thread: it reads as much as the models hold. */
#include "manage_internal.h"

#include "fault.h"
#include "fd.h"
#include "file_hash.h"
#include "flight.h"
#include "hash.h"
#include "mem.h"
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static bool
is_stopping(void *arg)
{
    struct mh_host *host = arg;

    (void) pthread_mutex_lock(&host->lock);
    bool answer = host->is_stopping;

    (void) pthread_mutex_unlock(&host->lock);
    return answer;
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
        return manage_no_memory(f);
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(store_dir_fd(host->store), path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fail(f, MH_CORRUPT, fd < 0 ? errno : 0, "the cached file of '%s' cannot be opened",
                    object->label);
    enum mh_code code = file_hash(fd, is_stopping, host, digest, &bytes, f);

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
verify_file(struct manage_task *task, struct object *object, struct map *bad, struct mh_fault *f)
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
        code = manage_report_add(&task->report, object, 1, version->meta.bytes, &done, f);
        if (code == MH_OK && !manage_set_add_locked(bad, object))
            code = manage_no_memory(f);
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
verify_whole_locked(struct manage_task *task, const struct object *object, struct map *bad,
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
    enum mh_code code = manage_report_add(&task->report, object, 1, 0, &done, f);

    if (code != MH_OK)
        return code;
    done->code = verdict;
    done->fault = fault;
    return missing ? MH_OK
                   : manage_add_files_locked(bad, (struct object *) object, task->models, f);
}

static enum mh_code
verify_models(struct manage_task *task, struct map *bad, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&task->host->lock);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e))
        code = manage_add_files_locked(task->files, map_value(e), NULL, f);
    if (code == MH_OK)
        code = manage_report_models_locked(&task->report, task->models, task->files, f);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e))
        code = verify_whole_locked(task, map_value(e), bad, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    for (struct map_entry *e = map_first(task->files); code == MH_OK && e; e = map_next(e))
        code = verify_file(task, map_value(e), bad, f);
    return code;
}

/* Where nothing can be removed, it is not served at least. */
static void
bar_all(struct mh_host *host, const struct map *bad)
{
    (void) pthread_mutex_lock(&host->lock);
    for (struct map_entry *e = map_first(bad); e; e = map_next(e)) {
        struct object *object = map_value(e);

        publish_take_back_locked(host, &object, 1);
    }
    (void) pthread_mutex_unlock(&host->lock);
}

enum mh_code
manage_verify(struct manage_task *task, struct mh_fault *f)
{
    struct map *bad = map_new();
    enum mh_code code = bad ? verify_models(task, bad, f) : manage_no_memory(f);

    if (code == MH_OK && task->host->is_read_only)
        bar_all(task->host, bad);
    else if (code == MH_OK && map_count(bad) > 0)
        code = manage_change_set(task->host, bad, FATE_REMOVED, f);
    manage_set_free(task->host, bad);
    return code;
}
