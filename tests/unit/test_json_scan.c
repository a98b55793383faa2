/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner: every text is fed whole, byte by byte, and cut at random, and must be judged the
 * same. */
#include "json.h"
#include "mem.h"
#include "unit.h"

static const char *const no_names[1];

struct verdict {
    enum mh_code code;
    struct mh_fault fault;
    enum json_kind kind;
};

/* Scan a text in pieces whose sizes come from `seed`; 0: whole, 1: byte by byte. */
static struct verdict
scan_in_pieces(const char *text, size_t n, uint64_t seed)
{
    struct json_scan *scan = json_scan_new(no_names, 0, 0, false);
    struct verdict verdict = {.code = MH_OK};

    assert_non_null(scan);
    for (size_t at = 0; at < n && verdict.code == MH_OK;) {
        size_t part = seed == 0 ? n : seed == 1 ? 1 : test_random(&seed) % 9;

        part = part > n - at ? n - at : part;

        /* A copy of its own, so that reading beyond a piece is seen. */
        char *piece = mem_dup(text + at, part);

        verdict.code = json_scan_feed(scan, piece, part, &verdict.fault);
        mem_free(piece);
        at += part;
    }
    if (verdict.code == MH_OK)
        verdict.code = json_scan_end(scan, &verdict.fault);
    verdict.kind = json_scan_kind(scan);
    assert_true((verdict.code == MH_OK) == (verdict.kind != JSON_NONE));
    json_scan_free(scan);
    return verdict;
}

static struct verdict
scan_all_ways(const char *text, size_t n)
{
    struct verdict whole = scan_in_pieces(text, n, 0);

    for (uint64_t seed = 1; seed < 8; seed++) {
        struct verdict cut = scan_in_pieces(text, n, seed);

        CHECK(text, cut.code == whole.code);
        CHECK(text, cut.kind == whole.kind);
        CHECK_TEXT(text, cut.fault.sentence, whole.fault.sentence);
    }
    return whole;
}

static void
takes_what_is_json(void **state)
{
    static const struct {
        const char *text;
        enum json_kind kind;
    } rows[] = {
        {"null", JSON_NULL},
        {" true ", JSON_BOOL},
        {"false", JSON_BOOL},
        {"0", JSON_NUMBER},
        {"-0.0e+5", JSON_NUMBER},
        {"12345678901234567890", JSON_NUMBER},
        {"1.7976931348623157e308", JSON_NUMBER},
        {"\"\"", JSON_STRING},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"", JSON_STRING},
        {"\"\\ud83d\\ude00 \\uD83D\\uDE00\"", JSON_STRING},
        {"\"\\uFFFF\\uE000\\uD7FF\"", JSON_STRING},
        {"\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\"", JSON_STRING},
        {"\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"", JSON_STRING},
        {"\"\x7F plain bytes of more than eight, then \xE2\x82\xAC, then more of them\"",
         JSON_STRING},
        {"[]", JSON_ARRAY},
        {"[ ]", JSON_ARRAY},
        {"[1,[2,{}],\"]\",null]", JSON_ARRAY},
        {"{}", JSON_OBJECT},
        {"{ \"a\" : 1 ,\r\n\t\"b\" : { \"a\" : [ ] } }", JSON_OBJECT},
        {"{\"\":1,\" \":2,\"A\":3,\"a\":4}", JSON_OBJECT},
        {"[{\"a\":1},{\"a\":1},{\"a\":{\"a\":1}}]", JSON_ARRAY},
        {"\xEF\xBB\xBF{}", JSON_OBJECT},
        {"\n\n[true,false,null,0,-1.5e3]\n", JSON_ARRAY},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct verdict verdict = scan_all_ways(rows[i].text, strlen(rows[i].text));

        if (verdict.code != MH_OK)
            fail_msg("case \"%s\": %s", rows[i].text, verdict.fault.sentence);
        CHECK(rows[i].text, verdict.kind == rows[i].kind);
    }
}

