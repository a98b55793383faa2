/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings: reading the field, and gzip by zlib.
 *
 * libcurl could decode, but gives no access to the bytes as they came, and an upstream's hash is
 * of those. Only gzip is taken off, and only once: it is what buckets store. Whoever calls bounds
 * what comes out; a step never gives more than it was given room for, so that a bomb costs no
 * memory.
 *
 * Pure; any thread. It refuses trailing bytes that are no further member. */
#include "coding.h"

#include "fault.h"
#include "mem.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>

#define BETWEEN     ", \t\r"  /* libcurl gives an empty field as its line end */
#define GZIP_WINDOW (15 + 16) /* the largest window; +16: a gzip wrapper and nothing else */

static bool
is_token(const char *text, size_t n, const char *token)
{
    return strlen(token) == n && strncasecmp(text, token, n) == 0;
}

enum coding
coding_of(const char *field)
{
    enum coding found = CODING_IDENTITY;

    while (field && *field) {
        field += strspn(field, BETWEEN);
        size_t n = strcspn(field, BETWEEN);
        bool is_gzip = is_token(field, n, "gzip") || is_token(field, n, "x-gzip");

        if (n > 0 && !is_token(field, n, "identity"))
            found = is_gzip && found == CODING_IDENTITY ? CODING_GZIP : CODING_OTHER;
        field += n;
    }
    return found;
}

struct gunzip {
    z_stream stream;
    bool has_ended; /* a member has; another may follow */
};

static void *
allocate(void *opaque, unsigned count, unsigned size)
{
    (void) opaque;
    return mem_calloc(count, size);
}

static void
release(void *opaque, void *memory)
{
    (void) opaque;
    mem_free(memory);
}

struct gunzip *
gunzip_new(void)
{
    struct gunzip *gunzip = mem_new(struct gunzip);

    if (!gunzip)
        return NULL;
    gunzip->stream.zalloc = allocate;
    gunzip->stream.zfree = release;
    if (inflateInit2(&gunzip->stream, GZIP_WINDOW) != Z_OK) {
        mem_free(gunzip);
        return NULL;
    }
    return gunzip;
}

void
gunzip_free(struct gunzip *gunzip)
{
    if (!gunzip)
        return;
    (void) inflateEnd(&gunzip->stream);
    mem_free(gunzip);
}

void
gunzip_freep(struct gunzip **gunzip)
{
    gunzip_free(*gunzip);
}

enum mh_code
gunzip_step(struct gunzip *gunzip, const unsigned char **bytes, size_t *n, unsigned char *out,
            size_t size, size_t *ret_n, struct mh_fault *f)
{
    z_stream *stream = &gunzip->stream;
    unsigned room = size < UINT32_MAX ? (unsigned) size : UINT32_MAX;
    unsigned given = *n < UINT32_MAX ? (unsigned) *n : UINT32_MAX;

    if (gunzip->has_ended && given > 0) {
        (void) inflateReset(stream);
        gunzip->has_ended = false;
    }
    stream->next_in = *bytes;
    stream->avail_in = given;
    stream->next_out = out;
    stream->avail_out = room;
    int result = inflate(stream, Z_NO_FLUSH);

    if (result == Z_MEM_ERROR)
        return fail(f, MH_NOMEM, 0, "out of memory for decoding gzip");
    /* Z_BUF_ERROR only says that there was nothing to do. */
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return fail(f, MH_CORRUPT, result, "broken gzip data (%s)",
                    stream->msg ? stream->msg : "no reason given");
    gunzip->has_ended = result == Z_STREAM_END;
    *bytes += given - stream->avail_in;
    *n -= given - stream->avail_in;
    *ret_n = room - stream->avail_out;
    return MH_OK;
}

bool
gunzip_is_whole(const struct gunzip *gunzip)
{
    return gunzip->has_ended;
}
