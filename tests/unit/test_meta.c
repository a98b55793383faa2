/* SPDX-License-Identifier: Apache-2.0 */
/* meta.c: what is written is read again, and what was damaged is refused by name. */
#include "meta.h"

#include "mem.h"
#include "unit.h"

static struct meta
sample(void)
{
    struct meta meta = {
        .name = str_dup("a/model.json%3Fx=1"),
        .target = str_dup("a/model.json?x=1"),
        .url = str_dup("https://h/a/model.json?x=1"),
        .bytes = 123456789012,
        .mtime_ns = 1700000000123456789,
        .sha256 = {0xAB, [31] = 0x01},
        .etag = str_dup("\"e\\tag\""),
        .last_modified = str_dup("Sun, 06 Nov 1994 08:49:37 GMT"),
        .generation = str_dup("1571334"),
        .content_type = str_dup("application/json"),
        .cache_control = str_dup("public, max-age=3600"),
        .fetched_at = 1700000001,
        .validated_at = 1700000002,
        .used_at = 1700000003,
        .is_pinned = true,
        .format = str_dup("tfjs"),
        .parts = mem_calloc(2, sizeof(struct meta_part)),
        .part_count = 2,
        .group_bytes = mem_calloc(2, sizeof(uint64_t)),
        .group_count = 2,
    };

    meta.parts[0] = (struct meta_part){str_dup("a/s1"), str_dup("a/s1?x"), 0};
    meta.parts[1] = (struct meta_part){str_dup("a/s2\xFF"), str_dup("a/s2%FF"), 1};
    meta.group_bytes[0] = 42;
    meta.group_bytes[1] = UINT64_MAX;
    return meta;
}

static void
assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void
assert_same(const struct meta *a, const struct meta *b)
{
    assert_same_text(a->name, b->name);
    assert_same_text(a->target, b->target);
    assert_same_text(a->url, b->url);
    assert_true(a->bytes == b->bytes);
    assert_true(a->mtime_ns == b->mtime_ns);
    assert_memory_equal(a->sha256, b->sha256, 32);
    assert_same_text(a->etag, b->etag);
    assert_same_text(a->last_modified, b->last_modified);
    assert_same_text(a->generation, b->generation);
    assert_same_text(a->content_type, b->content_type);
    assert_same_text(a->cache_control, b->cache_control);
    assert_true(a->fetched_at == b->fetched_at);
    assert_true(a->validated_at == b->validated_at);
    assert_true(a->used_at == b->used_at);
    assert_true(a->is_pinned == b->is_pinned);
    assert_same_text(a->format, b->format);
    assert_int_equal(a->part_count, b->part_count);
    for (size_t i = 0; i < a->part_count; i++) {
        assert_same_text(a->parts[i].name, b->parts[i].name);
        assert_same_text(a->parts[i].target, b->parts[i].target);
        assert_int_equal(a->parts[i].group, b->parts[i].group);
    }
    assert_int_equal(a->group_count, b->group_count);
    for (size_t i = 0; i < a->group_count; i++)
        assert_true(a->group_bytes[i] == b->group_bytes[i]);
}

static void
assert_survives(const struct meta *meta)
{
    struct buf text = BUF_INIT(1 << 16);
    struct mh_fault fault = {0};
    struct meta back = {0};

    meta_write(meta, &text);
    assert_true(buf_is_ok(&text));
    if (meta_read(buf_text(&text), text.length, &back, &fault) != MH_OK)
        fail_msg("%s: %s", fault.sentence, buf_text(&text));
    assert_same(meta, &back);
    meta_done(&back);
    buf_done(&text);
}

static void
test_round_trip(void **state)
{
    struct meta meta = sample();

    (void) state;
    assert_survives(&meta);
    meta.mtime_ns = -1;
    meta.used_at = 0;
    meta.is_pinned = false;
    assert_survives(&meta);
    mem_free(meta.name);
    meta.name = str_dup("caf\xC3\xA9/\xFF\xC3%2F");
    assert_survives(&meta);
    meta_done(&meta);
    assert_null(meta.name);
}

static void
test_plain_object(void **state)
{
    struct meta meta = {.name = str_dup("s.bin"), .target = str_dup("s.bin"), .url = str_dup("u")};

    (void) state;
    assert_survives(&meta);
    meta_done(&meta);
}

/* A validator that cannot be written exactly is left out. */
static void
test_validator_bytes(void **state)
{
    struct meta meta = {.name = str_dup("s"),
                        .target = str_dup("s"),
                        .url = str_dup("u"),
                        .etag = str_dup("\"\xE9\""),
                        .last_modified = str_dup("x")};
    struct buf text = BUF_INIT(1 << 16);
    struct meta back = {0};

    (void) state;
    meta_write(&meta, &text);
    assert_int_equal(meta_read(buf_text(&text), text.length, &back, NULL), MH_OK);
    assert_null(back.etag);
    assert_string_equal(back.last_modified, "x");
    meta_done(&back);
    meta_done(&meta);
    buf_done(&text);
}