static void
refuses_the_rest(void **state)
{
    static const struct {
        const char *text;
        size_t n; /* 0: strlen */
        const char *sentence;
    } rows[] = {
        {"", 0, "line 1, column 1: the text is empty"},
        {" \n ", 0, "line 2, column 2: the text is empty"},
        {"\xEF\xBB\xBF", 0, "line 1, column 1: the text is empty"},
        {"\xEF\xBB", 0, "line 1, column 3: the text ends in a byte-order mark"},
        {"\xEF\xBB{}", 0, "line 1, column 3: a broken byte-order mark"},
        {"{}\xEF\xBB\xBF", 0, "line 1, column 3: byte 0xEF after the end of the value"},
        {"\xFE\xFF", 0, "line 1, column 1: byte 0xFE where a value should begin"},
        {"<html>", 0, "line 1, column 1: '<' where a value should begin"},
        {"NaN", 0,
         "line 1, column 1: 'N' where a value should begin (JSON has no NaN and no Infinity)"},
        {"[-Infinity]", 0, "line 1, column 2: a number that lacks a digit"},
        {"{}{}", 0, "line 1, column 3: '{' after the end of the value"},
        {"1 2", 0, "line 1, column 3: '2' after the end of the value"},
        {"{}\0", 3, "line 1, column 3: byte 0x00 after the end of the value"},
        {"\0{}", 3, "line 1, column 1: byte 0x00 where a value should begin"},
        {"[1,]", 0, "line 1, column 4: ']' where a value should begin"},
        {"[,1]", 0, "line 1, column 2: ',' where a value should begin"},
        {"[1 2]", 0, "line 1, column 4: '2' where a ',' or a ']' should stand"},
        {"[1}", 0, "line 1, column 3: '}' where a ',' or a ']' should stand"},
        {"{\"a\":1]", 0, "line 1, column 7: ']' where a ',' or a '}' should stand"},
        {"{\"a\":1,}", 0, "line 1, column 8: '}' where a key in double quotes should stand"},
        {"{a:1}", 0, "line 1, column 2: 'a' where a key in double quotes should stand"},
        {"{'a':1}", 0, "line 1, column 2: ''' where a key in double quotes should stand"},
        {"{\"a\" 1}", 0, "line 1, column 6: '1' where a ':' should stand"},
        {"{\"a\":}", 0, "line 1, column 6: '}' where a value should begin"},
        {"[1/*x*/]", 0, "line 1, column 3: '/' where a ',' or a ']' should stand"},
        {"[\f1]", 0, "line 1, column 2: byte 0x0C where a value should begin"},
        {"tru", 0, "line 1, column 4: the text ends within true, false or null"},
        {"trux", 0, "line 1, column 4: 'x' within what should be true, false or null"},
        {"nullx", 0, "line 1, column 5: 'x' after the end of the value"},
        {"[01]", 0, "line 1, column 2: a number with a leading zero"},
        {"-", 0, "line 1, column 1: a number that lacks a digit"},
        {"[1.]", 0, "line 1, column 2: a number that lacks a digit"},
        {"[.5]", 0, "line 1, column 2: '.' where a value should begin"},
        {"[+1]", 0, "line 1, column 2: '+' where a value should begin"},
        {"[1e400]", 0, "line 1, column 2: a number that is too large for a double"},
        {"1e400", 0, "line 1, column 1: a number that is too large for a double"},
        {"0x10", 0, "line 1, column 2: 'x' after the end of the value"},
        {"[\n\n  \"a\x01\"]", 0, "line 3, column 5: a raw control byte 0x01 in a string"},
        {"\"a\nb\"", 0, "line 1, column 3: a raw control byte 0x0A in a string"},
        {"\"abcdefgh\tb\"", 0, "line 1, column 10: a raw control byte 0x09 in a string"},
        {"\"a\0\"", 4, "line 1, column 3: a raw control byte 0x00 in a string"},
        {"\"\\u0000\"", 0, "line 1, column 7: an escaped NUL (\\u0000)"},
        {"{\"a\\u0000\":1}", 0, "line 1, column 9: an escaped NUL (\\u0000)"},
        {"\"\\x\"", 0, "line 1, column 3: 'x' after a backslash, which is no escape"},
        {"\"\\\0\"", 4, "line 1, column 3: byte 0x00 after a backslash, which is no escape"},
        {"\"\\u12g4\"", 0, "line 1, column 6: 'g' where a hex digit of \\uXXXX should stand"},
        {"\"\\u\xD0\xB0\"", 0,
         "line 1, column 4: byte 0xD0 where a hex digit of \\uXXXX should stand"},
        {"\"\\ud83d\"", 0, "line 1, column 8: a lone surrogate (\\uD83D)"},
        {"\"\\ud83dx\"", 0, "line 1, column 8: a lone surrogate (\\uD83D)"},
        {"\"\\ud83d\\n\"", 0, "line 1, column 9: a lone surrogate (\\uD83D)"},
        {"\"\\ud83d\\u0041\"", 0, "line 1, column 13: a lone surrogate (\\uD83D)"},
        {"\"\\ud83d\\ud83d\"", 0, "line 1, column 13: a lone surrogate (\\uD83D)"},
        {"\"\\ude00\"", 0, "line 1, column 7: a lone surrogate (\\uDE00)"},
        {"\"\x80\"", 0, "line 1, column 2: byte 0x80 in a string: the text is not UTF-8"},
        {"\"\xC0\x80\"", 0, "line 1, column 2: byte 0xC0 in a string: the text is not UTF-8"},
        {"\"\xC3\"", 0,
         "line 1, column 3: '\"' in the middle of a character: the text is not UTF-8"},
        {"\"\xE0\x9F\xBF\"", 0,
         "line 1, column 3: byte 0x9F in the middle of a character: the text is not UTF-8"},
        {"\"\xED\xA0\x80\"", 0,
         "line 1, column 3: byte 0xA0 in the middle of a character: the text is not UTF-8"},
        {"\"\xF0\x8F\xBF\xBF\"", 0,
         "line 1, column 3: byte 0x8F in the middle of a character: the text is not UTF-8"},
        {"\"\xF4\x90\x80\x80\"", 0,
         "line 1, column 3: byte 0x90 in the middle of a character: the text is not UTF-8"},
        {"\"\xE2\x82(\"", 0,
         "line 1, column 4: '(' in the middle of a character: the text is not UTF-8"},
        {"\"\xF5\x80\x80\x80\"", 0,
         "line 1, column 2: byte 0xF5 in a string: the text is not UTF-8"},
        {"\"abc", 0, "line 1, column 5: the text ends within a string"},
        {"\"abc\\", 0, "line 1, column 6: the text ends within a string"},
        {"\"\xE2\x82", 0, "line 1, column 4: the text ends within a string"},
        {"[", 0, "line 1, column 2: the text ends within an array"},
        {"[1", 0, "line 1, column 3: the text ends within an array"},
        {"[{}\n,", 0, "line 2, column 2: the text ends within an array"},
        {"{", 0, "line 1, column 2: the text ends within an object"},
        {"{\"a\"", 0, "line 1, column 5: the text ends within an object"},
        {"{\"a\":[]", 0, "line 1, column 8: the text ends within an object"},
        {"\xEF\xBB\xBF[}", 0, "line 1, column 2: '}' where a value should begin"},
        /* Duplicates are told by where the second key begins, at every level, after unescaping. */
        {"{\"a\":1,\"a\":2}", 0, "line 1, column 8: the key 'a' stands twice in one object"},
        {"{\"a\":1,\n \"\\u0061\":2}", 0,
         "line 2, column 2: the key 'a' stands twice in one object"},
        {"{\"\":1,\"\":2}", 0, "line 1, column 7: the key '' stands twice in one object"},
        {"[{\"b\":{\"a\":{},\"c\":1,\"a\":2}}]", 0,
         "line 1, column 21: the key 'a' stands twice in one object"},
        {"{\"a\":{\"a\":1},\"a\":2}", 0,
         "line 1, column 14: the key 'a' stands twice in one object"},
        {"{\"\xC3\xA4\":1,\"\\u00E4\":2}", 0,
         "line 1, column 9: the key '\xC3\xA4' stands twice in one object"},
        {"{\"\xE2\x82\xAC\":1,\"\\u20ac\":2}", 0,
         "line 1, column 10: the key '\xE2\x82\xAC' stands twice in one object"},
        {"{\"\xF0\x9F\x98\x80\":1,\"\\ud83d\\ude00\":2}", 0,
         "line 1, column 11: the key '\xF0\x9F\x98\x80' stands twice in one object"},
        {"{\"\\n\\/\":1,\"\\u000a/\":2}", 0,
         "line 1, column 11: the key '?/' stands twice in one object"},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = rows[i].n > 0 ? rows[i].n : strlen(rows[i].text);
        struct verdict verdict = scan_all_ways(rows[i].text, n);

        CHECK(rows[i].text, verdict.code == MH_BAD_INPUT);
        CHECK_TEXT(rows[i].text, verdict.fault.sentence, rows[i].sentence);
    }
}

