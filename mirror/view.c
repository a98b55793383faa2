/* SPDX-License-Identifier: Apache-2.0 */
/* Views: one client's hold on an object (include/modelhost/view.h says what is promised).
 *
 * A view is of a version, of a flight, or of a remembered failure, decided when it is opened. What
 * a flight's view may give out is decided here alone: nothing before the head is good, never the
 * last byte of an answer before the checks have passed, and nothing at all once the epoch that it
 * began in is over. Bytes are read outside the lock, and the epoch is looked at again afterwards:
 * what was read while it ended is not given out.
 *
 * HTTP threads. The only file that is touched is the one that is read. */
#include <modelhost/view.h>

#include "buf.h"
#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "flight.h"
#include "freshness.h"
#include "mem.h"
#include "model.h"
#include "name.h"
#include "refresh.h"
#include "units.h"
#include "view_internal.h"
#include "waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct mh_view {
    struct mh_host *host;
    struct object *object;   /* counted */
    struct version *version; /* one of these two, or a failure */
    struct flight *flight;
    enum mh_code failed;
    struct mh_fault *fault;
    bool is_shard;
    bool is_resting;           /* it does not count among the object's open views */
    enum mh_cache_state cache; /* of a version */
    uint64_t opened_ms;        /* monotonic */
    bool has_head;
    uint32_t epoch;
    uint64_t news; /* the flight's, at the last BUSY */
    int fd;        /* of the version, when it has been read */
    struct mh_wish wish;
    uint64_t asking; /* the refresh that it waits for; 0: none */
    struct mh_head head;
    char *content_type;
    char *upstream;
};

static char *
redacted_url(const struct object *object)
{
    char redacted[2048];
    scoped(mem_freep) char *url = mirror_url(object->mirror, 0, object->target);

    if (!url)
        return NULL;
    url_redact(url, redacted, sizeof(redacted));
    return str_dup(redacted);
}

/* Where a cached answer comes from; what is stale is asked about in the background. */
static enum mh_cache_state
freshen_locked(const struct mh_view *view, const struct version *version)
{
    struct object *object = view->object;

    if (view->host->is_offline)
        return MH_CACHE_OFFLINE;
    if (!refresh_if_stale_locked(object, version))
        return MH_CACHE_HIT;
    return view->host->is_read_only || refresh_has_failed_locked(object) ? MH_CACHE_STALE
                                                                         : MH_CACHE_UPDATING;
}

/* Does the request want the upstream to be asked before it is answered? Then it is. */
static void
ask_first_locked(struct mh_view *view)
{
    const int64_t age_s = clock_wall_s() - view->version->meta.validated_at;
    const int64_t max_age_s = view->wish.max_age_s;

    if (max_age_s < 0 || view->version->is_immutable || (max_age_s > 0 && age_s <= max_age_s))
        return;
    refresh_start_locked(view->object, true);
    view->asking = refresh_asking_locked(view->object);
}

/* The request takes only what is cached, and there is nothing. */
static enum mh_code
fail_uncached_locked(struct mh_view *view, struct mh_fault *f)
{
    const struct object *object = view->object;
    const bool is_known = view->host->has_scanned && !object->leaving;

    view->failed = is_known ? MH_TIMEOUT : MH_BUSY;
    view->fault = mem_new(struct mh_fault);
    if (!view->fault)
        return fail(f, MH_NOMEM, 0, "out of memory for a request");
    (void) fail(
        view->fault, view->failed, 0,
        is_known ? "'%s' is not in the cache, and the request wants nothing else (only-if-cached)"
                 : "it is not known yet whether '%s' is in the cache; try again shortly",
        object->label);
    return MH_OK;
}

