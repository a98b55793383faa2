/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"
#include "unit.h"

static const struct {
    enum hash_kind kind;
    size_t bytes;
    const char *of_abc;
    const char *of_nothing;
} kinds[] = {
    {HASH_SHA256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {HASH_MD5, 16, "900150983cd24fb0d6963f7d28e17f72", "d41d8cd98f00b204e9800998ecf8427e"},
    {HASH_SHA1, 20, "a9993e364706816aba3e25717850c26c9cd0d89d",
     "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {HASH_SHA512, 64,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
};

static void
check_end(struct hash *hash, size_t bytes, const char *wanted)
{
    uint8_t digest[HASH_MAX_BYTES];
    char hex[2 * HASH_MAX_BYTES + 1];

    hash_end(hash, digest);
    hex_encode(digest, bytes, hex);
    assert_string_equal(hex, wanted);
}

static void
digests_and_begins_anew(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct hash *hash = hash_new(kinds[i].kind);

        assert_non_null(hash);
        assert_int_equal(hash_bytes(kinds[i].kind), kinds[i].bytes);
        hash_add(hash, "a", 1);
        hash_add(hash, NULL, 0);
        hash_add(hash, "bc", 2);
        check_end(hash, kinds[i].bytes, kinds[i].of_abc);
        /* hash_end() resets. */
        check_end(hash, kinds[i].bytes, kinds[i].of_nothing);
        hash_add(hash, "abc", 3);
        check_end(hash, kinds[i].bytes, kinds[i].of_abc);
        hash_freep(&hash);
    }
    hash_free(NULL);
}

static void
sha256_at_once(void **state)
{
    uint8_t digest[32];
    char hex[65];

    (void) state;
    hash_sha256("abc", 3, digest);
    hex_encode(digest, 32, hex);
    assert_string_equal(hex, kinds[0].of_abc);
    hash_sha256(NULL, 0, digest);
    hex_encode(digest, 32, hex);
    assert_string_equal(hex, kinds[0].of_nothing);
}

static void
hex(void **state)
{
    static const char *const bad[] = {"", "00ff7", "00ff7g", "00ff7f0", "00ff7f00", " 0ff7f"};
    uint8_t bytes[3] = {9, 9, 9};

    (void) state;
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK(bad[i], !hex_decode(bad[i], bytes, 3));
    assert_int_equal(bytes[0], 9); /* untouched */
    assert_true(hex_decode("00Ff7a", bytes, 3));
    assert_memory_equal(bytes, "\x00\xFF\x7A", 3);
    assert_true(hex_decode("", bytes, 0));
}

static void
base64(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *bytes; /* NULL: refused */
    } rows[] = {
        {"", 0, ""},
        {"TQ==", 1, "M"},
        {"TWE=", 2, "Ma"},
        {"TWFu", 3, "Man"},
        {"TWFuTQ==", 4, "ManM"},
        {"+/+/", 3, "\xFB\xFF\xBF"},
        {"kAFQmDzST7DWlj99KOF/cg==", 16,
         "\x90\x01\x50\x98\x3C\xD2\x4F\xB0\xD6\x96\x3F\x7D\x28\xE1\x7F\x72"},
        {"TQ==", 2, NULL},
        {"TQ==", 3, NULL},
        {"TQ", 1, NULL},
        {"TQ=", 1, NULL},
        {"TR==", 1, NULL}, /* bits that nobody asked for */
        {"TWF=", 2, NULL},
        {"T===", 1, NULL},
        {"TWFu\n", 3, NULL},
        {"TW-_", 3, NULL},
        {"=Q==", 1, NULL},
        {"TWFuTQ==TWFu", 7, NULL},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[16];

        CHECK(rows[i].text,
              base64_decode(rows[i].text, bytes, rows[i].n) == (rows[i].bytes != NULL));
        if (rows[i].bytes != NULL)
            CHECK(rows[i].text, memcmp(bytes, rows[i].bytes, rows[i].n) == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_and_begins_anew),
        cmocka_unit_test(sha256_at_once),
        cmocka_unit_test(hex),
        cmocka_unit_test(base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
