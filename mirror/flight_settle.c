/* SPDX-License-Identifier: Apache-2.0 */
/* A flight on the work threads, before its request: what the disk knows.
 *
 *   on disk?  ── yes ──► CHECKED
 *     └─ no: wait until the index is whole ─► prepare the partial file ─► ask the upstream
 *
 * A file that differs in size or time from its metadata is hashed again before it is served
 * (someone may have restored a backup), and is given up when its hash differs. What an earlier
 * transfer left is gone on with when its note says that it is of the same URL, and as far as it is
 * sure to be on disk. A flight that must wait (for the index to be whole, for a removal to be on
 * disk) is parked and holds no thread. */
#include "flight.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "file_hash.h"
#include "mem.h"
#include "model.h"
#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static bool
has_failed(void *arg)
{
    struct flight *flight = arg;

    (void) pthread_mutex_lock(&flight->lock);
    bool failed = flight->state == FLIGHT_FAILED;
    (void) pthread_mutex_unlock(&flight->lock);
    return failed;
}

/* Does the file hold what was recorded? OK, CORRUPT, or what stops the looking: CANCELLED, NOMEM.
 */
static enum mh_code
compare_file(struct flight *flight, const struct meta *meta, int fd, struct mh_fault *f)
{
    uint8_t digest[32];
    uint64_t bytes = 0;
    enum mh_code code = file_hash(fd, has_failed, flight, digest, &bytes, f);

    if (code != MH_OK) /* a disk that cannot read it has lost it */
        return code == MH_IO ? MH_CORRUPT : code;
    return bytes == meta->bytes && memcmp(digest, meta->sha256, 32) == 0 ? MH_OK : MH_CORRUPT;
}

/* A cached file whose size or time is not what was recorded: are its bytes? Then its time is
 * recorded anew; else it is removed. Returns OK, CORRUPT, or what kept it from being looked at. */
static enum mh_code
verify_changed(struct flight *flight, struct meta *meta, char *place, int *ret_fd,
               struct mh_fault *f)
{
    struct object *object = flight->object;
    struct mh_host *host = flight->host;
    struct mh_fault fault = {0};
    scoped(mem_freep) char *path = str_printf("objects/%s/%s", object->mirror->name, place);
    struct store_step step = {
        .action = STORE_REMOVE, .mirror = object->mirror->name, .meta = meta, .place = place};
    struct stat st;

    if (!path)
        return fail(f, MH_NOMEM, 0, "out of memory");
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(store_dir_fd(host->store), path, O_RDONLY | O_NONBLOCK, 0);
    enum mh_code code = MH_CORRUPT;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        code = compare_file(flight, meta, fd, f);
    if (code == MH_OK) {
        step.action = STORE_META;
        meta->mtime_ns = stat_mtime_ns(&st);
    } else if (code == MH_CORRUPT) {
        (void) fail(&fault, MH_CORRUPT, 0,
                    "the cached file of '%s' was changed from outside; it is %s", object->label,
                    host->is_read_only ? "not served" : "fetched again");
        host_tell(host, MH_EVENT_WARNING, MH_CORRUPT, object, &fault);
    } else {
        return code;
    }
    /* If the record cannot be written, the next open verifies again. */
    if (!host->is_read_only && room_commit(host, &step, 1, &fault) != MH_OK)
        host_tell(host, MH_EVENT_WARNING, MH_IO, object, &fault);
    if (code == MH_OK)
        *ret_fd = fd_take(&fd);
    return code;
}

/* Look for the object on disk. On OK the flight has its version and descriptor. */
static enum mh_code
find_on_disk(struct flight *flight, struct mh_fault *f)
{
    struct object *object = flight->object;
    const struct store *store = flight->host->store;
    scoped(mem_freep) char *url = object_store_url(object);
    struct meta meta = {0};
    char *place = NULL;
    scoped(fd_closep) int fd = -1;

    if (!url)
        return fail(f, MH_NOMEM, 0, "out of memory");
    (void) pthread_mutex_lock(&flight->host->lock);
    bool is_barred = object->is_barred;
    (void) pthread_mutex_unlock(&flight->host->lock);
    if (is_barred)
        return fail(f, MH_CORRUPT, 0, "what the cache holds of '%s' is bad", object->label);
    enum mh_code code =
        store_read_meta(store, object->mirror->name, object->name, url, &meta, &place, f);

    if (code != MH_OK)
        return code;
    code = store_open_object(store, object->mirror->name, place, &meta, &fd, f);
    if (code == MH_CORRUPT)
        code = verify_changed(flight, &meta, place, &fd, f);
    if (code != MH_OK) {
        meta_done(&meta);
        mem_free(place);
        return code;
    }
    flight->version = version_new(&meta, place);
    if (!flight->version)
        return fail(f, MH_NOMEM, 0, "out of memory");
    flight->part_fd = fd_take(&fd);
    return MH_OK;
}