/* Decide what the view is of. */
static enum mh_code
attach_locked(struct mh_view *view, struct mh_fault *f)
{
    struct object *object = view->object;
    const struct failure *failure = object_negative_locked(object);

    view->is_shard = object->named_by.count > 0;
    mh_view_touch(view);
    /* While it is being switched or removed, the request waits for what is there afterwards. */
    view->version = object->leaving ? NULL : object_version_locked(object);
    if (view->version) {
        if (object->model)
            model_ensure_locked(object->model);
        view->cache = freshen_locked(view, view->version);
        ask_first_locked(view);
        return MH_OK;
    }
    if (object->flight)
        (void) flight_detach_failed_locked(object);
    const struct model_rest *rest = object->flight ? NULL : model_rest_of_locked(object);

    if (rest) {
        view->failed = rest->code;
        view->fault = mem_dup(&rest->fault, sizeof(rest->fault));
        return view->fault ? MH_OK : fail(f, MH_NOMEM, 0, "out of memory for a request");
    }
    if (!object->flight && failure) {
        view->failed = failure->code;
        view->fault = mem_dup(&failure->fault, sizeof(failure->fault));
        return view->fault ? MH_OK : fail(f, MH_NOMEM, 0, "out of memory for a request");
    }
    if (view->wish.only_if_cached)
        return fail_uncached_locked(view, f);
    if (!object->flight && view->host->is_stopping) /* it waited for a refresh that has ended so */
        return fail(f, MH_CANCELLED, 0, "the server is stopping");
    if (!object->flight && !flight_start_locked(object))
        return fail(f, MH_NOMEM, 0, "out of memory for a download");
    view->flight = flight_ref(object->flight);
    (void) pthread_mutex_lock(&view->flight->lock);
    view->flight->clients++;
    view->epoch = view->flight->epoch;
    (void) pthread_mutex_unlock(&view->flight->lock);
    return MH_OK;
}

static enum mh_code
find_object_locked(struct mh_view *view, const struct mirror *mirror, const char *name,
                   const char *below, struct mh_fault *f)
{
    struct mh_host *host = view->host;
    scoped(mem_freep) char *target = str_dup_n(below, strcspn(below, "#"));

    if (host->is_stopping)
        return fail(f, MH_CANCELLED, 0, "the server is stopping");
    view->object = target ? object_get_locked(host, mirror, name, target) : NULL;
    if (!view->object)
        return fail(f, MH_NOMEM, 0, "out of memory for a request");
    (void) object_ref_locked(view->object);
    view->object->views++;
    return attach_locked(view, f);
}

enum mh_code
mh_view_open(struct mh_host *host, const char *target, struct mh_view **ret_view,
             struct mh_fault *fault)
{
    return mh_view_open_wishing(host, target, &MH_WISH_NONE, ret_view, fault);
}

enum mh_code
mh_view_open_wishing(struct mh_host *host, const char *target, const struct mh_wish *wish,
                     struct mh_view **ret_view, struct mh_fault *fault)
{
    const char *below = NULL;
    const struct mirror *mirror = host_mirror_of(host, target, &below);
    struct buf name = BUF_INIT(16384);

    if (!mirror)
        return fail(fault, MH_NOT_FOUND, 0, "no mirror has '%s'", target);
    enum mh_code code =
        name_from_target(below, (const char *const *) mirror->query_ignore, &name, fault);

    if (code != MH_OK) {
        buf_done(&name);
        return code;
    }
    struct mh_view *view = mem_new(struct mh_view);

    if (!view) {
        buf_done(&name);
        return fail(fault, MH_NOMEM, 0, "out of memory for a request");
    }
    view->host = host;
    view->wish = *wish;
    view->fd = -1;
    view->opened_ms = clock_mono_ms();
    (void) pthread_mutex_lock(&host->lock);
    code = find_object_locked(view, mirror, buf_text(&name), below, fault);
    (void) pthread_mutex_unlock(&host->lock);
    buf_done(&name);
    if (code == MH_OK && !(view->upstream = redacted_url(view->object)))
        code = fail(fault, MH_NOMEM, 0, "out of memory for a request");
    if (code != MH_OK) {
        mh_view_close(view);
        return code;
    }
    *ret_view = view;
    return MH_OK;
}

void
mh_view_close(struct mh_view *view)
{
    if (!view)
        return;
    if (view->flight) {
        (void) pthread_mutex_lock(&view->flight->lock);
        view->flight->clients--;
        (void) pthread_mutex_unlock(&view->flight->lock);
        flight_unref(view->flight);
    }
    if (view->object) {
        (void) pthread_mutex_lock(&view->host->lock);
        view->object->views -= view->is_resting ? 0 : 1;
        object_unref_locked(view->object);
        (void) pthread_mutex_unlock(&view->host->lock);
    }
    version_unref(view->version);
    fd_close(view->fd);
    mem_free(view->fault);
    mem_free(view->content_type);
    mem_free(view->upstream);
    mem_free(view);
}

/* --- heads --- */

static void
head_of_version(struct mh_view *view, const struct version *version)
{
    view->head = (struct mh_head){
        .bytes = version->meta.bytes,
        .modified_at = version->modified_at,
        .content_type = version->meta.content_type,
        .validated_at = version->meta.validated_at,
        .cache = view->cache,
        .is_immutable = version->is_immutable,
    };
    memcpy(view->head.etag, version->etag, sizeof(version->etag));
    view->has_head = true;
}

