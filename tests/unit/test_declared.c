/* SPDX-License-Identifier: Apache-2.0 */
/* declared.c: which header declares which hash, and which only looks so. */
#include "declared.h"

#include "unit.h"

/* sha256 and md5 of "abc". */
#define SHA_HEX   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_B64   "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define MD5_HEX   "900150983cd24fb0d6963f7d28e17f72"
#define MD5_B64   "kAFQmDzST7DWlj99KOF/cg=="
#define SHA_OTHER "\"0000000000000000000000000000000000000000000000000000000000000000\""

static const struct {
    const char *what;
    struct declared_headers headers;
    const char *source; /* NULL: nothing is declared */
    enum hash_kind kind;
} rows[] = {
    {"nothing", {0}, NULL, 0},
    {"repr-digest", {.repr_digest = "sha-256=:" SHA_B64 ":"}, "Repr-Digest", HASH_SHA256},
    {"several",
     {.repr_digest = "md5=:" MD5_B64 ":, sha-256=:" SHA_B64 ":;q=1 , x=1"},
     "Repr-Digest",
     HASH_SHA256},
    {"content-digest", {.content_digest = "sha-256=:" SHA_B64 ":"}, "Content-Digest", HASH_SHA256},
    {"no colons", {.repr_digest = "sha-256=" SHA_B64}, NULL, 0},
    {"too short", {.repr_digest = "sha-256=:" MD5_B64 ":"}, NULL, 0},
    {"empty", {.repr_digest = "sha-256=::"}, NULL, 0},
    {"one colon", {.repr_digest = "sha-256=:"}, NULL, 0},
    {"old prefix", {.repr_digest = "xsha-256=:" SHA_B64 ":"}, NULL, 0},
    {"linked", {.x_linked_etag = "\"" SHA_HEX "\""}, "X-Linked-Etag", HASH_SHA256},
    {"linked and etag",
     {.x_linked_etag = "\"" SHA_HEX "\"", .etag = "\"" MD5_HEX "\""},
     "X-Linked-Etag",
     HASH_SHA256},
    {"etag 64", {.etag = "\"" SHA_HEX "\""}, "ETag", HASH_SHA256},
    {"etag 64 beats md5",
     {.etag = "\"" SHA_HEX "\"", .x_goog_hash = "md5=" MD5_B64},
     "ETag",
     HASH_SHA256},
    {"weak etag", {.etag = "W/\"" SHA_HEX "\""}, NULL, 0},
    {"no quotes", {.etag = SHA_HEX "xx"}, NULL, 0},
    {"not hex", {.etag = "\"g" MD5_HEX "\""}, NULL, 0},
    {"goog", {.x_goog_hash = "crc32c=n03x6A==, md5=" MD5_B64}, "x-goog-hash", HASH_MD5},
    {"goog without blanks",
     {.x_goog_hash = "md5=" MD5_B64 ",crc32c=n03x6A=="},
     "x-goog-hash",
     HASH_MD5},
    {"goog without md5", {.x_goog_hash = "crc32c=n03x6A=="}, NULL, 0},
    {"goog too short", {.x_goog_hash = "md5=n03x6A=="}, NULL, 0},
    {"etag 32", {.etag = "\"" MD5_HEX "\""}, "ETag", HASH_MD5},
    {"weak etag 32", {.etag = "W/\"" MD5_HEX "\""}, NULL, 0},
    {"multipart", {.etag = "\"" MD5_HEX "-3\""}, NULL, 0},
    {"other etag", {.etag = "\"5e1-5f8\""}, NULL, 0},
    {"goog beats etag 32",
     {.x_goog_hash = "md5=" MD5_B64, .etag = "\"00000000000000000000000000000000\""},
     "x-goog-hash",
     HASH_MD5},
    {"a malformed one hides nothing",
     {.repr_digest = "sha-256=:!:", .etag = "\"" SHA_HEX "\""},
     "ETag",
     HASH_SHA256},
    {"repr beats all",
     {.repr_digest = "sha-256=:" SHA_B64 ":", .x_linked_etag = SHA_OTHER, .etag = SHA_OTHER},
     "Repr-Digest",
     HASH_SHA256},
};

static void
test_rows(void **state)
{
    uint8_t sha[32];
    uint8_t md5[16];

    (void) state;
    assert_true(hex_decode(SHA_HEX, sha, sizeof(sha)));
    assert_true(hex_decode(MD5_HEX, md5, sizeof(md5)));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct declared declared = {.is_known = true, .source = "left over"};

        declared_read(&rows[i].headers, &declared);
        CHECK(rows[i].what, declared.is_known == (rows[i].source != NULL));
        if (!rows[i].source)
            continue;
        CHECK_TEXT(rows[i].what, declared.source, rows[i].source);
        CHECK(rows[i].what, declared.kind == rows[i].kind);
        CHECK(rows[i].what, memcmp(declared.digest, rows[i].kind == HASH_MD5 ? md5 : sha,
                                   hash_bytes(rows[i].kind)) == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