/* Put a special byte at every place of a long string: the fast way over plain bytes must see it. */
static void
special_bytes_are_seen_anywhere(void **state)
{
    static const char specials[] = {'\x01', '\x1F', '"', '\\', '\x80', '\xFF', '\0'};

    (void) state;
    for (size_t at = 1; at < 40; at++)
        for (size_t i = 0; i < sizeof(specials); i++) {
            char text[48];

            memset(text, at % 2 == 0 ? 'A' : '~', sizeof(text));
            text[0] = '"';
            text[at] = specials[i];
            text[sizeof(text) - 1] = '"';

            struct verdict verdict = scan_all_ways(text, sizeof(text));
            char column[32];

            assert_int_equal(verdict.code, MH_BAD_INPUT);
            /* After a quote or a backslash it is the next byte that is wrong. */
            assert_true(snprintf(column, sizeof(column), "column %zu: ",
                                 at + (specials[i] == '"' || specials[i] == '\\' ? 2 : 1)) > 0);
            assert_non_null(strstr(verdict.fault.sentence, column));
        }
}

static void
depth_has_a_ceiling(void **state)
{
    char text[2 * (JSON_MAX_DEPTH + 1)];

    (void) state;
    for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);

        struct verdict verdict = scan_in_pieces(text, 2 * depth, 0);

        assert_int_equal(verdict.code, depth == JSON_MAX_DEPTH ? MH_OK : MH_BAD_INPUT);
        if (verdict.code != MH_OK)
            assert_string_equal(verdict.fault.sentence, "line 1, column 513: more than 512 levels");
    }
}

