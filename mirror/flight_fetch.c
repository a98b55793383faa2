/* SPDX-License-Identifier: Apache-2.0 */
/* A flight on the fetch thread: what it asks, and what it does with what comes.
 *
 * Attempts. The first asks for the whole, or for the rest of what an earlier process left. A later
 * one asks for the rest (Range with If-Range) where there is a validator, else for the whole, and
 * then compares what comes again with what is on disk: equal bytes cost the clients nothing, and
 * where they differ the epoch advances and the views of the old bytes are cut.
 *
 * Invariants: bytes below the watermark do not change within an epoch. A head that differs from the
 * one that was given out begins a new epoch. Whether a failure may pass is decided by retry.c
 * alone.
 *
 * This thread writes the partial file, and neither hashes nor syncs. */
#include "flight.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "httpdate.h"
#include "mem.h"
#include "model.h"
#include "retry.h"
#include "sniff.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define COMPARE_BYTES 16384
#define HASH_AFTER    (1u << 20) /* bytes behind the watermark that are worth a piece of work */
#define NOTE_FROM     (1u << 20) /* objects below this are fetched again rather than resumed */
#define ABSURD_BYTES  (1ull << 62)

static struct flight *
flight_of(struct fetch_job *job)
{
    return (struct flight *) (void *) ((char *) job - offsetof(struct flight, job));
}

/* --- asking --- */

/* A validator that may stand in If-Range (RFC 9110 §13.1.5): a strong ETag, else the date. */
static const char *
range_validator(const char *etag, const char *last_modified)
{
    if (etag && etag[0] == '"')
        return etag;
    return last_modified;
}

static void
choose_range(struct flight *flight)
{
    const char *validator = range_validator(flight->head.etag, flight->head.last_modified);
    uint64_t have = flight->watermark;

    flight->job.offset = 0;
    flight->job.if_range = NULL;
    if (flight->wants_whole || flight->head.is_encoded)
        return;
    if (flight->state == FLIGHT_ASKING && flight->kept > 0 && flight->if_range) {
        have = flight->kept;
        validator = flight->if_range;
    }
    if (have == 0 || !validator)
        return;
    if (have == flight->total) /* nothing is missing, but a range must not be empty */
        have--;
    if (validator != flight->if_range) {
        mem_free(flight->if_range);
        flight->if_range = str_dup(validator);
    }
    flight->job.offset = flight->if_range ? have : 0;
    flight->job.if_range = flight->if_range;
}

static void
submit(struct flight *flight, uint32_t delay_ms)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state != FLIGHT_FAILED) {
        choose_range(flight);
        flight->write_at = 0;
        flight->has_progressed = false;
        flight->retry_after_s = -1;
        flight->is_asking = true;
        (void) flight_ref(flight); /* the job's, given back by on_done() */
        fetch_submit(flight->host->fetcher, &flight->job, delay_ms);
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

/* Point the job at one of the mirror's bases. */
static bool
choose_base(struct flight *flight, size_t base)
{
    const struct mirror *mirror = flight->object->mirror;
    char *url = mirror_url(mirror, base, flight->object->target);

    if (!url)
        return false;
    char *old = flight->url;

    /* The work threads name it in notes and failures. */
    (void) pthread_mutex_lock(&flight->lock);
    flight->url = url;
    (void) pthread_mutex_unlock(&flight->lock);
    mem_free(old);
    flight->base = base;
    flight->attempt = 1;
    flight->job.events = &flight_fetch_events;
    flight->job.policy = &mirror->bases[base].policy;
    flight->job.url = flight->url;
    flight->job.own = &mirror->bases[base].parts;
    /* A mirror's headers are its upstream's: they may be credentials. */
    if (flight->based_on) {
        const struct meta *known = &flight->based_on->meta;

        flight->job.if_none_match = known->etag;
        flight->job.if_modified_since = known->etag ? NULL : known->last_modified;
    }
    flight->job.headers = base == 0 ? (const char *const *) mirror->headers : NULL;
    return true;
}

void
flight_ask(struct flight *flight)
{
    struct mh_fault fault = {0};

    if (!choose_base(flight, 0)) {
        flight_fail(flight, fail(&fault, MH_NOMEM, 0, "out of memory for a download"), &fault);
        return;
    }
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state == FLIGHT_SETTLING)
        flight_set_state_locked(flight, FLIGHT_ASKING);
    (void) pthread_mutex_unlock(&flight->lock);
    submit(flight, 0);
}

