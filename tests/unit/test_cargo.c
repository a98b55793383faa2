/* SPDX-License-Identifier: Apache-2.0 */
/* cargo.c: an archive's manifest; what is written is read again, and nothing else is believed. */
#include "mem.h"
#include "unit.h"

#include <modelhost/cargo.h>

#define HASH "\"00000000000000000000000000000000000000000000000000000000000000ff\""
#define FILE_OF(path)                                                                              \
    "{\"path\":" path ",\"target\":\"a\",\"url\":\"http://h/a\",\"bytes\":1,\"sha256\":" HASH "}"
#define CARGO_OF(files) "{\"format\":\"modelhost-archive\",\"version\":1,\"files\":[" files "]}"

static void
test_written_is_read(void **state)
{
    struct mh_cargo_file files[] = {
        {.path = (char *) (uintptr_t) "m/a/model.json",
         .target = (char *) (uintptr_t) "a/model.json?x=1",
         .url = (char *) (uintptr_t) "https://h/a/model.json?x=1",
         .etag = (char *) (uintptr_t) "\"e\"",
         .last_modified = (char *) (uintptr_t) "Sun, 06 Nov 1994 08:49:37 GMT",
         .bytes = 1234567890123,
         .sha256 = {0xAB, [31] = 1},
         .mtime_ns = INT64_C(1700000000123456789)},
        {.path = (char *) (uintptr_t) "m/b\xC3\xA4",
         .target = (char *) (uintptr_t) "b",
         .url = (char *) (uintptr_t) "https://h/b",
         .bytes = 1},
    };
    struct mh_cargo cargo = {files, 2, 0};
    struct mh_cargo again = {0};
    char *text = NULL;
    size_t n = 0;

    assert_int_equal(mh_cargo_write(&cargo, &text, &n, NULL), MH_OK);
    assert_int_equal(strlen(text), n);
    assert_int_equal(mh_cargo_read(text, n, &again, NULL), MH_OK);
    assert_int_equal(again.count, 2);
    assert_true(again.bytes == UINT64_C(1234567890124));
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(again.files[i].path, files[i].path);
        assert_string_equal(again.files[i].target, files[i].target);
        assert_string_equal(again.files[i].url, files[i].url);
        assert_memory_equal(again.files[i].sha256, files[i].sha256, 32);
        assert_true(again.files[i].bytes == files[i].bytes);
        assert_true(again.files[i].mtime_ns == files[i].mtime_ns);
    }
    assert_string_equal(again.files[0].etag, "\"e\"");
    assert_null(again.files[1].etag);
    mh_cargo_done(&again);
    mh_cargo_done(&again); /* twice does no harm */
    mem_free(text);
}

static const struct {
    const char *text;
    enum mh_code code;
    const char *said;
} refused[] = {
    {"", MH_CORRUPT, "MODELHOST.json"},
    {"[]", MH_CORRUPT, "not one that"},
    {"{\"format\":\"other\",\"version\":1,\"files\":[]}", MH_CORRUPT, "not one that"},
    {"{\"format\":\"modelhost-archive\",\"files\":[]}", MH_CORRUPT, "not one that"},
    {"{\"format\":\"modelhost-archive\",\"version\":2,\"files\":[]}", MH_UNSUPPORTED, "newer"},
    {CARGO_OF(""), MH_CORRUPT, "names no files"},
    {CARGO_OF("{}"), MH_CORRUPT, "files[0] has no 'path'"},
    {CARGO_OF(FILE_OF("7")), MH_CORRUPT, "files[0] has no 'path'"},
    {CARGO_OF(FILE_OF("\"\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m/\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"/m/a\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m//a\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"../a\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m/../a\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m/..\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m/./a\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m/a\\\\b\"")), MH_CORRUPT, "not plainly below"},
    {CARGO_OF(FILE_OF("\"m/a\\u0000b\"")), MH_CORRUPT, "MODELHOST.json"},
    {CARGO_OF(FILE_OF("\"m/a\\r\\nb\"")), MH_CORRUPT, "control byte"},
    {CARGO_OF(FILE_OF("\"m/a\"") "," FILE_OF("\"m/a\"")), MH_CORRUPT, "path of another"},
    {CARGO_OF("{\"path\":\"m/a\",\"target\":\"a\",\"url\":\"u\",\"bytes\":-1,\"sha256\":" HASH "}"),
     MH_CORRUPT, "no length"},
    {CARGO_OF("{\"path\":\"m/a\",\"target\":\"a\",\"url\":\"u\",\"bytes\":1,\"sha256\":\"ff\"}"),
     MH_CORRUPT, "no sha256"},
    {CARGO_OF("{\"path\":\"m/a\",\"url\":\"u\",\"bytes\":1,\"sha256\":" HASH "}"), MH_CORRUPT,
     "no 'target'"},
    {CARGO_OF("{\"path\":\"m/a\",\"target\":\"a\",\"url\":\"u\",\"bytes\":1,\"sha256\":" HASH
              ",\"etag\":\"\\\"x\\\"\\r\\nX: y\"}"),
     MH_CORRUPT, "control byte"},
};

static void
test_refused(void **state)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct mh_cargo cargo = {0};
        struct mh_fault fault = {0};
        enum mh_code code = mh_cargo_read(refused[i].text, strlen(refused[i].text), &cargo, &fault);

        if (code != refused[i].code || strstr(fault.sentence, refused[i].said) == NULL)
            fail_msg("%s: code %d, \"%s\"", refused[i].text, (int) code, fault.sentence);
        assert_null(cargo.files);
    }
}

/* A server that makes its ETag of time and length must not give two contents the same. */
static void
test_time_follows_content(void **state)
{
    struct mh_cargo_file a = {.bytes = 1, .sha256 = {1, 2, 3, 4}};
    struct mh_cargo_file b = {.bytes = 1, .sha256 = {1, 2, 3, 5}};

    assert_true(mh_cargo_time(&a) == mh_cargo_time(&a));
    assert_true(mh_cargo_time(&a) != mh_cargo_time(&b));
    assert_true(mh_cargo_time(&a) > 0);
    a.last_modified = (char *) (uintptr_t) "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_true(mh_cargo_time(&a) == 784111777);
    a.last_modified = (char *) (uintptr_t) "yesterday";
    assert_true(mh_cargo_time(&a) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_is_read),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_time_follows_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
