/* SPDX-License-Identifier: Apache-2.0 */
/* A flight on the fetch thread: the bytes of an answer, and whether all of them came.
 *
 * Bytes below the watermark do not change within an epoch. What was received before is compared,
 * and passed over where it is the same. This thread writes the partial file, and neither hashes
 * nor syncs. */
#include "flight.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "sniff.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COMPARE_BYTES 16384

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
    return same < piece ? flight_cut_at(flight, flight->write_at, f) : MH_OK;
}

enum mh_code
flight_sniff(struct flight *flight, struct mh_fault *f)
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

/* Of what does not compress, gzip makes a little more (RFC 1951 §3.2.4). */
static uint64_t
max_encoded(const struct flight *flight)
{
    uint64_t max = flight->max_bytes;

    if (flight->wire_bytes != MH_BYTES_UNKNOWN)
        return flight->wire_bytes;
    return max < UINT64_MAX / 2 ? max + max / 256 + 4096 : UINT64_MAX;
}

static enum mh_code
check_overrun(struct flight *flight, uint64_t end, struct mh_fault *f)
{
    uint64_t max = flight->total < flight->max_bytes ? flight->total : flight->max_bytes;

    if (flight->head.is_encoded)
        max = max_encoded(flight);
    enum mh_code code = flight_check_ceiling(flight, end, f);

    if (code != MH_OK || end <= max)
        return code;
    (void) fail(f, MH_CORRUPT, 0, "'%s' is longer than it should be", flight->object->label);
    fault_expected(f, "%" PRIu64 " bytes", max);
    fault_found(f, "at least %" PRIu64 " bytes", end);
    return MH_CORRUPT;
}

enum mh_code
flight_on_body(struct fetch_job *job, const void *bytes_, size_t n, struct mh_fault *f)
{
    struct flight *flight = flight_of_job(job);
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
    flight->moved_ms = clock_mono_ms();
    bool wants_sniff =
        !flight->is_sniffed && !flight->head.is_encoded && flight->watermark >= SNIFF_BYTES;
    (void) pthread_mutex_unlock(&flight->lock);
    return wants_sniff ? flight_sniff(flight, f) : MH_OK;
}

enum mh_code
flight_check_received(struct flight *flight, struct mh_fault *f)
{
    if (flight->is_unchanged)
        return MH_OK;
    /* A whole answer that is shorter than what came before: the rest is not the object's. */
    if (flight->write_at < flight->watermark) {
        enum mh_code code = flight_cut_at(flight, flight->write_at, f);

        if (code != MH_OK)
            return code;
    }
    uint64_t total = flight->head.is_encoded ? flight->wire_bytes : flight->total;

    if (total != MH_BYTES_UNKNOWN && flight->watermark != total) {
        (void) fail(f, MH_UPSTREAM, 0, "'%s' ended too early", flight->object->label);
        fault_expected(f, "%" PRIu64 " bytes", total);
        fault_found(f, "%" PRIu64 " bytes", flight->watermark);
        return MH_UPSTREAM;
    }
    return flight->is_sniffed || flight->head.is_encoded ? MH_OK : flight_sniff(flight, f);
}
