/* SPDX-License-Identifier: Apache-2.0 */
/* brotli, zstd and gzip behind one door: a table of three rows.
 *
 * Small inputs, which nearly all manifests are, get the highest effort, since a form is made once
 * and sent often. Above SMALL_BYTES the highest effort would cost minutes of a core and a hundred
 * mebibytes for a few percent: measured on a 25 MB graph, brotli 6 with a window of 256 KiB reaches
 * a seventeenth in 0.3 s and 5 MiB, zstd 8 an eighteenth in 0.2 s and 9 MiB. So the memory is
 * bounded whatever the size of what goes through.
 *
 * The output follows from the input and the library alone: no names, no times. zlib is always
 * there; the other two may be left out of a build.
 *
 * Any thread, one at a time per stream; no state of its own. */
#include "codec.h"

#include "fault.h"
#include "mem.h"

#include <limits.h>
#include <zlib.h>

#ifdef HAVE_BROTLI
#include <brotli/encode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#define SMALL_BYTES ((uint64_t) 256 << 10)
#define PIECE_BYTES 16384

/* What is to be encoded, and where it goes. */
struct piece {
    const uint8_t *bytes;
    size_t n;
    bool is_last;
    codec_sink *sink;
    void *arg;
};

struct codec {
    const struct codec_kind *kind;
    void *state; /* the library's; owned */
    uint8_t out[PIECE_BYTES];
};

struct codec_kind {
    const char *suffix;
    void *(*open)(uint64_t bytes); /* NULL: this build cannot */
    enum mh_code (*add)(struct codec *codec, struct piece *piece, struct mh_fault *f);
    void (*close)(void *state);
};

static enum mh_code
refuse(const char *library, struct mh_fault *f)
{
    return fail(f, MH_IO, 0, "%s cannot go on", library);
}

/* --- brotli --- */

#ifdef HAVE_BROTLI

#define BROTLI_EFFORT      6
#define BROTLI_WINDOW_BITS 18

static void *
brotli_alloc(void *unused, size_t n)
{
    (void) unused;
    return mem_calloc(1, n);
}

static void
brotli_release(void *unused, void *block)
{
    (void) unused;
    mem_free(block);
}

static void *
brotli_open(uint64_t bytes)
{
    BrotliEncoderState *state = BrotliEncoderCreateInstance(brotli_alloc, brotli_release, NULL);
    const uint32_t effort = bytes <= SMALL_BYTES ? BROTLI_MAX_QUALITY : BROTLI_EFFORT;

    if (!state)
        return NULL;
    /* Both are within the documented bounds, and the size is a hint. */
    (void) BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, effort);
    (void) BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, BROTLI_WINDOW_BITS);
    (void) BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT,
                                     bytes < UINT32_MAX ? (uint32_t) bytes : UINT32_MAX);
    return state;
}

static enum mh_code
brotli_add(struct codec *codec, struct piece *piece, struct mh_fault *f)
{
    BrotliEncoderState *state = codec->state;
    const BrotliEncoderOperation operation =
        piece->is_last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;

    do {
        uint8_t *next = codec->out;
        size_t room = sizeof(codec->out);

        if (!BrotliEncoderCompressStream(state, operation, &piece->n, &piece->bytes, &room, &next,
                                         NULL))
            return refuse("brotli", f);
        enum mh_code code = piece->sink(piece->arg, codec->out, sizeof(codec->out) - room, f);

        if (code != MH_OK)
            return code;
    } while (piece->n > 0 || BrotliEncoderHasMoreOutput(state) ||
             (piece->is_last && !BrotliEncoderIsFinished(state)));
    return MH_OK;
}

static void
brotli_close(void *state)
{
    BrotliEncoderDestroyInstance(state);
}

#else
#define brotli_open  NULL
#define brotli_add   NULL
#define brotli_close NULL
#endif

/* --- zstd --- */

#ifdef HAVE_ZSTD

#define ZSTD_EFFORT       8
#define ZSTD_SMALL_EFFORT 19

static void *
zstd_open(uint64_t bytes)
{
    ZSTD_CCtx *state = ZSTD_createCCtx();
    const int effort = bytes <= SMALL_BYTES ? ZSTD_SMALL_EFFORT : ZSTD_EFFORT;

    if (!state)
        return NULL;
    if (!ZSTD_isError(ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, effort)) &&
        !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(state, bytes)))
        return state;
    (void) ZSTD_freeCCtx(state); /* always 0 */
    return NULL;
}