/* The declared sha256 is an ETag before the bytes are in. */
static void
etag_of_arriving(struct mh_view *view, const struct flight *flight)
{
    const struct declared *declared = &flight->head.declared;

    if (flight->state == FLIGHT_CHECKED)
        memcpy(view->head.etag, flight->etag, sizeof(flight->etag));
    else if (declared->is_known && declared->kind == HASH_SHA256 && !flight->head.is_encoded)
        version_etag(declared->digest, view->head.etag);
}

/* flight->lock held; the head is good to give out. */
static enum mh_code
head_of_flight_locked(struct mh_view *view, struct mh_fault *f)
{
    struct flight *flight = view->flight;

    if (flight->version) {
        view->cache = view->host->is_offline ? MH_CACHE_OFFLINE : MH_CACHE_HIT;
        head_of_version(view, flight->version);
        return MH_OK;
    }
    view->head = (struct mh_head){
        .bytes = flight->total,
        .modified_at = version_modified_at(flight->head.last_modified),
        .validated_at = flight->head.answered_at,
        .cache = MH_CACHE_MISS,
        .is_immutable = !flight->head.is_no_store &&
                        (freshness_is_addressed(view->object->target) ||
                         cache_control_has(flight->head.cache_control, "immutable")),
        .is_unkept = flight->head.is_no_store,
        .is_arriving = flight->state != FLIGHT_CHECKED,
    };
    if (flight->head.content_type) {
        view->content_type = str_dup(flight->head.content_type);
        if (!view->content_type)
            return fail(f, MH_NOMEM, 0, "out of memory for a request");
        view->head.content_type = view->content_type;
    }
    etag_of_arriving(view, flight);
    view->epoch = flight->epoch;
    view->has_head = true;
    return MH_OK;
}

static bool
head_is_ready_locked(const struct flight *flight)
{
    if (flight->state == FLIGHT_CHECKED)
        return true;
    if (flight->object->is_json || !flight->is_sniffed || flight->head.is_encoded)
        return false;
    return flight->state == FLIGHT_ARRIVING || flight->state == FLIGHT_CHECKING;
}

static enum mh_code
give_failure(enum mh_code code, const struct mh_fault *from, struct mh_fault *f)
{
    if (f)
        *f = *from;
    return code;
}

/* The client's patience is bounded, whatever is tried again meanwhile, here or at a fallback. */
static enum mh_code
fail_late(const struct mh_view *view, struct mh_fault *f)
{
    char limit[UNIT_TEXT_SIZE];

    (void) duration_exact(view->object->mirror->bases[0].policy.first_byte_timeout_ms, limit);
    (void) fail(f, MH_TIMEOUT, 0,
                "the upstream has sent nothing of '%s' for %s (first_byte_timeout); it is still "
                "being tried: ask again",
                view->object->label, limit);
    if (f)
        (void) snprintf(f->upstream, sizeof(f->upstream), "%s", view->upstream);
    return MH_TIMEOUT;
}

static enum mh_code
look_at_flight(struct mh_view *view, struct mh_fault *f)
{
    struct flight *flight = view->flight;
    enum mh_code code = MH_BUSY;

    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_FAILED)
        code = give_failure(flight->code, &flight->fault, f);
    else if (head_is_ready_locked(flight))
        code = head_of_flight_locked(view, f);
    else if (flight_is_late_locked(flight, view->opened_ms))
        code = fail_late(view, f);
    else
        view->news = flight->news;
    (void) pthread_mutex_unlock(&flight->lock);
    if (code == MH_OK && flight->version) { /* it was on disk: as old as anything there */
        (void) pthread_mutex_lock(&view->host->lock);
        view->head.cache = view->cache = freshen_locked(view, flight->version);
        (void) pthread_mutex_unlock(&view->host->lock);
    }
    return code;
}

/* Has the upstream answered? Then the view is of what there is now. */
static enum mh_code
look_at_asking(struct mh_view *view, struct mh_fault *f)
{
    struct mh_host *host = view->host;
    struct object *object = view->object;
    struct version *earlier = view->version;
    enum mh_code code = MH_BUSY;

    (void) pthread_mutex_lock(&host->lock);
    if (refresh_asking_locked(object) != view->asking) {
        view->asking = 0;
        view->wish.max_age_s = -1;
        code = attach_locked(view, f);
        if (code == MH_OK && view->version && view->cache != MH_CACHE_OFFLINE) {
            const bool has_changes = object->refresh && view->version == earlier;

            view->cache = refresh_has_failed_locked(object) ? MH_CACHE_STALE
                          : has_changes                     ? MH_CACHE_UPDATING
                                                            : MH_CACHE_REVALIDATED;
        }
    }
    (void) pthread_mutex_unlock(&host->lock);
    if (code != MH_BUSY)
        version_unref(earlier);
    return code;
}