/* Objects of many sizes, with and without one duplicate: rows and tables of hashes alike. */
static void
duplicates_in_objects_of_every_size(void **state)
{
    static const size_t sizes[] = {1, 2, 15, 16, 17, 18, 47, 48, 49, 100, 192, 193, 5000};
    uint64_t seed = test_seed();

    (void) state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int has_duplicate = 0; has_duplicate < 2; has_duplicate++) {
            struct buf text = BUF_INIT(1 << 20);

            /* Twice the same object: nothing of the first may be left when the second is read. */
            buf_add_str(&text, "[{\"x\":1},{");
            for (size_t k = 0; k < sizes[i]; k++)
                buf_printf(&text, "%s\"key-%zu\":{}", k > 0 ? "," : "", k);
            buf_add_str(&text, "},{");
            for (size_t k = 0; k < sizes[i]; k++)
                buf_printf(&text, "%s\"key-%zu\":{}", k > 0 ? "," : "", k);
            if (has_duplicate != 0)
                buf_printf(&text, ",\"key-%zu\":0", (size_t) (test_random(&seed) % sizes[i]));
            buf_add_str(&text, "}]");
            assert_true(buf_is_ok(&text));

            struct verdict verdict = scan_in_pieces(buf_text(&text), text.length, 0);

            assert_int_equal(verdict.code, has_duplicate != 0 ? MH_BAD_INPUT : MH_OK);
            buf_done(&text);
        }
}

static void
long_keys_in_messages_are_cut(void **state)
{
    struct buf text = BUF_INIT(10000);

    (void) state;
    for (int i = 0; i < 2; i++) {
        buf_add_str(&text, i == 0 ? "{\"" : ",\"");
        for (int k = 0; k < 63; k++)
            buf_add_char(&text, 'k');
        buf_add_str(&text, "\xE2\x82\xAC and so on\":0");
    }
    buf_add_char(&text, '}');

    struct verdict verdict = scan_in_pieces(buf_text(&text), text.length, 1);

    assert_int_equal(verdict.code, MH_BAD_INPUT);
    assert_non_null(strstr(verdict.fault.sentence, "kkk...' stands twice"));
    assert_null(strchr(verdict.fault.sentence, '\xE2'));
    buf_done(&text);
}

static void
too_many_open_members(void **state)
{
    struct json_scan *scan = json_scan_new(no_names, 0, 0, false);
    enum mh_code code = json_scan_feed(scan, "{\"a\":{", 6, NULL);
    struct mh_fault fault;
    size_t i = 1;

    (void) state;
    /* Closed objects do not count. */
    assert_int_equal(json_scan_feed(scan, "\"x\":1},\"b\":{", 12, NULL), MH_OK);
    for (; code == MH_OK && i < 2 * JSON_MAX_KEYS; i++) {
        char member[32];
        int n = snprintf(member, sizeof(member), "%s\"%zx\":0", i > 1 ? "," : "", i);

        code = json_scan_feed(scan, member, (size_t) n, &fault);
    }
    assert_int_equal(code, MH_TOO_LARGE);
    assert_int_equal(i, JSON_MAX_KEYS); /* "a", "b", and those before the one that failed */
    assert_non_null(strstr(fault.sentence, "more than 1048576 members in open objects"));
    /* It stays refused. */
    assert_int_equal(json_scan_feed(scan, "}", 1, &fault), MH_TOO_LARGE);
    assert_int_equal(json_scan_end(scan, &fault), MH_TOO_LARGE);
    assert_int_equal(json_scan_kind(scan), JSON_NONE);
    json_scan_free(scan);
}