static enum mh_code
zstd_add(struct codec *codec, struct piece *piece, struct mh_fault *f)
{
    ZSTD_inBuffer in = {.src = piece->bytes, .size = piece->n};
    size_t left;

    do {
        ZSTD_outBuffer out = {.dst = codec->out, .size = sizeof(codec->out)};

        left = ZSTD_compressStream2(codec->state, &out, &in,
                                    piece->is_last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return refuse("zstd", f);
        enum mh_code code = piece->sink(piece->arg, codec->out, out.pos, f);

        if (code != MH_OK)
            return code;
    } while (in.pos < in.size || (piece->is_last && left > 0));
    return MH_OK;
}

static void
zstd_close(void *state)
{
    (void) ZSTD_freeCCtx(state); /* always 0 */
}

#else
#define zstd_open  NULL
#define zstd_add   NULL
#define zstd_close NULL
#endif

/* --- gzip --- */

static void *
gzip_alloc(void *unused, unsigned count, unsigned size)
{
    (void) unused;
    return mem_calloc(count, size);
}

static void
gzip_release(void *unused, void *block)
{
    (void) unused;
    mem_free(block);
}

static void *
gzip_open(uint64_t bytes)
{
    z_stream *stream = mem_new(z_stream);

    (void) bytes;
    if (!stream)
        return NULL;
    stream->zalloc = gzip_alloc;
    stream->zfree = gzip_release;
    /* 16 more than the window's bits: a gzip header, whose name and time are empty. */
    if (deflateInit2(stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) == Z_OK)
        return stream;
    mem_free(stream);
    return NULL;
}

static enum mh_code
gzip_add(struct codec *codec, struct piece *piece, struct mh_fault *f)
{
    z_stream *stream = codec->state;

    if (piece->n > UINT_MAX)
        return refuse("zlib", f);
    stream->next_in = (z_const Bytef *) piece->bytes;
    stream->avail_in = (unsigned) piece->n;
    do {
        stream->next_out = codec->out;
        stream->avail_out = sizeof(codec->out);
        if (deflate(stream, piece->is_last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
            return refuse("zlib", f);
        enum mh_code code =
            piece->sink(piece->arg, codec->out, sizeof(codec->out) - stream->avail_out, f);

        if (code != MH_OK)
            return code;
    } while (stream->avail_out == 0);
    return MH_OK;
}

static void
gzip_close(void *state)
{
    (void) deflateEnd(state); /* Z_DATA_ERROR says that it was not at its end: so it may be */
    mem_free(state);
}

/* --- the table --- */

static const struct codec_kind kinds[MH_ENCODING_COUNT] = {
    [MH_ENCODING_BR] = {"br", brotli_open, brotli_add, brotli_close},
    [MH_ENCODING_ZSTD] = {"zst", zstd_open, zstd_add, zstd_close},
    [MH_ENCODING_GZIP] = {"gz", gzip_open, gzip_add, gzip_close},
};

bool
codec_has(enum mh_encoding encoding)
{
    return kinds[encoding].open != NULL;
}

const char *
codec_suffix(enum mh_encoding encoding)
{
    return kinds[encoding].suffix;
}

unsigned
mh_encodings(void)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < MH_ENCODING_COUNT; i++)
        bits |= kinds[i].open ? 1u << i : 0;
    return bits;
}

enum mh_code
codec_new(enum mh_encoding encoding, uint64_t bytes, struct codec **ret, struct mh_fault *fault)
{
    const struct codec_kind *kind = &kinds[encoding];
    struct codec *codec;

    if (!kind->open)
        return fail(fault, MH_UNSUPPORTED, 0, "this build cannot encode as '%s'", kind->suffix);
    codec = mem_new(struct codec);
    if (codec) {
        codec->kind = kind;
        codec->state = kind->open(bytes);
    }
    if (!codec || !codec->state) {
        mem_free(codec);
        return fail(fault, MH_NOMEM, 0, "out of memory for encoding");
    }
    *ret = codec;
    return MH_OK;
}

enum mh_code
codec_add(struct codec *codec, const void *bytes, size_t n, bool is_last, codec_sink *sink,
          void *arg, struct mh_fault *fault)
{
    struct piece piece = {.bytes = bytes, .n = n, .is_last = is_last, .sink = sink, .arg = arg};

    return codec->kind->add(codec, &piece, fault);
}

void
codec_free(struct codec *codec)
{
    if (!codec)
        return;
    codec->kind->close(codec->state);
    mem_free(codec);
}