void
flight_ask_again(struct flight *flight)
{
    submit(flight, 0);
}

/* --- heads --- */

/* Begin a new epoch at `keep`: what lies beyond is not the object's. */
static enum mh_code
cut_at(struct flight *flight, uint64_t keep, struct mh_fault *f)
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

static bool
range_fits(const struct flight *flight, const struct fetch_head *head)
{
    return head->has_range && head->range_start == flight->job.offset && !head->is_encoded &&
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
    /* A Content-Digest covers a 206's part only. */
    const struct declared_headers headers = {
        .repr_digest = fetch_header(head, "Repr-Digest"),
        .content_digest = head->status == 200 ? fetch_header(head, "Content-Digest") : NULL,
        .x_linked_etag = fetch_header(head, "X-Linked-Etag"),
        .etag = etag_is_hash(head) ? fetch_header(head, "ETag") : NULL,
        .x_goog_hash = has_goog ? goog : NULL,
    };

    *ret = (struct declared){0};
    if (!head->is_encoded)
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
        .is_encoded = head->is_encoded,
        .answered_at = clock_wall_s(),
    };
    bool differs = false;

    read_declared(head, &next.declared);
    (void) pthread_mutex_lock(&flight->lock);
    struct flight_head old = flight->head;

    if (flight->state == FLIGHT_ARRIVING)
        differs = total != flight->total || !same_text(old.etag, next.etag) ||
                  !same_text(old.last_modified, next.last_modified);
    flight->head = next;
    flight->total = total;
    (void) pthread_mutex_unlock(&flight->lock);
    flight_head_done(&old);
    return differs;
}

static enum mh_code
check_ceiling(const struct flight *flight, uint64_t bytes, struct mh_fault *f)
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

/* Compare the length with what the manifests say, once it is known. */
static enum mh_code
check_length(struct flight *flight, uint64_t bytes, struct mh_fault *f)
{
    struct mh_host *host = flight->host;
    enum mh_code code = check_ceiling(flight, bytes, f);

    if (code != MH_OK)
        return code;
    (void) pthread_mutex_lock(&host->lock);
    /* The sums of a refresh are those of its own set. */
    flight->max_bytes = flight->refresh ? UINT64_MAX : model_max_bytes_locked(flight->object);
    if (bytes != MH_BYTES_UNKNOWN && !flight->refresh)
        code = model_check_length_locked(flight->object, bytes, f);
    (void) pthread_mutex_unlock(&host->lock);
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
    bool differs = replace_head(flight, head, total);

    flight->write_at = is_rest ? flight->job.offset : 0;
    bool is_stale_rest = !is_rest && flight->watermark == 0 && flight->kept > 0;
    enum mh_code code = differs || is_stale_rest ? cut_at(flight, 0, f) : MH_OK;

    if (code == MH_OK && differs && is_rest) /* the range is of something else: ask for the whole */
        return start_over(flight, f);
    if (code == MH_OK)
        code = check_length(flight, total, f);
    if (code != MH_OK)
        return code;
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->watermark < flight->write_at)
        flight->watermark = flight->write_at; /* what an earlier process left is good */
    flight->has_note = total == MH_BYTES_UNKNOWN || total >= NOTE_FROM;
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
    enum mh_code code = flight->watermark > 0 ? cut_at(flight, 0, f) : MH_OK;

    (void) pthread_mutex_lock(&flight->lock);
    if (code == MH_OK && flight->state == FLIGHT_ASKING)
        flight_set_state_locked(flight, FLIGHT_ARRIVING);
    (void) pthread_mutex_unlock(&flight->lock);
    return code;
}

static enum mh_code
on_head(struct fetch_job *job, const struct fetch_head *head, struct mh_fault *f)
{
    struct flight *flight = flight_of(job);
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
    return take_head(flight, head, f);
}

/* --- bodies --- */

/* How many of the bytes equal what is on disk from `offset`. */
static enum mh_code
compare(struct flight *flight, const char *bytes, size_t n, uint64_t offset, size_t *ret_same,
        struct mh_fault *f)
{
    char old[COMPARE_BYTES];
    size_t same = 0;

