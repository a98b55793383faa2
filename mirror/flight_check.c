/* SPDX-License-Identifier: Apache-2.0 */
/* A flight on the work threads, once its request is made: what the bytes are worth.
 *
 *   check (again and again, behind the watermark): sha256, declared digest, JSON scanner
 *     └─ all in: digest, manifest, sums ─► CHECKED ─► publish
 *
 * One piece of work of a flight runs at a time, so what is marked as the work thread's needs no
 * lock. */
#include "flight.h"

#include "document.h"
#include "fault.h"
#include "fd.h"
#include "manifest.h"
#include "mem.h"
#include "model.h"
#include "recheck.h"
#include "room.h"
#include "unkept.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define HASH_BLOCK_BYTES (128u * 1024)
#define SYNC_EVERY       (16u << 20)

struct flight *
flight_of_work(struct work_item *item)
{
    return (struct flight *) (void *) ((char *) item - offsetof(struct flight, work));
}

void
flight_end_work(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    flight->is_work_queued = false;
    (void) pthread_mutex_unlock(&flight->lock);
    flight_conclude_if_failed(flight);
    flight_unref(flight);
}

struct progress {
    uint64_t watermark;
    uint32_t epoch;
    bool has_head;
    bool is_received;
    bool is_over;
    bool has_note;
    bool wants_room;
    bool is_encoded;
};

static struct progress
look(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    struct progress now = {
        .watermark = flight->watermark,
        .epoch = flight->epoch,
        .has_head = flight->state >= FLIGHT_ARRIVING,
        .is_received = flight->is_received,
        .is_over = flight->state == FLIGHT_FAILED || flight->state == FLIGHT_CHECKED,
        .has_note = flight->has_note,
        .wants_room = flight->wants_room,
        .is_encoded = flight->head.is_encoded,
    };

    flight->has_note = flight->wants_room = flight->is_released = false;
    (void) pthread_mutex_unlock(&flight->lock);
    return now;
}

static enum mh_code
begin_hashing(struct flight *flight, uint32_t epoch, struct mh_fault *f)
{
    hash_free(flight->sha256);
    hash_free(flight->other);
    json_scan_free(flight->scan);
    flight->other = NULL;
    flight->scan = NULL;
    flight->sha256 = hash_new(HASH_SHA256);
    (void) pthread_mutex_lock(&flight->lock);
    bool has_other = flight->head.declared.is_known && flight->head.declared.kind != HASH_SHA256;
    enum hash_kind kind = flight->head.declared.kind;
    (void) pthread_mutex_unlock(&flight->lock);

    if (has_other)
        flight->other = hash_new(kind);
    flight->other_kind = kind;
    if (flight->object->is_json)
        flight->scan = manifest_scan_new();
    if (!flight->sha256 || (has_other && !flight->other) ||
        (flight->object->is_json && !flight->scan))
        return fail(f, MH_NOMEM, 0, "out of memory for checking '%s'", flight->object->label);
    flight->hashed = 0;
    flight->hashed_epoch = epoch;
    return MH_OK;
}

static enum mh_code
fail_json(struct flight *flight, enum mh_code code, struct mh_fault *f)
{
    if (code == MH_NOMEM)
        return code;
    fault_prepend(f, "'%s' is not what it should be", flight->object->label);
    fault_expected(f, "%s",
                   manifest_path_must_be(flight->object->name) ? "a model's manifest" : "JSON");
    return code == MH_TOO_LARGE ? code : MH_CORRUPT;
}

