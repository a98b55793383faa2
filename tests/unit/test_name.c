/* SPDX-License-Identifier: Apache-2.0 */
/* name.c: identities from targets and back, places, and what a manifest's paths are joined to. */
#include "name.h"

#include "mem.h"
#include "unit.h"

static const char *const hub_ignores[] = {"tfjs-format", NULL};

static const struct target_row {
    const char *below;
    bool ignores;
    const char *name; /* NULL: refused */
    enum mh_code code;
    const char *back; /* name_to_target(), where it is not `below` */
} target_rows[] = {
    {"a/model.json", false, "a/model.json", MH_OK, NULL},
    {"a%20b", false, "a b", MH_OK, NULL},
    {"a%2Fb", false, "a%2Fb", MH_OK, NULL},
    {"a%2fb", false, "a%2Fb", MH_OK, "a%2Fb"},
    {"100%25", false, "100%25", MH_OK, NULL},
    {"a%3Fb", false, "a?b", MH_OK, NULL},
    {"a%253Fb", false, "a%253Fb", MH_OK, NULL},
    {"caf%C3%A9", false, "caf\xC3\xA9", MH_OK, NULL},
    {"%FF", false, "\xFF", MH_OK, NULL},
    {"%6dodel.json", false, "model.json", MH_OK, "model.json"},
    {"a//b", false, "a//b", MH_OK, NULL},
    {"a/", false, "a/", MH_OK, NULL},
    {".well-known/x", false, ".well-known/x", MH_OK, NULL},
    {"conv:0@x", false, "conv:0@x", MH_OK, NULL},
    /* a query is part of the name */
    {"m.json?x=1", false, "m.json%3Fx=1", MH_OK, NULL},
    {"m.json?x=1&y=2", false, "m.json%3Fx=1&y=2", MH_OK, NULL},
    {"m.json?u=a/b", false, "m.json%3Fu=a%2Fb", MH_OK, NULL},
    {"m.json?u=a%2Fb", false, "m.json%3Fu=a%252Fb", MH_OK, NULL},
    {"m.json?x=../..", false, "m.json%3Fx=..%2F..", MH_OK, NULL},
    {"m.json?a=1?b=2", false, "m.json%3Fa=1?b=2", MH_OK, NULL},
    {"m.json?", false, "m.json", MH_OK, "m.json"},
    {"m.json?#f", false, "m.json", MH_OK, "m.json"},
    {"m.json#f", false, "m.json", MH_OK, "m.json"},
    {"m.json?x=1#f", false, "m.json%3Fx=1", MH_OK, "m.json?x=1"},
    {"m.json?&", false, "m.json%3F&", MH_OK, NULL},
    /* less what the mirror ignores */
    {"m.json?tfjs-format=file", true, "m.json", MH_OK, "m.json"},
    {"m.json?tfjs-format", true, "m.json", MH_OK, "m.json"},
    {"m.json?tfjs-format=file", false, "m.json%3Ftfjs-format=file", MH_OK, NULL},
    {"m.json?a=1&tfjs-format=file&b=2", true, "m.json%3Fa=1&b=2", MH_OK, "m.json?a=1&b=2"},
    {"m.json?tfjs-format=file&b=2", true, "m.json%3Fb=2", MH_OK, "m.json?b=2"},
    {"m.json?tfjs-format2=file", true, "m.json%3Ftfjs-format2=file", MH_OK, NULL},
    {"m.json?x=tfjs-format", true, "m.json%3Fx=tfjs-format", MH_OK, NULL},
    /* refused */
    {"", false, NULL, MH_BAD_INPUT, NULL},
    {"?x=1", false, NULL, MH_BAD_INPUT, NULL},
    {"#f", false, NULL, MH_BAD_INPUT, NULL},
    {"a/../b", false, NULL, MH_BAD_INPUT, NULL},
    {"a/%2e%2e/b", false, NULL, MH_BAD_INPUT, NULL},
    {"a%2F..%2Fb", false, NULL, MH_BAD_INPUT, NULL},
    {"./a", false, NULL, MH_BAD_INPUT, NULL},
    {"a%00", false, NULL, MH_BAD_INPUT, NULL},
    {"a\\b", false, NULL, MH_BAD_INPUT, NULL},
    {"a%5Cb", false, NULL, MH_BAD_INPUT, NULL},
    {"a%0Ab", false, NULL, MH_BAD_INPUT, NULL},
    {"100%", false, NULL, MH_BAD_INPUT, NULL},
    {"m.json?x=a b", false, NULL, MH_BAD_INPUT, NULL},
    {"m.json?x=\n", false, NULL, MH_BAD_INPUT, NULL},
    {".git/config", false, NULL, MH_NOT_FOUND, NULL},
    {"a/.env", false, NULL, MH_NOT_FOUND, NULL},
};

