/* SPDX-License-Identifier: Apache-2.0 */
/* A flight on the fetch thread: the head of an answer.
 *
 * A head that differs from the one that was given out begins a new epoch: what lies on disk is not
 * of what comes now. A range that is not the one that was asked for is never spliced; the whole is
 * asked for instead. The length is compared with what the manifests say before any body byte is
 * taken. */
#include "flight.h"

#include "clocks.h"
#include "fault.h"
#include "freshness.h"
#include "httpdate.h"
#include "mem.h"
#include "model.h"
#include "recheck.h"
#include "retry.h"
#include "sniff.h"
#include "units.h"
#include "unkept.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define NOTE_FROM    (1u << 20) /* objects below this are fetched again rather than resumed */
#define ABSURD_BYTES (1ull << 62)

/* Begin a new epoch at `keep`: what lies beyond is not the object's. */
enum mh_code
flight_cut_at(struct flight *flight, uint64_t keep, struct mh_fault *f)
{
    (void) pthread_mutex_lock(&flight->lock);
    flight->epoch++;
    flight->watermark = keep;
    flight->is_sniffed = flight->is_sniffed && keep >= SNIFF_BYTES;
    flight_wake_locked(flight);
    (void) pthread_mutex_unlock(&flight->lock);
    if (ftruncate(flight->part_fd, (off_t) keep) < 0)
        return fail_errno(f, errno, "cannot cut the partial file of '%s'", flight->object->label);
    return MH_OK;
}

static enum mh_code
start_over(struct flight *flight, struct mh_fault *f)
{
    flight->wants_whole = true;
    flight->starts_over = true;
    return fail(f, MH_UPSTREAM, (int) flight->status, "'%s' does not answer ranges as it should",
                flight->url);
}

/* Is it gzip in the bucket, which decodes it for those who do not take gzip? The hash is then of
 * what is stored (cloud.google.com/storage/docs/transcoding). */
static bool
is_stored_as_gzip(const struct fetch_head *head)
{
    return coding_of(fetch_header(head, "x-goog-stored-content-encoding")) == CODING_GZIP;
}

static enum mh_code
ask_for_gzip(struct flight *flight, struct mh_fault *f)
{
    flight->job.wants_gzip = true;
    flight->wants_whole = true;
    flight->starts_over = true;
    return fail(f, MH_UPSTREAM, (int) flight->status, "'%s' is stored as gzip", flight->url);
}

static enum mh_code
fail_coding(const struct flight *flight, const struct fetch_head *head, struct mh_fault *f)
{
    (void) fail(f, MH_CORRUPT, (int) head->status,
                "the upstream encoded '%s', unasked, in a way that is not known here",
                flight->object->label);
    fault_expected(f, "Content-Encoding: %s", flight->job.wants_gzip ? "gzip" : "identity");
    fault_found(f, "Content-Encoding: %.60s", fetch_header(head, "Content-Encoding"));
    return MH_CORRUPT;
}

static bool
range_fits(const struct flight *flight, const struct fetch_head *head)
{
    return head->has_range && head->range_start == flight->job.offset &&
           head->coding == CODING_IDENTITY &&
           (flight->total == MH_BYTES_UNKNOWN || head->range_complete == MH_BYTES_UNKNOWN ||
            head->range_complete == flight->total);
}

static enum mh_code
fail_status(struct flight *flight, long status, struct mh_fault *f)
{
    enum mh_code code = retry_code_of_status(status);

    if (code == MH_OK) /* a 206 or 304 to a plain request */
        code = MH_UPSTREAM;
    if (code == MH_NOT_FOUND)
        (void) fail(f, code, (int) status, "the upstream has no '%s'", flight->object->label);
    else
        (void) fail(f, code, (int) status, "the upstream answered %ld for '%s'", status,
                    flight->object->label);
    fault_expected(f, "status 200");
    fault_found(f, "status %ld", status);
    return code;
}

static char *
dup_header(const struct fetch_head *head, const char *name)
{
    return str_dup(fetch_header(head, name));
}

/* S3 gives objects that it encrypts with a key of its own an ETag that looks like an md5 and is
 * none (Amazon S3 API reference, "Object": ETag). */
