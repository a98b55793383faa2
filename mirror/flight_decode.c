/* SPDX-License-Identifier: Apache-2.0 */
/* A flight whose bytes came gzip-encoded: they are decoded when all of them are in.
 *
 *   partial/<id>.part (as it came) ─► declared digest, inflate ─► .plain ─► renamed over .part
 *
 * What is cached is what the object is, not how it travelled. The declared hash may be that of the
 * bytes as they came (x-goog-hash, the ETag of a bucket, Repr-Digest: all are of what is stored or
 * sent), or of what they decode to (X-Linked-Etag): it holds if it is either's. Nobody reads an
 * encoded flight, so its bytes may change under its descriptor, which is made to lead to the new
 * file and keeps its number.
 *
 * A bomb ends at what its manifest or json_max allows, or where the ratio is one that no model has.
 * Work thread. */
#include "flight.h"

#include "coding.h"
#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES       (128u * 1024)
#define BOMB_FROM         (64u << 20)
#define BOMB_RATIO        200 /* weights compress to a half; text to a tenth */
#define MAX_EVICTIONS     8
#define CANCEL_LOOK_EVERY 64 /* blocks */

struct decoding {
    struct flight *flight;
    struct gunzip *gunzip;
    struct hash *raw; /* the declared kind, or NULL */
    unsigned char *in;
    unsigned char *out;
    int fd;           /* what it decodes to */
    uint64_t taken;   /* raw bytes */
    uint64_t written; /* decoded bytes */
};

static enum mh_code
check_size(const struct decoding *d, uint64_t end, struct mh_fault *f)
{
    const struct flight *flight = d->flight;
    enum mh_code code = flight_check_ceiling(flight, end, f);

    if (code != MH_OK)
        return code;
    if (end > flight->max_bytes) {
        (void) fail(f, MH_CORRUPT, 0, "'%s' is longer than it should be", flight->object->label);
        fault_expected(f, "%" PRIu64 " bytes", flight->max_bytes);
        fault_found(f, "at least %" PRIu64 " bytes", end);
        return MH_CORRUPT;
    }
    if (end > BOMB_FROM && end / BOMB_RATIO > d->taken)
        return fail(f, MH_CORRUPT, 0, "'%s' is a gzip bomb: more than %d times its encoded size",
                    flight->object->label, BOMB_RATIO);
    return MH_OK;
}

static enum mh_code
write_out(struct decoding *d, size_t n, struct mh_fault *f)
{
    enum mh_code code = n > 0 ? check_size(d, d->written + n, f) : MH_OK;

    if (code == MH_OK && n > 0)
        code = fd_pwrite_all(d->fd, d->out, n, d->written, f);
    d->written += n;
    return code;
}

/* Decode one block of input whole. */
static enum mh_code
decode_block(struct decoding *d, size_t n, struct mh_fault *f)
{
    const unsigned char *at = d->in;
    enum mh_code code = MH_OK;
    size_t got = BLOCK_BYTES;

    while (code == MH_OK && (n > 0 || got == BLOCK_BYTES)) {
        size_t before = n;

        code = gunzip_step(d->gunzip, &at, &n, d->out, BLOCK_BYTES, &got, f);
        if (code == MH_OK)
            code = write_out(d, got, f);
        if (code == MH_OK && got == 0 && n == before)
            break; /* all is given out that the input allows */
    }
    if (code == MH_CORRUPT)
        fault_prepend(f, "'%s' came gzip-encoded and cannot be decoded", d->flight->object->label);
    return code;
}

static bool
is_wanted(struct flight *flight)
{
    (void) pthread_mutex_lock(&flight->lock);
    bool wanted = flight->state != FLIGHT_FAILED;
    (void) pthread_mutex_unlock(&flight->lock);
    return wanted;
}

static enum mh_code
decode_all(struct decoding *d, uint64_t bytes, struct mh_fault *f)
{
    const struct flight *flight = d->flight;
    enum mh_code code = MH_OK;

    for (size_t block = 0; code == MH_OK && d->taken < bytes; block++) {
        uint64_t left = bytes - d->taken;
        ssize_t n = fd_pread_full(flight->part_fd, d->in,
                                  left < BLOCK_BYTES ? (size_t) left : BLOCK_BYTES, d->taken);

        if (n <= 0)
            return fail_errno(f, n < 0 ? errno : EIO, "cannot read the partial file of '%s'",
                              flight->object->label);
        if (d->raw)
            hash_add(d->raw, d->in, (size_t) n);
        d->taken += (uint64_t) n;
        code = decode_block(d, (size_t) n, f);
        if (block % CANCEL_LOOK_EVERY == 0 && !is_wanted(d->flight))
            return fail(f, MH_CANCELLED, 0, "the download was stopped");
    }
    if (code == MH_OK && !gunzip_is_whole(d->gunzip))
        code = fail(f, MH_CORRUPT, 0, "'%s' came gzip-encoded and ends too early",
                    flight->object->label);
    return code;
}

/* The flight goes on with the decoded file. */
static enum mh_code
take_over(struct decoding *d, struct mh_fault *f)
{
    struct flight *flight = d->flight;
    uint8_t digest[HASH_MAX_BYTES];
    enum mh_code code = store_partial_take_plain(flight->host->store, flight->partial_id, f);

    if (code != MH_OK)
        return code;
    if (dup3(d->fd, flight->part_fd, O_CLOEXEC) < 0)
        return fail_errno(f, errno, "cannot use the decoded file of '%s'", flight->object->label);
    if (d->raw)
        hash_end(d->raw, digest);
    (void) pthread_mutex_lock(&flight->lock);
    struct declared *declared = &flight->head.declared;

    /* Where it does not hold of these, it must of the decoded bytes, which are checked as ever. */
    if (d->raw && memcmp(digest, declared->digest, hash_bytes(declared->kind)) == 0)
        declared->is_known = false;
    flight->head.is_encoded = false;
    flight->was_encoded = true;
    flight->total = flight->watermark = d->written;
    (void) pthread_mutex_unlock(&flight->lock);
    return flight_sniff(flight, f);
}

static enum mh_code
decode_once(struct flight *flight, struct mh_fault *f)
{
    scoped(mem_freep) unsigned char *in = mem_calloc(1, BLOCK_BYTES);
    scoped(mem_freep) unsigned char *out = mem_calloc(1, BLOCK_BYTES);
    scoped(gunzip_freep) struct gunzip *gunzip = gunzip_new();
    const struct declared *declared = &flight->head.declared;
    scoped(hash_freep) struct hash *raw = declared->is_known ? hash_new(declared->kind) : NULL;
    scoped(fd_closep) int fd = -1;

    if (!in || !out || !gunzip || (declared->is_known && !raw))
        return fail(f, MH_NOMEM, 0, "out of memory for decoding '%s'", flight->object->label);
    enum mh_code code = store_partial_open_plain(flight->host->store, flight->partial_id, &fd, f);

    if (code != MH_OK)
        return code;
    struct decoding d = {
        .flight = flight, .gunzip = gunzip, .raw = raw, .in = in, .out = out, .fd = fd};

    code = decode_all(&d, flight->watermark, f);
    return code == MH_OK ? take_over(&d, f) : code;
}

enum mh_code
flight_decode(struct flight *flight, struct mh_fault *f)
{
    enum mh_code code = decode_once(flight, f);

    /* Each time something was evicted, so that this comes to an end. */
    for (int i = 0; code == MH_NO_SPACE && i < MAX_EVICTIONS; i++) {
        if (room_make(flight->host, flight->watermark, true, NULL) != MH_OK)
            break;
        code = decode_once(flight, f);
    }
    return code;
}