static void
test_target(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(target_rows); i++) {
        const struct target_row *row = &target_rows[i];
        struct mh_fault fault = {0};
        struct buf name = BUF_INIT(4096);
        struct buf target = BUF_INIT(4096);
        struct buf again = BUF_INIT(4096);
        enum mh_code code =
            name_from_target(row->below, row->ignores ? hub_ignores : NULL, &name, &fault);

        CHECK(row->below, code == row->code);
        CHECK(row->below, (code == MH_OK) == (fault.sentence[0] == '\0'));
        if (code == MH_OK) {
            CHECK_TEXT(row->below, buf_text(&name), row->name);
            name_to_target(buf_text(&name), &target);
            CHECK_TEXT(row->below, buf_text(&target), row->back ? row->back : row->below);
            CHECK(row->below, name_from_target(buf_text(&target), NULL, &again, NULL) == MH_OK);
            CHECK_TEXT(row->below, buf_text(&again), row->name);
        }
        buf_done(&name);
        buf_done(&target);
        buf_done(&again);
    }
}

static void
test_path_length(void **state)
{
    (void) state;
    assert_int_equal(name_path_length("a/b"), 3);
    assert_int_equal(name_path_length("a/b%3Fx=1"), 3);
    assert_int_equal(name_path_length("a%253F"), 6);
    assert_int_equal(name_path_length("a?b"), 3);
}

static const struct {
    const char *name;
    const char *text;
} text_rows[] = {
    {"a/model.json", "a/model.json"},
    {"a%2Fb%25%3Fx", "a%2Fb%25%3Fx"},
    {"caf\xC3\xA9 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xF0\x9F\x98\x80"},
    {"\xFF", "%FF"},
    {"\xC3", "%C3"},
    {"\xC3/", "%C3/"},
    {"\xC0\xAF", "%C0%AF"},        /* overlong */
    {"\xED\xA0\x80", "%ED%A0%80"}, /* a surrogate */
    {"\xF4\x90\x80\x80", "%F4%90%80%80"},
    {"\xE2\x82", "%E2%82"},
};

static void
test_text(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(text_rows); i++) {
        struct buf text = BUF_INIT(100);
        struct buf name = BUF_INIT(100);

        name_to_text(text_rows[i].name, &text);
        CHECK_TEXT(text_rows[i].text, buf_text(&text), text_rows[i].text);
        name_from_text(buf_text(&text), &name);
        CHECK_TEXT(text_rows[i].text, buf_text(&name), text_rows[i].name);
        buf_done(&text);
        buf_done(&name);
    }
}

static void
test_plain(void **state)
{
    static const struct {
        const char *name;
        bool is_plain;
    } rows[] = {
        {"model.json", true}, {"a/b/c.bin", true},
        {"a b?c%2F", true},   {"", false},
        {"a//b", false},      {"/a", false},
        {"a/", false},        {"..", false},
        {"a/../b", false},    {".", false},
        {"%", false},         {"%/x", false},
        {"...", true},        {".well-known/x", true},
        {"%25", true},
    };
    char component[NAME_MAX_BYTES + 2];
    char whole[NAME_MAX_TOTAL + 2];

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].name, name_is_plain(rows[i].name) == rows[i].is_plain);
    memset(component, 'a', sizeof(component));
    component[NAME_MAX_BYTES] = '\0';
    assert_true(name_is_plain(component));
    component[NAME_MAX_BYTES] = 'a';
    component[NAME_MAX_BYTES + 1] = '\0';
    assert_false(name_is_plain(component));
    for (size_t i = 0; i < sizeof(whole); i++)
        whole[i] = i % 2 ? '/' : 'a';
    whole[NAME_MAX_TOTAL - 1] = '\0';
    assert_true(name_is_plain(whole));
    whole[NAME_MAX_TOTAL - 1] = 'a';
    whole[NAME_MAX_TOTAL] = 'a';
    whole[NAME_MAX_TOTAL + 1] = '\0';
    assert_false(name_is_plain(whole));
}

