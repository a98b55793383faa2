/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.c: what betrays a wrong body, and what must not be taken for one. */
#include "sniff.h"

#include "unit.h"

static void
test_kinds(void **state)
{
    static const struct {
        const char *path;
        bool is_shard;
        enum sniff_kind kind;
    } rows[] = {
        {"a/model.json", false, SNIFF_KIND_JSON},
        {"a/MODEL.JSON", false, SNIFF_KIND_JSON},
        {"a/model.json", true, SNIFF_KIND_BINARY},
        {"a/s.bin", false, SNIFF_KIND_BINARY},
        {"a/group1-shard1of1", false, SNIFF_KIND_BINARY},
        {"a.json/shard", false, SNIFF_KIND_BINARY},
        {"x.js", false, SNIFF_KIND_TEXT},
        {"vocab.txt", false, SNIFF_KIND_TEXT},
        {"README.md", false, SNIFF_KIND_MARKUP},
        {"x.svg", false, SNIFF_KIND_MARKUP},
        {"x.tar.gz", false, SNIFF_KIND_ARCHIVE},
        {"x.tar.gz", true, SNIFF_KIND_BINARY},
        {"x.tflite", false, SNIFF_KIND_BINARY},
        {"model.json%3Fx=.bin", false, SNIFF_KIND_JSON},
        {"", false, SNIFF_KIND_BINARY},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].path, sniff_kind_of(rows[i].path, rows[i].is_shard) == rows[i].kind);
}

#define GZIP "\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\x01\x02\x03\x04\x05\x06\x07\x08\x09"
#define LFS  "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 1234\n"

static const struct {
    const char *what;
    enum sniff_kind kind;
    const char *bytes;
    size_t n; /* 0: strlen */
    enum sniff_verdict verdict;
} rows[] = {
    {"doctype", SNIFF_KIND_BINARY, "<!DOCTYPE html><html>", 0, SNIFF_HTML},
    {"doctype alone", SNIFF_KIND_BINARY, "<!doctype html", 0, SNIFF_HTML},
    {"html", SNIFF_KIND_BINARY, "\n\t <HTML lang=en>", 0, SNIFF_HTML},
    {"html after a mark", SNIFF_KIND_BINARY, "\xEF\xBB\xBF<html>", 0, SNIFF_HTML},
    {"html after a comment", SNIFF_KIND_BINARY, "<!-- a -->\n<!-- b --><head>", 0, SNIFF_HTML},
    {"html for js", SNIFF_KIND_TEXT, "<html><body>404", 0, SNIFF_HTML},
    {"html for JSON", SNIFF_KIND_JSON, "<html><body>404", 0, SNIFF_HTML},
    {"html for zip", SNIFF_KIND_ARCHIVE, "<html><body>404", 0, SNIFF_HTML},
    {"html for html", SNIFF_KIND_MARKUP, "<html><body>404", 0, SNIFF_FINE},
    {"latin-1 html", SNIFF_KIND_BINARY, "<html><body>caf\xE9", 0, SNIFF_HTML},
    {"weights like html", SNIFF_KIND_BINARY, "<html>\x00\x01\x02", 9, SNIFF_FINE},
    {"another word", SNIFF_KIND_BINARY, "<htmlx>", 0, SNIFF_FINE},
    {"declaration", SNIFF_KIND_BINARY,
     "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>", 0, SNIFF_XML},
    {"a bucket's error", SNIFF_KIND_BINARY, "<Error><Code>AccessDenied</Code></Error>", 0,
     SNIFF_XML},
    {"xmlns", SNIFF_KIND_BINARY, "<ListBucketResult xmlns=\"http://s3\">", 0, SNIFF_XML},
    {"any with xmlns", SNIFF_KIND_TEXT, "<thing xmlns=\"x\">", 0, SNIFF_XML},
    {"xml for svg", SNIFF_KIND_MARKUP, "<?xml version='1.0'?><svg>", 0, SNIFF_FINE},
    {"xml for JSON", SNIFF_KIND_JSON, "<anything>", 0, SNIFF_XML},
    {"a vocabulary", SNIFF_KIND_TEXT, "<unk>\n<s>\n</s>\nthe\n", 0, SNIFF_FINE},
    {"a vocabulary without extension", SNIFF_KIND_BINARY, "<pad>\n<unk>\n", 0, SNIFF_FINE},
    {"pointer", SNIFF_KIND_BINARY, LFS, 0, SNIFF_LFS_POINTER},
    {"pointer for JSON", SNIFF_KIND_JSON, LFS, 0, SNIFF_LFS_POINTER},
    {"pointer for md", SNIFF_KIND_MARKUP, LFS, 0, SNIFF_LFS_POINTER},
    {"pointer for zip", SNIFF_KIND_ARCHIVE, LFS, 0, SNIFF_LFS_POINTER},
    {"gzip", SNIFF_KIND_BINARY, GZIP, sizeof(GZIP) - 1, SNIFF_GZIP},
    {"gzip for JSON", SNIFF_KIND_JSON, GZIP, sizeof(GZIP) - 1, SNIFF_GZIP},
    {"gzip for html", SNIFF_KIND_MARKUP, GZIP, sizeof(GZIP) - 1, SNIFF_GZIP},
    {"gzip for gz", SNIFF_KIND_ARCHIVE, GZIP, sizeof(GZIP) - 1, SNIFF_FINE},
    {"too short for gzip", SNIFF_KIND_BINARY, GZIP, 17, SNIFF_FINE},
    {"reserved flag", SNIFF_KIND_BINARY, "\x1F\x8B\x08\xE0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0", 18,
     SNIFF_FINE},
    {"no such system", SNIFF_KIND_BINARY, "\x1F\x8B\x08\0\0\0\0\0\0\x77\0\0\0\0\0\0\0\0", 18,
     SNIFF_FINE},
    {"empty", SNIFF_KIND_BINARY, "", 0, SNIFF_FINE},
    {"text", SNIFF_KIND_BINARY, "Not Found", 0, SNIFF_FINE},
    {"JSON", SNIFF_KIND_JSON, "{\"a\":1}", 0, SNIFF_FINE},
    {"an open comment", SNIFF_KIND_TEXT, "<!-- never closed", 0, SNIFF_FINE},
};

static void
test_verdicts(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = rows[i].n ? rows[i].n : strlen(rows[i].bytes);
        /* In a block of its own length, so that reading beyond it is seen. */
        char *bytes = malloc(n ? n : 1);

        assert_non_null(bytes);
        memcpy(bytes, rows[i].bytes, n);
        CHECK(rows[i].what, sniff(rows[i].kind, bytes, n) == rows[i].verdict);
        free(bytes);
    }
    assert_string_equal(sniff_text(SNIFF_HTML), "an HTML page");
    assert_string_equal(sniff_text(SNIFF_LFS_POINTER), "a git-lfs pointer");
}

static void
test_random_weights(void **state)
{
    uint64_t seed = test_seed();

    (void) state;
    for (int round = 0; round < 20000; round++) {
        uint64_t block[SNIFF_BYTES / 8];

        for (size_t i = 0; i < COUNT(block); i++)
            block[i] = test_random(&seed);
        assert_int_equal(sniff(SNIFF_KIND_BINARY, block, sizeof(block)), SNIFF_FINE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_random_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