    while (same < n) {
        size_t piece = n - same < sizeof(old) ? n - same : sizeof(old);
        ssize_t got = fd_pread_full(flight->part_fd, old, piece, offset + same);

        if (got != (ssize_t) piece)
            return fail_errno(f, got < 0 ? errno : EIO, "cannot read the partial file of '%s'",
                              flight->object->label);
        for (size_t i = 0; i < piece; i++, same++)
            if (old[i] != bytes[same]) {
                *ret_same = same;
                return MH_OK;
            }
    }
    *ret_same = same;
    return MH_OK;
}

/* Bytes that were received before: pass over what is the same, begin a new epoch where it differs.
 */
static enum mh_code
receive_again(struct flight *flight, const char **bytes, size_t *n, struct mh_fault *f)
{
    uint64_t known = flight->watermark - flight->write_at;
    size_t piece = *n < known ? *n : (size_t) known;
    size_t same = 0;
    enum mh_code code = compare(flight, *bytes, piece, flight->write_at, &same, f);

    if (code != MH_OK)
        return code;
    flight->write_at += same;
    *bytes += same;
    *n -= same;
    return same < piece ? cut_at(flight, flight->write_at, f) : MH_OK;
}

static enum mh_code
sniff_body(struct flight *flight, struct mh_fault *f)
{
    unsigned char first[SNIFF_BYTES];
    struct object *object = flight->object;
    ssize_t n = fd_pread_full(flight->part_fd, first, sizeof(first), 0);

    if (n < 0)
        return fail_errno(f, errno, "cannot read the partial file of '%s'", object->label);
    (void) pthread_mutex_lock(&flight->host->lock);
    bool is_shard = object->named_by.count > 0;
    (void) pthread_mutex_unlock(&flight->host->lock);
    size_t path = strcspn(object->target, "?#");
    scoped(mem_freep) char *name = str_dup_n(object->target, path);

    if (!name)
        return fail(f, MH_NOMEM, 0, "out of memory");
    enum sniff_verdict verdict = sniff(sniff_kind_of(name, is_shard), first, (size_t) n);

    if (verdict != SNIFF_FINE) {
        (void) fail(f, MH_CORRUPT, 0, "the upstream sent %s in place of '%s'", sniff_text(verdict),
                    object->label);
        fault_expected(f, "%s", object->is_json ? "JSON" : is_shard ? "weights" : "the file");
        fault_found(f, "%s", sniff_text(verdict));
        return MH_CORRUPT;
    }
    (void) pthread_mutex_lock(&flight->lock);
    flight->is_sniffed = true;
    (void) pthread_mutex_unlock(&flight->lock);
    return MH_OK;
}

static enum mh_code
check_overrun(struct flight *flight, uint64_t end, struct mh_fault *f)
{
    uint64_t max = flight->total < flight->max_bytes ? flight->total : flight->max_bytes;
    enum mh_code code = check_ceiling(flight, end, f);

    if (code != MH_OK || end <= max)
        return code;
    (void) fail(f, MH_CORRUPT, 0, "'%s' is longer than it should be", flight->object->label);
    fault_expected(f, "%" PRIu64 " bytes", max);
    fault_found(f, "at least %" PRIu64 " bytes", end);
    return MH_CORRUPT;
}

static enum mh_code
on_body(struct fetch_job *job, const void *bytes_, size_t n, struct mh_fault *f)
{
    struct flight *flight = flight_of(job);
    const char *bytes = bytes_;
    enum mh_code code = check_overrun(flight, flight->write_at + n, f);

    (void) atomic_fetch_add_explicit(&flight->host->received_bytes, n, memory_order_relaxed);
    if (code == MH_OK && flight->write_at < flight->watermark)
        code = receive_again(flight, &bytes, &n, f);
    if (code != MH_OK || n == 0)
        return code;
    code = fd_pwrite_all(flight->part_fd, bytes, n, flight->write_at, f);
    if (code != MH_OK) {
        fault_prepend(f, "'%s' cannot be kept", flight->object->label);
        return code;
    }
    flight->write_at += n;
    flight->has_progressed = true;
    (void) pthread_mutex_lock(&flight->lock);
    flight->watermark = flight->write_at;
    bool wants_sniff = !flight->is_sniffed && flight->watermark >= SNIFF_BYTES;
    (void) pthread_mutex_unlock(&flight->lock);
    return wants_sniff ? sniff_body(flight, f) : MH_OK;
}