static void
test_copy(void **state)
{
    struct meta meta = sample();
    struct meta copy = {0};

    (void) state;
    assert_int_equal(meta_copy(&meta, &copy), MH_OK);
    assert_same(&meta, &copy);
    assert_ptr_not_equal(meta.name, copy.name);
    meta_done(&meta);
    assert_string_equal(copy.parts[0].name, "a/s1");
    meta_done(&copy);
}

#define HEAD  "{\"name\":\"n\",\"target\":\"t\",\"url\":\"u\","
#define SHA   "\"sha256\":\"00000000000000000000000000000000000000000000000000000000000000ff\","
#define TIMES "\"fetched_at\":1,\"validated_at\":2,\"used_at\":3"
#define GOOD  HEAD "\"bytes\":1,\"mtime_ns\":\"5\"," SHA TIMES

static const struct {
    const char *text;
    const char *says; /* NULL: it is fine */
} rows[] = {
    {GOOD "}", NULL},
    {GOOD ",\"unknown\":[1]}", NULL},
    {GOOD ",\"etag\":null}", NULL},
    {GOOD ",\"format\":\"tfjs\",\"groups\":[],\"parts\":[]}", NULL},
    {"", "empty"},
    {"{", ""},
    {GOOD, ""},
    {"[]", "no JSON object"},
    {"{\"target\":\"t\",\"url\":\"u\",\"bytes\":1,\"mtime_ns\":\"5\"," SHA TIMES "}", "\"name\""},
    {"{\"name\":\"\",\"target\":\"t\",\"url\":\"u\",\"bytes\":1,\"mtime_ns\":\"5\"," SHA TIMES "}",
     "\"name\""},
    {HEAD "\"mtime_ns\":\"5\"," SHA TIMES "}", "\"bytes\""},
    {HEAD "\"bytes\":-1,\"mtime_ns\":\"5\"," SHA TIMES "}", "\"bytes\""},
    {HEAD "\"bytes\":1,\"mtime_ns\":5," SHA TIMES "}", "\"mtime_ns\""},
    {HEAD "\"bytes\":1,\"mtime_ns\":\"5x\"," SHA TIMES "}", "\"mtime_ns\""},
    {HEAD "\"bytes\":1,\"mtime_ns\":\"9223372036854775808\"," SHA TIMES "}", "\"mtime_ns\""},
    {HEAD "\"bytes\":1,\"mtime_ns\":\"5\",\"sha256\":\"ff\"," TIMES "}", "\"sha256\""},
    {HEAD "\"bytes\":1,\"mtime_ns\":\"5\"," SHA "\"fetched_at\":1,\"validated_at\":2}",
     "\"used_at\""},
    {HEAD "\"bytes\":1,\"mtime_ns\":\"5\"," SHA
          "\"fetched_at\":1.5,\"validated_at\":2,\"used_at\":3}",
     "\"fetched_at\""},
    {GOOD ",\"etag\":3}", "\"etag\""},
    {GOOD ",\"format\":\"tfjs\",\"parts\":[]}", "\"groups\""},
    {GOOD ",\"format\":\"tfjs\",\"groups\":[-1],\"parts\":[]}", "\"groups\""},
    {GOOD ",\"format\":\"tfjs\",\"groups\":[1]}", "\"parts\""},
    {GOOD ",\"format\":\"tfjs\",\"groups\":[1],\"parts\":[{\"name\":\"a\",\"target\":\"b\","
          "\"group\":1}]}",
     "parts[].group"},
    {GOOD ",\"format\":\"tfjs\",\"groups\":[1],\"parts\":[{\"target\":\"b\",\"group\":0}]}",
     "parts[].name"},
    {GOOD ",\"format\":\"tfjs\",\"groups\":[1],\"parts\":[3]}", "parts[].name"},
};

static void
test_damage(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct meta meta = {0};
        struct mh_fault fault = {0};
        enum mh_code code = meta_read(rows[i].text, strlen(rows[i].text), &meta, &fault);

        CHECK(rows[i].text, code == (rows[i].says ? MH_CORRUPT : MH_OK));
        CHECK(rows[i].text, !rows[i].says || strstr(fault.sentence, rows[i].says));
        CHECK(rows[i].text, (meta.name == NULL) == (code != MH_OK));
        meta_done(&meta);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_plain_object),
        cmocka_unit_test(test_validator_bytes), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