static void
check_member(const struct json_scan *scan, const char *name, enum json_kind kind,
             const char *wanted)
{
    const char *text = "";
    size_t n = 0;

    assert_int_equal(json_scan_member(scan, name, &text, &n), kind);
    assert_int_equal(json_scan_member(scan, name, NULL, NULL), kind);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(text, wanted, n);
}

static void
keeps_what_was_asked_for(void **state)
{
    static const char *const names[] = {"format", "weightsManifest", "count", "none", "last"};
    static const char text[] = "\xEF\xBB\xBF { \"format\" : \"graph-model\" ,\n"
                               "\"modelTopology\": {\"format\": 1, \"count\": [2]},\n"
                               "\"w\\u0065ightsManifest\": [ {\"paths\": [\"a.bin\"]} ] ,"
                               "\"count\":-12.5e1,\"last\":null}\n";

    (void) state;
    for (size_t piece = 1; piece <= sizeof(text); piece += piece < 8 ? 1 : 40) {
        struct json_scan *scan = json_scan_new(names, COUNT(names), 100, true);

        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t n = sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece;
            char *copy = mem_dup(text + at, n);

            assert_int_equal(json_scan_feed(scan, copy, n, NULL), MH_OK);
            mem_free(copy);
        }
        check_member(scan, "format", JSON_NONE, ""); /* not before the end */
        assert_int_equal(json_scan_end(scan, NULL), MH_OK);
        assert_int_equal(json_scan_kind(scan), JSON_OBJECT);
        assert_int_equal(json_scan_longest_number(scan), 7);
        check_member(scan, "format", JSON_STRING, "\"graph-model\"");
        check_member(scan, "weightsManifest", JSON_ARRAY, "[ {\"paths\": [\"a.bin\"]} ]");
        check_member(scan, "count", JSON_NUMBER, "-12.5e1");
        check_member(scan, "last", JSON_NULL, "null");
        check_member(scan, "none", JSON_NONE, "");
        check_member(scan, "modelTopology", JSON_NONE, "");
        check_member(scan, NULL, JSON_NONE, "");
        json_scan_free(scan);
    }
    json_scan_free(NULL);
}

static void
keeps_a_whole_array(void **state)
{
    static const char *const names[] = {"paths"};
    static const char text[] = "\n [{\"paths\":[1]}, 2 ] \n";

    (void) state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct json_scan *scan = json_scan_new(names, 1, 100, keeps != 0);

        assert_int_equal(json_scan_feed(scan, text, 5, NULL), MH_OK);
        assert_int_equal(json_scan_feed(scan, text + 5, strlen(text) - 5, NULL), MH_OK);
        assert_int_equal(json_scan_end(scan, NULL), MH_OK);
        if (keeps != 0)
            check_member(scan, NULL, JSON_ARRAY, "[{\"paths\":[1]}, 2 ]");
        else
            check_member(scan, NULL, JSON_NONE, "");
        check_member(scan, "paths", JSON_NONE, ""); /* not a member of the top-level value */
        json_scan_free(scan);
    }
}

static void
what_is_kept_has_a_ceiling(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct mh_fault fault;

    (void) state;
    for (size_t max = 7; max <= 8; max++)
        for (size_t piece = 1; piece < 30; piece += 28) {
            static const char text[] = "{\"a\":\"12\",\"x\":99999,\"b\":1234}";
            struct json_scan *scan = json_scan_new(names, 2, max, false);
            enum mh_code code = MH_OK;

            for (size_t at = 0; at < strlen(text) && code == MH_OK; at += piece)
                code = json_scan_feed(
                    scan, text + at, strlen(text) - at < piece ? strlen(text) - at : piece, &fault);
            assert_int_equal(code, max == 8 ? MH_OK : MH_TOO_LARGE);
            if (code != MH_OK)
                assert_non_null(
                    strstr(fault.sentence, "the members that are needed are more than 7 bytes"));
            json_scan_free(scan);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_json),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(special_bytes_are_seen_anywhere),
        cmocka_unit_test(depth_has_a_ceiling),
        cmocka_unit_test(duplicates_in_objects_of_every_size),
        cmocka_unit_test(long_keys_in_messages_are_cut),
        cmocka_unit_test(too_many_open_members),
        cmocka_unit_test(keeps_what_was_asked_for),
        cmocka_unit_test(keeps_a_whole_array),
        cmocka_unit_test(what_is_kept_has_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