static void
on_pause(struct fetch_job *job)
{
    struct flight *flight = flight_of(job);

    (void) pthread_mutex_lock(&flight->lock);
    flight_wake_locked(flight);
    if (flight->watermark >= flight->poked + HASH_AFTER) {
        flight->poked = flight->watermark;
        flight_queue_work_locked(flight);
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

/* --- ends --- */

static enum mh_code
check_received(struct flight *flight, struct mh_fault *f)
{
    if (flight->is_unchanged)
        return MH_OK;
    /* A whole answer that is shorter than what came before: the rest is not the object's. */
    if (flight->write_at < flight->watermark) {
        enum mh_code code = cut_at(flight, flight->write_at, f);

        if (code != MH_OK)
            return code;
    }
    if (flight->total != MH_BYTES_UNKNOWN && flight->watermark != flight->total) {
        (void) fail(f, MH_UPSTREAM, 0, "'%s' ended too early", flight->object->label);
        fault_expected(f, "%" PRIu64 " bytes", flight->total);
        fault_found(f, "%" PRIu64 " bytes", flight->watermark);
        return MH_UPSTREAM;
    }
    return flight->is_sniffed ? MH_OK : sniff_body(flight, f);
}

static void
finish_receiving(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    if (flight->state != FLIGHT_FAILED) {
        flight->total = flight->watermark;
        flight->is_received = true;
        flight_set_state_locked(flight, FLIGHT_CHECKING);
        flight_wake_locked(flight);
        flight_queue_work_locked(flight);
    }
    (void) pthread_mutex_unlock(&flight->lock);
}

/* May another base do better? Not where the failure is ours, or an answer. */
static bool
may_pass_elsewhere(enum mh_code code)
{
    return code != MH_NOT_FOUND && code != MH_CANCELLED && code != MH_CORRUPT &&
           code != MH_NO_SPACE && code != MH_IO && code != MH_NOMEM;
}

/* Try again, here or at the next base? Returns whether it is being done. */
static bool
try_again(struct flight *flight, enum mh_code code, const struct mh_fault *fault)
{
    struct retry_input input = {
        .code = code,
        .http_status = flight->status == 200 || flight->status == 206 ? 0 : flight->status,
        .attempt = flight->attempt,
        .retries = flight->object->mirror->retries,
        .has_progressed = flight->has_progressed,
        .retry_after_s = flight->retry_after_s,
    };
    uint32_t delay_ms = 0;

    if (getrandom(&input.random, sizeof(input.random), GRND_NONBLOCK) < 0)
        input.random = 0; /* no jitter then */
    if (flight->starts_over) {
        flight->starts_over = false;
    } else if (retry_after_failure(&input, &delay_ms)) {
        flight->attempt = flight->has_progressed ? 1 : flight->attempt + 1;
        host_tell(flight->host, MH_EVENT_RETRY, code, flight->object, fault);
    } else if (may_pass_elsewhere(code) && flight->base + 1 < flight->object->mirror->base_count &&
               choose_base(flight, flight->base + 1)) {
        host_tell(flight->host, MH_EVENT_RETRY, code, flight->object, fault);
    } else {
        return false;
    }
    submit(flight, delay_ms);
    return true;
}

static void
on_done(struct fetch_job *job, enum mh_code code, const struct mh_fault *fault)
{
    struct flight *flight = flight_of(job);
    struct mh_fault own = *fault;

    /* This may cut the partial file, which is the next flight's once this one is not asking. */
    if (code == MH_OK)
        code = check_received(flight, &own);
    (void) pthread_mutex_lock(&flight->lock);
    flight->is_asking = false;
    bool has_failed = flight->state == FLIGHT_FAILED;

    if (!has_failed && code == MH_NO_SPACE) { /* the work threads find room, or fail it */
        flight->fault = own;
        flight->wants_room = true;
        flight_queue_work_locked(flight);
    }
    (void) pthread_mutex_unlock(&flight->lock);

    if (!has_failed && code != MH_NO_SPACE) {
        if (code != MH_OK && !own.upstream[0])
            url_redact(flight->url, own.upstream, sizeof(own.upstream));
        if (code == MH_OK)
            finish_receiving(flight);
        else if (!try_again(flight, code, &own))
            flight_fail(flight, code, &own);
    }
    flight_conclude_if_failed(flight);
    flight_unref(flight);
}

const struct fetch_events flight_fetch_events = {
    .on_head = on_head,
    .on_body = on_body,
    .on_pause = on_pause,
    .on_done = on_done,
};