static void
test_hashed_place(void **state)
{
    char place[NAME_PLACE_SIZE];

    (void) state;
    name_hashed_place("abc", place);
    assert_string_equal(place,
                        "%/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static const struct join_row {
    const char *manifest;
    const char *entry;
    const char *target; /* NULL: refused, and the sentence holds `why` */
    const char *why;
} join_rows[] = {
    {"a/model.json", "s.bin", "a/s.bin", NULL},
    {"model.json", "s.bin", "s.bin", NULL},
    {"a/model.json", "d/s.bin", "a/d/s.bin", NULL},
    {"a/model.json", "./s.bin", "a/s.bin", NULL},
    {"a/model.json", "././s.bin", "a/s.bin", NULL},
    {"a/model.json", "a b.bin", "a/a%20b.bin", NULL},
    {"a/model.json", "a%20b.bin", "a/a%20b.bin", NULL},
    {"a/model.json", "caf\xC3\xA9.bin", "a/caf%C3%A9.bin", NULL},
    {"a/model.json", "{a}\"<>`.bin", "a/%7Ba%7D%22%3C%3E%60.bin", NULL},
    {"a/model.json", "conv1:0.bin", "a/conv1:0.bin", NULL},
    {"a%20b/model.json", "s.bin", "a%20b/s.bin", NULL},
    {"a/4/", "s.bin", "a/4/s.bin", NULL},
    /* the query goes with every shard, as TF.js has it */
    {"a/model.json?x=1&y=2", "s.bin", "a/s.bin?x=1&y=2", NULL},
    {"a/model.json?a=1?b=2", "s.bin", "a/s.bin?b=2", NULL},
    {"a/model.json?u=https://q/z", "s.bin", "a/s.bin?u=https://q/z", NULL},
    {"a/model.json?x=1#f", "s.bin", "a/s.bin?x=1", NULL},
    {"a/model.json#f/g", "s.bin", "a/s.bin", NULL},
    /* as hostile as a client's */
    {"a/model.json", "", NULL, "is empty"},
    {"a/model.json", "./", NULL, "names no file"},
    {"a/model.json", "/abs.bin", NULL, "is absolute"},
    {"a/model.json", "//evil.example/x", NULL, "is absolute"},
    {"a/model.json", "https://evil.example/x", NULL, "names another place"},
    {"a/model.json", "HTTPS:evil", NULL, "names another place"},
    {"a/model.json", "x-y+z.1:/x", NULL, "names another place"},
    {"a/model.json", "data:,x", NULL, "names another place"},
    {"a/model.json", "../up.bin", NULL, "../up.bin"},
    {"a/model.json", "d/../../up.bin", NULL, "up.bin"},
    {"a/model.json", "%2e%2e/up.bin", NULL, "up.bin"},
    {"a/model.json", "..%2Fup.bin", NULL, "up.bin"},
    {"a/model.json", "..\\up.bin", NULL, "backslash"},
    {"a/model.json", "a%5Cb", NULL, "backslash"},
    {"a/model.json", "a?b", NULL, "'?' or '#'"},
    {"a/model.json", "a#b", NULL, "'?' or '#'"},
    {"a/model.json", "a\nb", NULL, "control"},
    {"a/model.json", "a%00b", NULL, "a%00b"},
    {"a/model.json", ".hidden", NULL, ".hidden"},
    {"a/model.json", "100%.bin", NULL, "percent"},
};

static void
test_join(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(join_rows); i++) {
        const struct join_row *row = &join_rows[i];
        struct mh_fault fault = {0};
        struct buf target = BUF_INIT(4096);
        enum mh_code code = name_join(row->manifest, row->entry, &target, &fault);

        CHECK(row->entry, code == (row->target ? MH_OK : MH_BAD_INPUT));
        if (row->target)
            CHECK_TEXT(row->entry, buf_text(&target), row->target);
        else
            CHECK(row->entry, strstr(fault.sentence, row->why));
        buf_done(&target);
    }
}

static void
test_join_ceiling(void **state)
{
    char entry[1026];
    struct buf target = BUF_INIT(4096);

    (void) state;
    memset(entry, 'a', sizeof(entry));
    entry[1025] = '\0';
    assert_int_equal(name_join("m", entry, &target, NULL), MH_BAD_INPUT);
    entry[1024] = '\0';
    assert_int_equal(name_join("m", entry, &target, NULL), MH_OK);
    buf_done(&target);
}

/* Names of any bytes: what name_from_target() gives survives the way to a target and back. */
static void
test_round_trip(void **state)
{
    static const char alphabet[] = "ab/%?&=#.2F5eE3\xC3\xA9 :@+~";
    uint64_t seed = test_seed();

    (void) state;
    for (int round = 0; round < 20000; round++) {
        char below[24];
        size_t n = test_random(&seed) % (sizeof(below) - 1);
        struct buf name = BUF_INIT(400);
        struct buf target = BUF_INIT(400);
        struct buf again = BUF_INIT(400);

        for (size_t i = 0; i < n; i++)
            below[i] = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];
        below[n] = '\0';
        if (name_from_target(below, NULL, &name, NULL) == MH_OK) {
            name_to_target(buf_text(&name), &target);
            CHECK(below, name_from_target(buf_text(&target), NULL, &again, NULL) == MH_OK);
            CHECK_TEXT(below, buf_text(&again), buf_text(&name));
        }
        buf_done(&name);
        buf_done(&target);
        buf_done(&again);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target),       cmocka_unit_test(test_path_length),
        cmocka_unit_test(test_text),         cmocka_unit_test(test_plain),
        cmocka_unit_test(test_hashed_place), cmocka_unit_test(test_join),
        cmocka_unit_test(test_join_ceiling), cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
