/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"
#include "unit.h"

#include <locale.h>
#include <math.h>

static void
write_sample(struct jsonw *w)
{
    jsonw_object_begin(w, NULL);
    jsonw_string(w, "s", "a");
    jsonw_string(w, "none", NULL);
    jsonw_array_begin(w, "list");
    jsonw_uint(w, NULL, UINT64_MAX);
    jsonw_int(w, NULL, INT64_MIN);
    jsonw_bool(w, NULL, true);
    jsonw_bool(w, NULL, false);
    jsonw_null(w, NULL);
    jsonw_array_end(w);
    jsonw_array_begin(w, "empty");
    jsonw_array_end(w);
    jsonw_object_begin(w, "o");
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void
compact_and_pretty(void **state)
{
    struct buf buf = BUF_INIT(1000);
    struct jsonw w = JSONW_INIT(&buf);

    (void) state;
    write_sample(&w);
    assert_string_equal(buf_text(&buf),
                        "{\"s\":\"a\",\"none\":null,\"list\":[18446744073709551615,"
                        "-9223372036854775808,true,false,null],\"empty\":[],\"o\":{}}");
    buf_clear(&buf);
    w = JSONW_INIT(&buf);
    w.pretty = true;
    write_sample(&w);
    assert_string_equal(buf_text(&buf), "{\n"
                                        "  \"s\": \"a\",\n"
                                        "  \"none\": null,\n"
                                        "  \"list\": [\n"
                                        "    18446744073709551615,\n"
                                        "    -9223372036854775808,\n"
                                        "    true,\n"
                                        "    false,\n"
                                        "    null\n"
                                        "  ],\n"
                                        "  \"empty\": [],\n"
                                        "  \"o\": {}\n"
                                        "}\n");
    buf_done(&buf);
}

static void
strings(void **state)
{
    static const struct {
        const char *text;
        const char *wanted;
    } rows[] = {
        {"", "\"\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1F\x7F", "\"\\u0001\\u001f\\u007f\""},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        /* U+FFFD for each byte that is no part of a character. */
        {"a\xFF", "\"a\xEF\xBF\xBD\""},
        {"\xC3", "\"\xEF\xBF\xBD\""},
        {"\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf buf = BUF_INIT(1000);
        struct jsonw w = JSONW_INIT(&buf);

        jsonw_string(&w, NULL, rows[i].text);
        CHECK_TEXT(rows[i].text, buf_text(&buf), rows[i].wanted);
        buf_done(&buf);
    }
}

static void
doubles(void **state)
{
    static const struct {
        double value;
        const char *wanted;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {-1.5, "-1.5"},
        {1.0 / 3, "0.3333333333333333"},
        {1e300, "1e+300"},
        {5e-324, "4.94065645841247e-324"},
        {9007199254740993.0, "9007199254740992"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    static const char *const locales[] = {"C", "de_DE.UTF-8", "ps_AF.UTF-8"};

    (void) state;
    for (size_t k = 0; k < COUNT(locales); k++) {
        /* A locale that is not installed is passed over. */
        if (setlocale(LC_NUMERIC, locales[k]) == NULL)
            continue;
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct buf buf = BUF_INIT(100);
            struct jsonw w = JSONW_INIT(&buf);

            jsonw_double(&w, NULL, rows[i].value);
            CHECK_TEXT(rows[i].wanted, buf_text(&buf), rows[i].wanted);
            buf_done(&buf);
        }
    }
    setlocale(LC_NUMERIC, "C");
}

/* Whatever bytes go in, the strict reader takes what comes out. */
static void
always_passes_the_reader(void **state)
{
    uint64_t seed = test_seed();

    (void) state;
    for (int round = 0; round < 5000; round++) {
        struct buf buf = BUF_INIT(10000);
        struct jsonw w = JSONW_INIT(&buf);
        char text[24];
        uint64_t bits = test_random(&seed);
        double value;
        struct json *tree = NULL;
        struct mh_fault fault;

        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char) (test_random(&seed) | (i % 3 == 0 ? 0xC0 : 0));
        text[test_random(&seed) % sizeof(text)] = '\0';
        text[sizeof(text) - 1] = '\0';
        memcpy(&value, &bits, sizeof(value));
        w.pretty = bits % 2 == 0;
        jsonw_object_begin(&w, NULL);
        jsonw_string(&w, text, text);
        jsonw_double(&w, text[0] == 'd' ? "e" : "d", value);
        jsonw_object_end(&w);
        assert_true(buf_is_ok(&buf));
        if (json_parse(buf_text(&buf), buf.length, &tree, &fault) != MH_OK)
            fail_msg("%s: %s", buf_text(&buf), fault.sentence);
        if (isfinite(value)) {
            double back = json_number(json_next(json_first(tree)), 0);

            assert_memory_equal(&back, &value, sizeof(value));
        }
        json_free(tree);
        buf_done(&buf);
    }
}

static void
a_full_buffer_is_told_by_its_flag(void **state)
{
    struct buf buf = BUF_INIT(20);
    struct jsonw w = JSONW_INIT(&buf);

    (void) state;
    write_sample(&w);
    assert_false(buf_is_ok(&buf));
    buf_done(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_and_pretty),
        cmocka_unit_test(strings),
        cmocka_unit_test(doubles),
        cmocka_unit_test(always_passes_the_reader),
        cmocka_unit_test(a_full_buffer_is_told_by_its_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