static enum mh_code
hash_up_to(struct flight *flight, uint64_t watermark, struct mh_fault *f)
{
    scoped(mem_freep) char *block = mem_calloc(1, HASH_BLOCK_BYTES);

    if (!block)
        return fail(f, MH_NOMEM, 0, "out of memory for hashing");
    while (flight->hashed < watermark) {
        uint64_t left = watermark - flight->hashed;
        size_t want = left < HASH_BLOCK_BYTES ? (size_t) left : HASH_BLOCK_BYTES;
        ssize_t n = fd_pread_full(flight->part_fd, block, want, flight->hashed);

        if (n <= 0) /* a cut that this look did not see: the next one does */
            return n < 0 ? fail_errno(f, errno, "cannot read the partial file of '%s'",
                                      flight->object->label)
                         : MH_OK;
        hash_add(flight->sha256, block, (size_t) n);
        if (flight->other)
            hash_add(flight->other, block, (size_t) n);
        flight->hashed += (uint64_t) n;
        enum mh_code code =
            flight->scan ? json_scan_feed(flight->scan, block, (size_t) n, f) : MH_OK;

        if (code != MH_OK)
            return fail_json(flight, code, f);
    }
    return MH_OK;
}

/* Say beside the partial file what it is, so that it can be resumed. */
static void
write_note(struct flight *flight)
{
    struct partial_note note = {.synced = flight->synced};
    struct mh_fault fault = {0};

    (void) pthread_mutex_lock(&flight->lock);
    note.url = str_dup(flight->url);
    /* Without a validator it is never resumed: a range would be of the decoded bytes. */
    if (!flight->head.is_encoded && !flight->was_encoded) {
        note.etag = str_dup(flight->head.etag);
        note.last_modified = str_dup(flight->head.last_modified);
    }
    note.total = flight->total;
    (void) pthread_mutex_unlock(&flight->lock);
    const char *boot = store_boot_id(flight->host->store);
    size_t n = strnlen(boot, sizeof(note.boot_id) - 1);

    memcpy(note.boot_id, boot, n);
    enum mh_code code =
        note.url ? store_partial_write_note(flight->host->store, flight->partial_id, &note, &fault)
                 : MH_OK;

    /* Without a note the transfer goes on; it just cannot be resumed. On a full disk it comes to a
     * halt itself, and says so. */
    if (code != MH_OK && code != MH_NO_SPACE)
        host_tell(flight->host, MH_EVENT_WARNING, MH_IO, flight->object, &fault);
    partial_note_done(&note);
}

/* A disk that could not write drops what it had, and says so once: nothing of the file counts. */
static enum mh_code
sync_behind(struct flight *flight, struct mh_fault *f)
{
    if (flight->hashed < flight->synced + SYNC_EVERY)
        return MH_OK;
    if (fdatasync(flight->part_fd) < 0) {
        int error = errno;

        (void) !ftruncate(flight->part_fd, 0);
        return fail_errno(f, error, "'%s' cannot be kept: sync", flight->object->label);
    }
    flight->synced = flight->hashed;
    if (!flight->head.is_no_store)
        write_note(flight);
    return MH_OK;
}

static enum mh_code
check_digests(struct flight *flight, struct mh_fault *f)
{
    const struct declared *declared = &flight->head.declared;
    uint8_t other[HASH_MAX_BYTES];
    char hex[2 * HASH_MAX_BYTES + 1];
    const uint8_t *found = flight->digest;

    hash_end(flight->sha256, flight->digest);
    if (!declared->is_known)
        return MH_OK;
    if (declared->kind != HASH_SHA256) {
        hash_end(flight->other, other);
        found = other;
    }
    size_t n = hash_bytes(declared->kind);

    if (memcmp(found, declared->digest, n) == 0)
        return MH_OK;
    (void) fail(f, MH_CORRUPT, 0, "'%s' differs from the hash that the upstream declares (%s)",
                flight->object->label, declared->source);
    hex_encode(declared->digest, n, hex);
    fault_expected(f, "%s", hex);
    hex_encode(found, n, hex);
    fault_found(f, "%s", hex);
    return MH_CORRUPT;
}

static enum mh_code
read_document(struct flight *flight, struct mh_fault *f)
{
    const struct object *object = flight->object;
    enum mh_code code =
        document_read(flight->scan, object->target,
                      (const char *const *) object->mirror->query_ignore, &flight->meta, f);

    json_scan_free(flight->scan);
    flight->scan = NULL;
    return code == MH_OK ? MH_OK : fail_json(flight, code, f);
}