enum mh_code
mh_view_head(struct mh_view *view, const struct mh_head **ret_head, struct mh_fault *fault)
{
    if (view->asking) {
        enum mh_code code = look_at_asking(view, fault);

        if (code != MH_OK)
            return code;
    }
    if (view->failed != MH_OK)
        return give_failure(view->failed, view->fault, fault);
    if (!view->has_head && view->version)
        head_of_version(view, view->version);
    if (!view->has_head) {
        enum mh_code code = look_at_flight(view, fault);

        if (code != MH_OK)
            return code;
    }
    *ret_head = &view->head;
    return MH_OK;
}

/* --- bytes --- */

/* Where reading must stop for now. flight->lock held. */
static uint64_t
give_out_limit_locked(const struct flight *flight, uint64_t end)
{
    uint64_t last = end < flight->total ? end : flight->total;

    if (flight->state == FLIGHT_CHECKED)
        return last;
    /* Of an unknown length the last byte may be the one that just came. */
    if (last == MH_BYTES_UNKNOWN)
        return flight->watermark > 0 ? flight->watermark - 1 : 0;
    last = last > 0 ? last - 1 : 0;
    return last < flight->watermark ? last : flight->watermark;
}

static enum mh_code
fail_changed(const struct mh_view *view, struct mh_fault *f)
{
    return fail(f, MH_UPSTREAM, 0, "'%s' changed at the upstream while it was being sent",
                view->object->label);
}

/* May [offset, *n) be read now? flight->lock not held. */
static enum mh_code
look_for_bytes(struct mh_view *view, uint64_t offset, uint64_t end, size_t *n, struct mh_fault *f)
{
    struct flight *flight = view->flight;
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&flight->lock);
    uint64_t limit = give_out_limit_locked(flight, end);

    if (flight->state == FLIGHT_FAILED) {
        code = give_failure(flight->code, &flight->fault, f);
    } else if (flight->epoch != view->epoch) {
        code = fail_changed(view, f);
    } else if (offset < limit) {
        *n = limit - offset < *n ? (size_t) (limit - offset) : *n;
    } else if (flight->state == FLIGHT_CHECKED) {
        *n = 0;
    } else {
        view->news = flight->news;
        code = MH_BUSY;
    }
    (void) pthread_mutex_unlock(&flight->lock);
    return code;
}

static bool
epoch_is_over(const struct mh_view *view)
{
    (void) pthread_mutex_lock(&view->flight->lock);
    bool is_over = view->flight->epoch != view->epoch;
    (void) pthread_mutex_unlock(&view->flight->lock);
    return is_over;
}

static enum mh_code
read_at(const struct mh_view *view, int fd, uint64_t offset, void *buffer, size_t n, size_t *ret_n,
        struct mh_fault *f)
{
    ssize_t got = n > 0 ? fd_pread_full(fd, buffer, n, offset) : 0;

    if (got < 0)
        return fail_errno(f, errno, "cannot read '%s'", view->object->label);
    if ((size_t) got != n)
        return fail(f, MH_IO, 0, "the file of '%s' was cut short from outside",
                    view->object->label);
    *ret_n = n;
    return MH_OK;
}

static enum mh_code
read_version(struct mh_view *view, uint64_t offset, uint64_t end, void *buffer, size_t size,
             size_t *ret_n, struct mh_fault *f)
{
    uint64_t last = end < view->head.bytes ? end : view->head.bytes;
    uint64_t left = offset < last ? last - offset : 0;

    if (view->fd < 0) {
        enum mh_code code = mh_view_open_fd(view, &view->fd, f);

        if (code != MH_OK)
            return code;
    }
    return read_at(view, view->fd, offset, buffer, left < size ? (size_t) left : size, ret_n, f);
}

enum mh_code
mh_view_read(struct mh_view *view, uint64_t offset, uint64_t end, void *buffer, size_t size,
             size_t *ret_n, struct mh_fault *fault)
{
    if (view->version)
        return read_version(view, offset, end, buffer, size, ret_n, fault);
    enum mh_code code = look_for_bytes(view, offset, end, &size, fault);

    if (code == MH_OK)
        code = read_at(view, view->flight->part_fd, offset, buffer, size, ret_n, fault);
    if ((code == MH_OK || code == MH_IO) && epoch_is_over(view))
        return fail_changed(view, fault);
    return code;
}