static void
conclude_found(struct flight *flight)
{
    struct version *version = flight->version;
    struct mh_host *host = flight->host;

    if (version->meta.format) {
        struct mh_fault fault = {0};

        (void) pthread_mutex_lock(&host->lock);
        if (!flight->object->model &&
            model_learn_locked(flight->object, &version->meta, &fault) == MH_OK)
            model_ensure_locked(flight->object->model);
        (void) pthread_mutex_unlock(&host->lock);
    }
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_FAILED) {
        (void) pthread_mutex_unlock(&flight->lock);
        return;
    }
    flight->total = flight->watermark = version->meta.bytes;
    flight->moment = moment_of(&version->meta);
    memcpy(flight->etag, version->etag, sizeof(flight->etag));
    flight_set_state_locked(flight, FLIGHT_CHECKED);
    flight_wake_locked(flight);
    (void) pthread_mutex_unlock(&flight->lock);
    flight_conclude(flight, version_ref(version));
}

/* Open the partial file, and find out whether an earlier transfer can be gone on with. */
static enum mh_code
prepare_partial(struct flight *flight, struct mh_fault *f)
{
    const struct store *store = flight->host->store;
    struct partial_note note = {0};
    scoped(mem_freep) char *url = mirror_url(flight->object->mirror, 0, flight->object->target);
    struct stat st;
    int fd;
    enum mh_code code = store_partial_open(store, flight->partial_id, &fd, f);

    if (code != MH_OK)
        return code;
    flight->part_fd = fd;
    if (!url || fstat(fd, &st) < 0)
        return fail(f, MH_IO, errno, "cannot look at the partial file of '%s'",
                    flight->object->label);
    if (st.st_size > 0 &&
        store_partial_read_note(store, flight->partial_id, &note, NULL) == MH_OK) {
        bool is_same_boot = strcmp(note.boot_id, store_boot_id(store)) == 0;
        uint64_t size = (uint64_t) st.st_size;
        uint64_t good = is_same_boot || note.synced > size ? size : note.synced;
        const char *validator = note.etag && note.etag[0] == '"' ? note.etag : note.last_modified;

        if (!is_same_boot && note.synced > size)
            good = 0;
        if (note.url && strcmp(note.url, url) == 0 && validator) {
            flight->kept = note.total != UINT64_MAX && good >= note.total ? note.total - 1 : good;
            flight->if_range = str_dup(validator);
        }
        partial_note_done(&note);
    }
    if (ftruncate(fd, (off_t) flight->kept) < 0)
        return fail_errno(f, errno, "cannot cut the partial file of '%s'", flight->object->label);
    return MH_OK;
}

void
flight_prepare(struct work_item *item)
{
    struct flight *flight = flight_of_work(item);
    struct mh_fault fault = {0};
    enum mh_code code = MH_OK;

    item->run = flight_check;
    if (has_failed(flight)) {
        flight_end_work(flight);
        return;
    }
    if (flight->host->is_offline) {
        code = fail(&fault, MH_UNREACHABLE, 0,
                    "'%s' is not in the cache, and this server is offline (offline = on)",
                    flight->object->label);
        scoped(mem_freep) char *url = mirror_url(flight->object->mirror, 0, flight->object->target);

        if (url)
            url_redact(url, fault.upstream, sizeof(fault.upstream));
    } else {
        code = prepare_partial(flight, &fault);
        if (code == MH_DENIED) { /* what is wrong is that it cannot be kept (RFC 4918 §11.5) */
            fault_prepend(&fault, "'%s' is not in the cache, and nothing can be added",
                          flight->object->label);
            code = MH_NO_SPACE;
        }
        if (code == MH_NO_SPACE && room_make(flight->host, 1, true, NULL) == MH_OK)
            code = prepare_partial(flight, &fault);
    }
    if (code != MH_OK) {
        flight_fail(flight, code, &fault);
        flight_end_work(flight);
        return;
    }
    flight_ask(flight);
    /* The answer may be in already, and found this work queued still: rest only as work rests. */
    flight_check(item);
}

/* Wait without a thread: for the index to be whole (only then is it known which manifests name a
 * miss), or for a removal to be on disk. The work stays queued, and its reference taken. */
static bool
park(struct flight *flight, void (*then)(struct work_item *item))
{
    struct mh_host *host = flight->host;

    (void) pthread_mutex_lock(&host->lock);
    bool parks = !host->is_stopping &&
                 (then == flight_prepare ? !host->has_scanned : flight->object->leaving > 0);

    if (parks) {
        flight->work.run = then;
        flight->next_waiting = host->parked;
        host->parked = flight;
    }
    (void) pthread_mutex_unlock(&host->lock);
    return parks;
}

void
flight_settle(struct work_item *item)
{
    struct flight *flight = flight_of_work(item);
    struct mh_fault fault = {0};

    item->run = flight_check;
    if (has_failed(flight)) {
        flight_end_work(flight);
        return;
    }
    if (park(flight, flight_settle))
        return;
    enum mh_code code = find_on_disk(flight, &fault);

    if (code == MH_OK) {
        conclude_found(flight);
    } else if (code != MH_NOT_FOUND && code != MH_CORRUPT) {
        flight_fail(flight, code, &fault);
    } else if (park(flight, flight_prepare)) {
        return;
    } else {
        flight_prepare(item);
        return;
    }
    flight_end_work(flight);
}