static bool
etag_is_hash(const struct fetch_head *head)
{
    const char *encryption = fetch_header(head, "x-amz-server-side-encryption");

    return !fetch_header(head, "x-amz-server-side-encryption-customer-algorithm") &&
           (!encryption || strncmp(encryption, "aws:kms", 7) != 0);
}

static void
read_declared(const struct fetch_head *head, struct declared *ret)
{
    char goog[512];
    bool has_goog = fetch_header_joined(head, "x-goog-hash", goog, sizeof(goog));
    /* Asked for gzip, and decoded by someone on the way all the same: what is declared is of bytes
     * that did not come. */
    bool is_of_others = is_stored_as_gzip(head) && head->coding == CODING_IDENTITY;
    /* A Content-Digest covers a 206's part only. */
    const struct declared_headers headers = {
        .repr_digest = fetch_header(head, "Repr-Digest"),
        .content_digest = head->status == 200 ? fetch_header(head, "Content-Digest") : NULL,
        .x_linked_etag = fetch_header(head, "X-Linked-Etag"),
        .etag = etag_is_hash(head) && !is_of_others ? fetch_header(head, "ETag") : NULL,
        .x_goog_hash = has_goog && !is_of_others ? goog : NULL,
    };

    declared_read(&headers, ret);
}

static bool
same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Take the answer's head over. Returns whether it contradicts the one before. */
static bool
replace_head(struct flight *flight, const struct fetch_head *head, uint64_t total)
{
    struct flight_head next = {
        .etag = dup_header(head, "ETag"),
        .last_modified = dup_header(head, "Last-Modified"),
        .generation = dup_header(head, "x-goog-generation"),
        .content_type = dup_header(head, "Content-Type"),
        .cache_control = dup_header(head, "Cache-Control"),
        .is_encoded = head->coding == CODING_GZIP && head->status != 304,
        .answered_at = clock_wall_s(),
    };
    const char *date = fetch_header(head, "Date");
    bool differs = false;

    next.is_no_store = cache_control_has(next.cache_control, "no-store");
    if (!date || !httpdate_parse(date, next.answered_at, &next.date))
        next.date = next.answered_at;
    read_declared(head, &next.declared);
    (void) pthread_mutex_lock(&flight->lock);
    struct flight_head old = flight->head;

    if (flight->state == FLIGHT_ARRIVING)
        differs = total != flight->total || old.is_encoded != next.is_encoded ||
                  !same_text(old.etag, next.etag) ||
                  !same_text(old.last_modified, next.last_modified);
    flight->head = next;
    flight->total = total;
    (void) pthread_mutex_unlock(&flight->lock);
    flight_head_done(&old);
    return differs;
}

enum mh_code
flight_check_ceiling(const struct flight *flight, uint64_t bytes, struct mh_fault *f)
{
    uint64_t max = flight->object->is_json ? flight->host->json_max_bytes : ABSURD_BYTES;

    if (bytes == MH_BYTES_UNKNOWN || bytes <= max)
        return MH_OK;
    (void) fail(f, MH_TOO_LARGE, 0, "'%s' is larger than JSON may be here (json_max)",
                flight->object->label);
    fault_expected(f, "at most %" PRIu64 " bytes", max);
    fault_found(f, "%" PRIu64 " bytes", bytes);
    return MH_TOO_LARGE;
}

/* When the upstream says that these bytes came to be. A generation is in microseconds at the
 * buckets (cloud.google.com/storage/docs/metadata#generation-number). */
static int64_t
changed_at(const struct flight_head *head)
{
    int64_t at = INT64_MIN;
    uint64_t generation;

    if (head->last_modified && !httpdate_parse(head->last_modified, head->answered_at, &at))
        at = INT64_MIN;
    if (head->generation && uint_parse(head->generation, INT64_MAX, &generation) &&
        (int64_t) (generation / 1000000) > at)
        at = (int64_t) (generation / 1000000);
    return at;
}

