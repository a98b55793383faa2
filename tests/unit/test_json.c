/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include "unit.h"

static struct json *
parse(const char *text)
{
    struct json *tree = NULL;
    struct mh_fault fault;
    enum mh_code code = json_parse(text, strlen(text), &tree, &fault);

    if (code != MH_OK)
        fail_msg("\"%s\": %s", text, fault.sentence);
    return tree;
}

static void
a_tree(void **state)
{
    scoped(json_freep) struct json *tree =
        parse("\xEF\xBB\xBF{\"s\":\"a\\u00e4\\ud83d\\ude00\",\"n\":-1.5,\"t\":true,\"f\":false,"
              "\"z\":null,\"a\":[1,\"x\",[]],\"o\":{\"S\":1}}");
    const struct json *item = json_first(json_get(tree, "a"));

    (void) state;
    assert_int_equal(json_kind_of(tree), JSON_OBJECT);
    assert_int_equal(json_count(tree), 7);
    assert_string_equal(json_string(json_get(tree, "s")), "a\xC3\xA4\xF0\x9F\x98\x80");
    assert_true(json_number(json_get(tree, "n"), 0) < -1.4);
    assert_true(json_bool(json_get(tree, "t"), false));
    assert_false(json_bool(json_get(tree, "f"), true));
    assert_int_equal(json_kind_of(json_get(tree, "t")), JSON_BOOL);
    assert_int_equal(json_kind_of(json_get(tree, "z")), JSON_NULL);
    assert_null(json_get(tree, "S")); /* case-sensitive */
    assert_string_equal(json_name(json_first(json_get(tree, "o"))), "S");
    assert_int_equal(json_count(json_get(tree, "a")), 3);
    assert_int_equal(json_kind_of(item), JSON_NUMBER);
    assert_null(json_name(item));
    item = json_next(item);
    assert_string_equal(json_string(item), "x");
    item = json_next(item);
    assert_int_equal(json_kind_of(item), JSON_ARRAY);
    assert_null(json_first(item));
    assert_null(json_next(item));
    assert_null(json_next(tree));
}

static void
absent_and_wrong_kinds(void **state)
{
    scoped(json_freep) struct json *tree = parse("[\"x\"]");
    uint64_t got = 5;

    (void) state;
    assert_int_equal(json_kind_of(NULL), JSON_NONE);
    assert_null(json_get(NULL, "a"));
    assert_null(json_get(tree, "a"));
    assert_null(json_first(NULL));
    assert_null(json_first(json_first(tree)));
    assert_null(json_next(NULL));
    assert_null(json_name(NULL));
    assert_int_equal(json_count(NULL), 0);
    assert_int_equal(json_count(json_first(tree)), 0);
    assert_null(json_string(NULL));
    assert_null(json_string(tree));
    assert_true(json_number(tree, 2) > 1.9);
    assert_true(json_bool(tree, true));
    assert_false(json_bool(NULL, false));
    assert_false(json_uint(tree, &got));
    assert_false(json_uint(NULL, &got));
    assert_int_equal(got, 5);
    json_free(NULL);
}

static void
unsigned_integers(void **state)
{
    static const struct {
        const char *text;
        bool is_ok;
        uint64_t wanted;
    } rows[] = {
        {"0", true, 0},
        {"\xEF\xBB\xBF"
         "7",
         true, 7},
        {"-0", true, 0},
        {"4194304", true, 4194304},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"4294967296", true, UINT64_C(4294967296)},
        {"9007199254740991", true, UINT64_C(9007199254740991)},
        {"9007199254740992", false, 0},
        {"9007199254740993", false, 0},
        {"1e300", false, 0},
        {"-1", false, 0},
        {"0.5", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        scoped(json_freep) struct json *tree = parse(rows[i].text);
        uint64_t got = 77;

        CHECK(rows[i].text, json_uint(tree, &got) == rows[i].is_ok);
        CHECK(rows[i].text, got == (rows[i].is_ok ? rows[i].wanted : 77));
    }
}

/* What cJSON alone would let pass, or misread. */
static void
stricter_than_its_parser(void **state)
{
    static const struct {
        const char *text;
        size_t n; /* 0: strlen */
    } rows[] = {
        {"{\"a\":1,\"a\":2}", 0},
        {"{\"a\":1}x", 0},
        {"{}\0", 3},
        {"\"a\0b\"", 5},
        {"\"\\u0000\"", 0},
        {"\"\xFF\"", 0},
        {"[1e999]", 0},
        {"\"\x01\"", 0},
        {"[01]", 0},
        {"[1.]", 0},
        {"\v{}", 0},
        {"", 0},
        {"\"\\ud800\"", 0},
        {"\xEF\xBB{}", 0},
        {"{\"a\":1", 0},
        {"[1,]", 0},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json *tree = NULL;
        struct mh_fault fault = {0};
        size_t n = rows[i].n > 0 ? rows[i].n : strlen(rows[i].text);

        CHECK(rows[i].text, json_parse(rows[i].text, n, &tree, &fault) == MH_BAD_INPUT);
        CHECK(rows[i].text, strncmp(fault.sentence, "line 1, column ", 15) == 0);
        CHECK(rows[i].text, tree == NULL);
    }
}

static void
long_numbers(void **state)
{
    char text[80] = "";
    struct json *tree = NULL;
    struct mh_fault fault;

    (void) state;
    memset(text, '0', 64);
    text[1] = '.';
    text[62] = '1';
    text[63] = '\0';
    assert_int_equal(json_parse(text, 63, &tree, &fault), MH_OK);
    assert_true(json_number(tree, 0) > 0); /* all 63 characters were read */
    json_free(tree);
    tree = NULL;
    text[62] = '0';
    text[63] = '1';
    assert_int_equal(json_parse(text, 64, &tree, &fault), MH_BAD_INPUT);
    assert_string_equal(fault.sentence, "a number of 64 characters, and at most 63 are read");
    assert_null(tree);
}

static void
depth_is_the_scanners(void **state)
{
    char text[2 * JSON_MAX_DEPTH];
    struct json *tree = NULL;

    (void) state;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_int_equal(json_parse(text, sizeof(text), &tree, NULL), MH_OK);
    json_free(tree);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree),
        cmocka_unit_test(absent_and_wrong_kinds),
        cmocka_unit_test(unsigned_integers),
        cmocka_unit_test(stricter_than_its_parser),
        cmocka_unit_test(long_numbers),
        cmocka_unit_test(depth_is_the_scanners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
