/* SPDX-License-Identifier: Apache-2.0 */
/* coding.c: which codings are which, and gzip in pieces of any size. */
#include "coding.h"

#include "unit.h"

static const struct {
    const char *field;
    enum coding coding;
} rows[] = {
    {NULL, CODING_IDENTITY},
    {"", CODING_IDENTITY},
    {"\r", CODING_IDENTITY},
    {"identity", CODING_IDENTITY},
    {" Identity , identity,", CODING_IDENTITY},
    {"gzip", CODING_GZIP},
    {"GZip", CODING_GZIP},
    {"x-gzip", CODING_GZIP},
    {"identity, gzip", CODING_GZIP},
    {"gzip,\tidentity", CODING_GZIP},
    {"gzip, gzip", CODING_OTHER},
    {"br", CODING_OTHER},
    {"gzip, br", CODING_OTHER},
    {"br, gzip", CODING_OTHER},
    {"deflate", CODING_OTHER},
    {"gzi", CODING_OTHER},
    {"gzipp", CODING_OTHER},
};

static void
test_fields(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].field ? rows[i].field : "NULL", coding_of(rows[i].field) == rows[i].coding);
}

/* printf 'hello hello hello' | gzip -n */
static const unsigned char hello[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9,
    0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00, 0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00,
};
static const char text[] = "hello hello hello";

/* Decode in pieces of `in` bytes into room for `out`. Returns the decoded length, or -1. */
static int
decode(const unsigned char *bytes, size_t n, size_t in, size_t out, char *ret, bool *ret_whole)
{
    struct gunzip *gunzip = gunzip_new();
    size_t total = 0;

    assert_non_null(gunzip);
    for (size_t at = 0; at < n; at += in) {
        const unsigned char *piece = bytes + at;
        size_t left = n - at < in ? n - at : in, got = out;

        while (left > 0 || got == out) {
            unsigned char room[64];
            size_t before = left;

            if (gunzip_step(gunzip, &piece, &left, room, out, &got, NULL) != MH_OK) {
                gunzip_free(gunzip);
                return -1;
            }
            memcpy(ret + total, room, got);
            total += got;
            if (got == 0 && left == before)
                break;
        }
    }
    *ret_whole = gunzip_is_whole(gunzip);
    gunzip_free(gunzip);
    return (int) total;
}

static void
test_pieces(void **state)
{
    (void) state;
    for (size_t in = 1; in <= sizeof(hello); in++)
        for (size_t out = 1; out <= 64; out += 7) {
            char found[64];
            bool is_whole = false;

            assert_int_equal(decode(hello, sizeof(hello), in, out, found, &is_whole), 17);
            assert_memory_equal(found, text, 17);
            assert_true(is_whole);
        }
}

static void
test_cuts_and_flips(void **state)
{
    (void) state;
    for (size_t n = 0; n < sizeof(hello); n++) {
        char found[64];
        bool is_whole = true;

        (void) decode(hello, n, 5, 64, found, &is_whole);
        assert_false(is_whole);
    }
    for (size_t at = 10; at < sizeof(hello); at++) {
        unsigned char flipped[sizeof(hello)];
        char found[2048];
        bool is_whole = false;

        memcpy(flipped, hello, sizeof(hello));
        flipped[at] ^= 0x10;
        assert_true(decode(flipped, sizeof(hello), 64, 64, found, &is_whole) < 0 || !is_whole);
    }
}

static void
test_members(void **state)
{
    unsigned char twice[2 * sizeof(hello) + 1] = {0};
    char found[64];
    bool is_whole = false;

    (void) state;
    memcpy(twice, hello, sizeof(hello));
    memcpy(twice + sizeof(hello), hello, sizeof(hello));
    for (size_t in = 1; in < sizeof(twice); in++) {
        assert_int_equal(decode(twice, 2 * sizeof(hello), in, 64, found, &is_whole), 34);
        assert_true(is_whole);
    }
    /* A byte behind the last one begins a member that never ends. */
    assert_true(decode(twice, sizeof(twice), 64, 64, found, &is_whole) < 0 || !is_whole);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_cuts_and_flips),
        cmocka_unit_test(test_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
