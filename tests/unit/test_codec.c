/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c: what goes in in any pieces comes out of other people's decoders as it was. */
#include "codec.h"

#include "buf.h"
#include "fault.h"
#include "mem.h"
#include "unit.h"

#include <string.h>
#include <zlib.h>

#ifdef HAVE_BROTLI
#include <brotli/decode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#define ROOM ((size_t) 8 << 20)

static enum mh_code
keep(void *arg, const void *bytes, size_t n, struct mh_fault *f)
{
    (void) f;
    buf_add(arg, bytes, n);
    return MH_OK;
}

/* --- the decoders: bytes written, or SIZE_MAX --- */

static size_t
decode_gzip(const struct buf *from, uint8_t *to)
{
    z_stream stream = {.next_in = (z_const Bytef *) from->text,
                       .avail_in = (unsigned) from->length,
                       .next_out = to,
                       .avail_out = ROOM};

    assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
    const int end = inflate(&stream, Z_FINISH);

    (void) inflateEnd(&stream);
    return end == Z_STREAM_END && stream.avail_in == 0 ? ROOM - stream.avail_out : SIZE_MAX;
}

static size_t
decode_brotli(const struct buf *from, uint8_t *to)
{
    size_t n = SIZE_MAX;

#ifdef HAVE_BROTLI
    n = ROOM;
    if (BrotliDecoderDecompress(from->length, (const uint8_t *) from->text, &n, to) !=
        BROTLI_DECODER_RESULT_SUCCESS)
        n = SIZE_MAX;
#endif
    return n;
}

static size_t
decode_zstd(const struct buf *from, uint8_t *to)
{
    size_t n = SIZE_MAX;

#ifdef HAVE_ZSTD
    n = ZSTD_decompress(to, ROOM, from->text, from->length);
    if (ZSTD_isError(n))
        n = SIZE_MAX;
#endif
    return n;
}

static size_t (*const decoders[MH_ENCODING_COUNT])(const struct buf *from, uint8_t *to) = {
    [MH_ENCODING_BR] = decode_brotli,
    [MH_ENCODING_ZSTD] = decode_zstd,
    [MH_ENCODING_GZIP] = decode_gzip,
};

/* --- */

/* Text that shrinks, and not to nothing. */
static void
fill(char *text, size_t n)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = i % 7 == 0 ? (char) ('a' + (seed >> 28)) : "{\"name\": \"weight\"}"[i % 18];
    }
}

static void
encode(enum mh_encoding encoding, const char *text, size_t n, size_t piece, struct buf *ret)
{
    struct codec *codec = NULL;
    size_t at = 0;

    assert_int_equal(codec_new(encoding, n, &codec, NULL), MH_OK);
    do {
        const size_t now = n - at < piece ? n - at : piece;
        const bool is_last = at + now == n;

        assert_int_equal(codec_add(codec, text + at, now, is_last, keep, ret, NULL), MH_OK);
        at += now;
    } while (at < n);
    codec_free(codec);
    assert_true(buf_is_ok(ret));
}

static void
test_round_trips(void **state)
{
    static const size_t sizes[] = {1, 600, 65537, 300000};
    char *text = mem_calloc(1, ROOM);
    uint8_t *decoded = mem_calloc(1, ROOM);

    (void) state;
    fill(text, ROOM);
    for (unsigned e = 0; e < MH_ENCODING_COUNT; e++) {
        for (size_t i = 0; codec_has(e) && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct buf whole = BUF_INIT(ROOM);
            struct buf pieces = BUF_INIT(ROOM);

            encode(e, text, sizes[i], sizes[i], &whole);
            encode(e, text, sizes[i], 65536, &pieces);
            assert_int_equal(decoders[e](&whole, decoded), sizes[i]);
            assert_memory_equal(decoded, text, sizes[i]);
            memset(decoded, 0, sizes[i]);
            assert_int_equal(decoders[e](&pieces, decoded), sizes[i]);
            assert_memory_equal(decoded, text, sizes[i]);
            if (sizes[i] >= 65536)
                assert_true(whole.length < sizes[i] / 2);
            buf_done(&whole);
            buf_done(&pieces);
        }
    }
    mem_free(text);
    mem_free(decoded);
}

static enum mh_code
refuse(void *arg, const void *bytes, size_t n, struct mh_fault *f)
{
    (void) arg;
    (void) bytes;
    (void) n;
    return fail(f, MH_NO_SPACE, 0, "full");
}

static void
test_the_sinks_failure_is_the_calls(void **state)
{
    char text[1000];

    (void) state;
    fill(text, sizeof(text));
    for (unsigned e = 0; e < MH_ENCODING_COUNT; e++) {
        struct codec *codec = NULL;

        if (!codec_has(e))
            continue;
        assert_int_equal(codec_new(e, sizeof(text), &codec, NULL), MH_OK);
        assert_int_equal(codec_add(codec, text, sizeof(text), true, refuse, NULL, NULL),
                         MH_NO_SPACE);
        codec_free(codec);
    }
    codec_free(NULL);
}

static void
test_what_a_build_lacks_is_refused(void **state)
{
    (void) state;
    assert_true(codec_has(MH_ENCODING_GZIP));
    for (unsigned e = 0; e < MH_ENCODING_COUNT; e++) {
        struct codec *codec = NULL;

        assert_int_equal((mh_encodings() >> e) & 1u, codec_has(e));
        if (!codec_has(e))
            assert_int_equal(codec_new(e, 1000, &codec, NULL), MH_UNSUPPORTED);
        assert_null(codec);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_the_sinks_failure_is_the_calls),
        cmocka_unit_test(test_what_a_build_lacks_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