/* Compare length and age with what the manifests say. */
static enum mh_code
check_length(struct flight *flight, uint64_t bytes, struct mh_fault *f)
{
    struct mh_host *host = flight->host;
    enum mh_code code = flight_check_ceiling(flight, bytes, f);

    if (code != MH_OK)
        return code;
    (void) pthread_mutex_lock(&host->lock);
    /* The sums of a refresh are those of its own set. */
    flight->max_bytes =
        flight_is_apart(flight) ? UINT64_MAX : model_max_bytes_locked(flight->object);
    flight->changed_at = changed_at(&flight->head);
    if (bytes != MH_BYTES_UNKNOWN && !flight_is_apart(flight))
        code = model_check_length_locked(flight->object, bytes, f);
    bool is_told = code == MH_OK && !flight_is_apart(flight) &&
                   unkept_note_head_locked(flight->object, flight->head.is_no_store);

    if (code == MH_OK && !flight_is_apart(flight))
        code = recheck_begin_locked(flight->object, changed_at(&flight->head), f);
    (void) pthread_mutex_unlock(&host->lock);
    if (is_told)
        unkept_tell(flight->object);
    return code;
}

static enum mh_code
take_head(struct flight *flight, const struct fetch_head *head, struct mh_fault *f)
{
    bool is_rest = head->status == 206;
    uint64_t total = head->length;

    if (is_rest)
        total = head->range_complete != MH_BYTES_UNKNOWN || head->length == MH_BYTES_UNKNOWN
                    ? head->range_complete
                    : flight->job.offset + head->length;
    flight->wire_bytes = total;
    if (head->coding == CODING_GZIP)
        total = MH_BYTES_UNKNOWN;
    bool differs = replace_head(flight, head, total);

    flight->write_at = is_rest ? flight->job.offset : 0;
    bool is_stale_rest = !is_rest && flight->watermark == 0 && flight->kept > 0;
    enum mh_code code = differs || is_stale_rest ? flight_cut_at(flight, 0, f) : MH_OK;

    if (code == MH_OK && differs && is_rest) /* the range is of something else: ask for the whole */
        return start_over(flight, f);
    if (code == MH_OK)
        code = check_length(flight, total, f);
    if (code != MH_OK)
        return code;
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->watermark < flight->write_at)
        flight->watermark = flight->write_at; /* what an earlier process left is good */
    flight->moved_ms = clock_mono_ms();
    flight->has_note =
        !flight->head.is_no_store && (total == MH_BYTES_UNKNOWN || total >= NOTE_FROM);
    if (flight->state == FLIGHT_ASKING)
        flight_set_state_locked(flight, FLIGHT_ARRIVING);
    if (flight->has_note)
        flight_queue_work_locked(flight);
    (void) pthread_mutex_unlock(&flight->lock);
    return MH_OK;
}

static int64_t
read_retry_after(const struct fetch_head *head)
{
    const char *text = fetch_header(head, "Retry-After");
    uint64_t seconds;
    int64_t at;

    if (!text)
        return -1;
    if (uint_parse(text, INT32_MAX, &seconds))
        return (int64_t) seconds;
    int64_t now = clock_wall_s();

    return httpdate_parse(text, now, &at) ? (at > now ? at - now : 0) : -1;
}

/* 304: what the refresh is based on is current (RFC 9110 §15.4.5). */
static enum mh_code
take_unchanged(struct flight *flight, const struct fetch_head *head, struct mh_fault *f)
{
    (void) replace_head(flight, head, 0);
    flight->is_unchanged = true;
    enum mh_code code = flight->watermark > 0 ? flight_cut_at(flight, 0, f) : MH_OK;

    (void) pthread_mutex_lock(&flight->lock);
    if (code == MH_OK && flight->state == FLIGHT_ASKING)
        flight_set_state_locked(flight, FLIGHT_ARRIVING);
    (void) pthread_mutex_unlock(&flight->lock);
    return code;
}

enum mh_code
flight_on_head(struct fetch_job *job, const struct fetch_head *head, struct mh_fault *f)
{
    struct flight *flight = flight_of_job(job);
    bool asked_rest = job->offset > 0;

    flight->status = head->status;
    flight->is_unchanged = false;
    flight->retry_after_s = read_retry_after(head);
    if (asked_rest && (head->status == 416 || (head->status == 206 && !range_fits(flight, head))))
        return start_over(flight, f);
    if (head->status == 304 && flight->based_on)
        return take_unchanged(flight, head, f);
    if (head->status != 200 && !(asked_rest && head->status == 206))
        return fail_status(flight, head->status, f);
    if (head->coding == CODING_OTHER)
        return fail_coding(flight, head, f);
    if (head->coding == CODING_IDENTITY && is_stored_as_gzip(head) && !job->wants_gzip)
        return ask_for_gzip(flight, f);
    return take_head(flight, head, f);
}