/* The file is not what the index says: the next view settles it from disk. */
static void
forget_version(struct mh_view *view)
{
    struct mh_host *host = view->host;
    struct object *object = view->object;

    (void) pthread_mutex_lock(&host->lock);
    if (atomic_load_explicit(&object->current, memory_order_relaxed) == view->version)
        object_set_version_locked(object, NULL);
    (void) pthread_mutex_unlock(&host->lock);
}

static enum mh_code
dup_part_fd(struct mh_view *view, int *ret_fd, struct mh_fault *f)
{
    struct flight *flight = view->flight;
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_FAILED) {
        code = give_failure(flight->code, &flight->fault, f);
    } else if (flight->state != FLIGHT_CHECKED) {
        view->news = flight->news;
        code = MH_BUSY;
    }
    (void) pthread_mutex_unlock(&flight->lock);
    if (code != MH_OK)
        return code;
    int fd = fcntl(flight->part_fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return fail_errno(f, errno, "cannot open '%s'", view->object->label);
    *ret_fd = fd;
    return MH_OK;
}

enum mh_code
mh_view_open_fd(struct mh_view *view, int *ret_fd, struct mh_fault *fault)
{
    if (!view->version)
        return dup_part_fd(view, ret_fd, fault);
    enum mh_code code =
        store_open_object(view->host->store, view->object->mirror->name, view->version->place,
                          &view->version->meta, ret_fd, fault);

    if (code == MH_NOT_FOUND || code == MH_CORRUPT) {
        forget_version(view);
        return MH_NOT_FOUND;
    }
    return code;
}

bool
mh_view_is_current(const struct mh_view *view)
{
    return view->version &&
           atomic_load_explicit(&view->object->current, memory_order_acquire) == view->version &&
           atomic_load_explicit(&view->object->leaving, memory_order_acquire) == 0;
}

void
mh_view_rest(struct mh_view *view)
{
    (void) pthread_mutex_lock(&view->host->lock);
    view->object->views -= view->is_resting ? 0 : 1;
    view->is_resting = true;
    (void) pthread_mutex_unlock(&view->host->lock);
}

void
mh_view_send_begin(const struct mh_view *view)
{
    (void) atomic_fetch_add(&view->object->sending, 1);
}

void
mh_view_send_end(const struct mh_view *view)
{
    (void) atomic_fetch_sub(&view->object->sending, 1);
}

void
mh_view_touch(const struct mh_view *view)
{
    atomic_store_explicit(&view->object->used_at, clock_wall_s(), memory_order_relaxed);
    atomic_store_explicit(&view->object->asked_ms, clock_coarse_ms(), memory_order_relaxed);
}

struct version *
view_version(const struct mh_view *view, struct object **ret_object)
{
    *ret_object = view->object;
    return view->version;
}

bool
mh_view_is_shard(const struct mh_view *view)
{
    return view->is_shard;
}

const char *
mh_view_upstream(const struct mh_view *view)
{
    return view->upstream;
}

/* --- waiting --- */

/* Whether a refresh or a flight is waited for. */
static pthread_mutex_t *
waiting_lock(struct mh_view *view)
{
    if (view->asking)
        return &view->host->lock;
    return view->flight ? &view->flight->lock : NULL;
}

bool
mh_view_wait(struct mh_view *view, struct mh_waiter *waiter)
{
    struct flight *flight = view->flight;
    pthread_mutex_t *lock = waiting_lock(view);
    bool waits = false;

    if (!lock)
        return false;
    (void) pthread_mutex_lock(lock);
    if (view->asking) {
        waits = refresh_wait_locked(view->object, view->asking, waiter);
    } else if (flight->news == view->news && flight->state != FLIGHT_FAILED) {
        waiter_add(&flight->waiters, waiter);
        waits = true;
    }
    (void) pthread_mutex_unlock(lock);
    return waits;
}

bool
mh_view_unwait(struct mh_view *view, struct mh_waiter *waiter)
{
    pthread_mutex_t *lock = waiting_lock(view);

    if (!lock)
        return false;
    (void) pthread_mutex_lock(lock);
    bool was_waiting = waiter_remove(waiter);

    (void) pthread_mutex_unlock(lock);
    return was_waiting;
}