static enum mh_code
fill_meta(struct flight *flight, struct mh_fault *f)
{
    struct meta *meta = &flight->meta;
    const struct flight_head *head = &flight->head;
    const struct object *object = flight->object;
    char url[2048];

    url_redact(flight->url, url, sizeof(url));
    meta->name = str_dup(object->name);
    meta->target = str_dup(object->target);
    meta->url = str_dup(url);
    meta->bytes = flight->total;
    memcpy(meta->sha256, flight->digest, sizeof(meta->sha256));
    meta->etag = str_dup(head->etag);
    meta->last_modified = str_dup(head->last_modified);
    meta->generation = str_dup(head->generation);
    meta->content_type = str_dup(head->content_type);
    meta->cache_control = str_dup(head->cache_control);
    meta->fetched_at = meta->validated_at = head->answered_at;
    meta->vouched_at = head->date;
    meta->used_at = meta->fetched_at;
    if (!meta->name || !meta->target || !meta->url)
        return fail(f, MH_NOMEM, 0, "out of memory for metadata");
    return MH_OK;
}

/* Let go of the last byte, unless it has failed meanwhile. */
static void
mark_checked(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_CHECKING) {
        version_etag(flight->digest, flight->etag);
        flight->moment = moment_of(&flight->meta);
        flight_set_state_locked(flight, FLIGHT_CHECKED);
        flight_wake_locked(flight);
        flight->has_passed = true;
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

/* The models that this object takes part in, and what it names itself. What was compared is what is
 * given out: nothing may be learned in between. BUSY while another object's answer is waited for.
 */
static enum mh_code
check_model(struct flight *flight, struct mh_fault *f)
{
    struct mh_host *host = flight->host;
    struct object *object = flight->object;

    (void) pthread_mutex_lock(&host->lock);
    enum mh_code code = recheck_holds_locked(object) ? MH_BUSY : MH_OK;

    if (code == MH_OK)
        code = model_check_length_locked(object, flight->total, f);
    if (code == MH_OK && !flight->meta.format)
        code = model_check_moment_locked(object, &flight->meta, f);
    if (code == MH_OK && flight->meta.format) {
        code = model_learn_locked(object, &flight->meta, f);
        if (code == MH_OK)
            code = model_check_cached_locked(object->model, &flight->meta, f);
        if (code == MH_OK && object->model->is_unkept)
            unkept_mark_locked(object->model);
        if (code == MH_OK)
            model_ensure_locked(object->model);
    } else if (code == MH_OK) {
        model_forget_locked(object);
    }
    if (code == MH_OK)
        mark_checked(flight);
    (void) pthread_mutex_unlock(&host->lock);
    return code;
}

/* What a 304 leaves as it is, with the validators that came with it. */
static enum mh_code
renew_meta(struct flight *flight, struct mh_fault *f)
{
    const struct flight_head *head = &flight->head;
    enum mh_code code = meta_copy(&flight->based_on->meta, &flight->meta);

    if (code != MH_OK)
        return fail(f, code, 0, "out of memory for metadata");
    flight->meta.validated_at = head->answered_at;
    flight->meta.vouched_at = head->date;
    if (head->etag) {
        mem_free(flight->meta.etag);
        flight->meta.etag = str_dup(head->etag);
    }
    if (head->cache_control) {
        mem_free(flight->meta.cache_control);
        flight->meta.cache_control = str_dup(head->cache_control);
    }
    return MH_OK;
}

static enum mh_code
check_all(struct flight *flight, struct mh_fault *f)
{
    if (flight->is_unchanged)
        return renew_meta(flight, f);
    enum mh_code code = check_digests(flight, f);

    if (code == MH_OK && flight->object->is_json)
        code = read_document(flight, f);
    return code == MH_OK ? fill_meta(flight, f) : code;
}

static void
pass(struct flight *flight)
{
    if (flight_is_apart(flight))
        mark_checked(flight);
    if (!flight->has_passed)
        return;
    if (flight_is_apart(flight)) {
        flight_conclude(flight, NULL);
        return;
    }
    (void) pthread_mutex_lock(&flight->host->lock);
    bool is_unkept = unkept_is_locked(flight->object);
    (void) pthread_mutex_unlock(&flight->host->lock);
    if (is_unkept)
        unkept_conclude(flight);
    else
        publish_flight(flight);
}

/* Is there more to do before the work may rest? Otherwise it is not queued any more. */
static bool
may_rest(struct flight *flight, const struct progress *done)
{
    (void) pthread_mutex_lock(&flight->lock);
    bool rests =
        flight->state == FLIGHT_FAILED ||
        (flight->watermark == done->watermark && flight->epoch == done->epoch &&
         flight->is_received == done->is_received && !flight->has_note && !flight->wants_room &&
         !flight->is_released && (flight->state >= FLIGHT_ARRIVING) == done->has_head);

    if (rests)
        flight->is_work_queued = false;
    (void) pthread_mutex_unlock(&flight->lock);
    return rests;
}

/* Is what was hashed of another epoch, or did an attempt's head declare another digest than the one
 * that is being computed? */
static bool
wants_hashing_anew(struct flight *flight, uint32_t epoch)
{
    if (!flight->sha256 || flight->hashed_epoch != epoch)
        return true;
    (void) pthread_mutex_lock(&flight->lock);
    bool wants = flight->head.declared.is_known && flight->head.declared.kind != HASH_SHA256;
    bool lacks = wants && (!flight->other || flight->other_kind != flight->head.declared.kind);
    (void) pthread_mutex_unlock(&flight->lock);
    return lacks;
}

/* Did the bytes that were judged change meanwhile? Then the judgement is of neither, and the next
 * look hashes anew. Otherwise the fault is told whence they came. */
static bool
is_outdated(struct flight *flight, const struct progress *judged, struct mh_fault *f)
{
    (void) pthread_mutex_lock(&flight->lock);
    bool is_outdated = flight->epoch != judged->epoch;

    if (flight->url)
        url_redact(flight->url, f->upstream, sizeof(f->upstream));
    (void) pthread_mutex_unlock(&flight->lock);
    return is_outdated;
}

/* All of it is in and hashed. Returns BUSY while an answer of another object is waited for. */
static enum mh_code
judge(struct flight *flight, struct mh_fault *f)
{
    enum mh_code code = flight->is_judged ? MH_OK : check_all(flight, f);

    flight->is_judged = code == MH_OK;
    return code == MH_OK && !flight_is_apart(flight) ? check_model(flight, f) : code;
}

/* One look at what has arrived. Returns whether the flight is over for the work threads. */
static bool
check_once(struct flight *flight, struct progress *now)
{
    struct mh_fault fault = {0};
    enum mh_code code = MH_OK;

    *now = look(flight);
    if (now->is_over)
        return false;
    if (now->wants_room) {
        room_for_flight(flight);
        return false;
    }
    if (!now->has_head)
        return false;
    if (now->has_note)
        write_note(flight);
    if (now->is_encoded && !now->is_received)
        return false;
    if (now->is_encoded) {
        code = flight_decode(flight, &fault);
        *now = look(flight);
    }
    if (code == MH_OK && wants_hashing_anew(flight, now->epoch))
        code = begin_hashing(flight, now->epoch, &fault);
    if (code == MH_OK)
        code = hash_up_to(flight, now->watermark, &fault);
    if (code == MH_OK)
        code = sync_behind(flight, &fault);
    bool is_whole = now->is_received && flight->hashed == now->watermark;

    if (code == MH_OK && is_whole)
        code = judge(flight, &fault);
    if (code == MH_OK)
        return is_whole;
    if (code == MH_BUSY || is_outdated(flight, now, &fault))
        return false;
    flight_fail(flight, code, &fault);
    return false;
}

void
flight_check(struct work_item *item)
{
    struct flight *flight = flight_of_work(item);
    struct progress now;

    do {
        if (check_once(flight, &now)) {
            pass(flight);
            flight_end_work(flight);
            return;
        }
    } while (!may_rest(flight, &now));
    flight_conclude_if_failed(flight);
    flight_unref(flight);
}
