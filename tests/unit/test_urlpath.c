/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "urlpath.h"

struct row {
    const char *path;
    enum urlpath_verdict verdict;
    const char *decoded; /* for OK and DOTFILE */
};

static const struct row rows[] = {
    {"/", URLPATH_OK, "/"},
    {"/a/b.json", URLPATH_OK, "/a/b.json"},
    {"/a//b/", URLPATH_OK, "/a//b/"},
    {"/a%20b%7E~", URLPATH_OK, "/a b~~"},
    {"/%E2%82%AC\xC3\xA4", URLPATH_OK, "/\xE2\x82\xAC\xC3\xA4"},
    {"/%ff", URLPATH_OK, "/\xFF"},
    {"/a%3Fb%23c", URLPATH_OK, "/a?b#c"},
    /* An escaped slash stays one, in one spelling; a literal '%' is told apart from it. */
    {"/a%2fb%2Fc", URLPATH_OK, "/a%2Fb%2Fc"},
    {"/a%252Fb", URLPATH_OK, "/a%252Fb"},
    {"/%2525", URLPATH_OK, "/%2525"},
    {"/100%25", URLPATH_OK, "/100%25"},
    {"/%252e%252e/x", URLPATH_OK, "/%252e%252e/x"},
    /* Dots that are no dot segments. */
    {"/a.b/..c../x", URLPATH_DOTFILE, "/a.b/..c../x"},
    {"/a../b", URLPATH_OK, "/a../b"},
    {"/...", URLPATH_DOTFILE, "/..."},
    {"/.well-known/x", URLPATH_OK, "/.well-known/x"},
    {"/%2ewell%2dknown/x", URLPATH_OK, "/.well-known/x"},
    {"/.well-knownx", URLPATH_DOTFILE, "/.well-knownx"},
    {"/.well-know", URLPATH_DOTFILE, "/.well-know"},
    {"/x.well-known", URLPATH_OK, "/x.well-known"},
    {"/.git/config", URLPATH_DOTFILE, "/.git/config"},
    {"/a/%2Eenv", URLPATH_DOTFILE, "/a/.env"},
    {"/a%2F.env", URLPATH_DOTFILE, "/a%2F.env"},
    {"/..", URLPATH_DOT_SEGMENT, NULL},
    {"/.", URLPATH_DOT_SEGMENT, NULL},
    {"/./", URLPATH_DOT_SEGMENT, NULL},
    {"/a/../b", URLPATH_DOT_SEGMENT, NULL},
    {"/a/..", URLPATH_DOT_SEGMENT, NULL},
    {"/a/%2e%2E/b", URLPATH_DOT_SEGMENT, NULL},
    {"/a/.%2e", URLPATH_DOT_SEGMENT, NULL},
    {"/a/%2e/b", URLPATH_DOT_SEGMENT, NULL},
    {"/..%2fetc/passwd", URLPATH_DOT_SEGMENT, NULL},
    {"/a%2f..%2fb", URLPATH_DOT_SEGMENT, NULL},
    {"/a%2F%2e", URLPATH_DOT_SEGMENT, NULL},
    {"/.git/..", URLPATH_DOT_SEGMENT, NULL},
    {"/a\\b", URLPATH_BACKSLASH, NULL},
    {"/a%5cb", URLPATH_BACKSLASH, NULL},
    {"/..%5C", URLPATH_BACKSLASH, NULL},
    {"/a%00.bin", URLPATH_NUL, NULL},
    {"/a%0ab", URLPATH_CONTROL, NULL},
    {"/a\tb", URLPATH_CONTROL, NULL},
    {"/a%7f", URLPATH_CONTROL, NULL},
    {"/%", URLPATH_BAD_ESCAPE, NULL},
    {"/%2", URLPATH_BAD_ESCAPE, NULL},
    {"/%zz", URLPATH_BAD_ESCAPE, NULL},
    {"/%2g", URLPATH_BAD_ESCAPE, NULL},
    {"/%u002e", URLPATH_BAD_ESCAPE, NULL},
    {"", URLPATH_RELATIVE, NULL},
    {"a/b", URLPATH_RELATIVE, NULL},
    {"../a", URLPATH_RELATIVE, NULL},
    {"%2Fa", URLPATH_RELATIVE, NULL},
    /* The first wrong thing is told. */
    {"/../%zz", URLPATH_DOT_SEGMENT, NULL},
    {"/%zz/..", URLPATH_BAD_ESCAPE, NULL},
    {"/.git/%00", URLPATH_NUL, NULL},
};

static void
decodes_and_refuses(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf decoded = BUF_INIT(1000);
        size_t n = strlen(rows[i].path);
        /* Exactly n bytes, so that reading beyond them is seen. */
        char *path = malloc(n + (n == 0));

        assert_non_null(path);
        memcpy(path, rows[i].path, n);
        CHECK(rows[i].path, urlpath_decode(path, n, &decoded) == rows[i].verdict);
        CHECK(rows[i].path, urlpath_decode(path, n, NULL) == rows[i].verdict);
        if (rows[i].decoded != NULL)
            CHECK_TEXT(rows[i].path, buf_text(&decoded), rows[i].decoded);
        buf_done(&decoded);
        free(path);
    }
    assert_int_equal(urlpath_decode("/a\0b", 4, NULL), URLPATH_NUL);
}

static void
every_verdict_has_a_text(void **state)
{
    (void) state;
    for (int i = URLPATH_OK; i <= URLPATH_DOTFILE; i++)
        assert_true(strlen(urlpath_verdict_text((enum urlpath_verdict) i)) > 3);
    assert_string_equal(urlpath_verdict_text(URLPATH_BAD_ESCAPE), "has a broken percent escape");
}

static void
path_ends(void **state)
{
    (void) state;
    assert_int_equal(urlpath_length("/a/b"), 4);
    assert_int_equal(urlpath_length("/a?b#c"), 2);
    assert_int_equal(urlpath_length("/a#b?c"), 2);
    assert_int_equal(urlpath_length("?"), 0);
}

static void
encodes(void **state)
{
    struct buf buf = BUF_INIT(1000);

    (void) state;
    urlpath_encode(&buf, "/aZ09-._~!$&'()*+,;=:@/", 23);
    assert_string_equal(buf_text(&buf), "/aZ09-._~!$&'()*+,;=:@/");
    buf_clear(&buf);
    urlpath_encode(&buf, " %?#[]\"<>\\^`{|}\x7F\xC3\0", 18);
    assert_string_equal(buf_text(&buf), "%20%25%3F%23%5B%5D%22%3C%3E%5C%5E%60%7B%7C%7D%7F%C3%00");
    buf_done(&buf);
}

/* decode(encode(x)) is x, with '%' spelt "%25". */
static void
decoding_undoes_encoding(void **state)
{
    uint64_t seed = test_seed();

    (void) state;
    for (int round = 0; round < 5000; round++) {
        char name[32] = "/";
        size_t n = 1 + test_random(&seed) % 30;
        struct buf escaped = BUF_INIT(1000);
        struct buf back = BUF_INIT(1000);
        struct buf wanted = BUF_INIT(1000);

        for (size_t i = 1; i < n; i++) {
            uint8_t byte = (uint8_t) test_random(&seed);

            name[i] =
                byte < 0x20 || byte == 0x7F || byte == '\\' || byte == '.' ? 'x' : (char) byte;
        }
        for (size_t i = 0; i < n; i++)
            name[i] == '%' ? buf_add_str(&wanted, "%25") : buf_add_char(&wanted, name[i]);
        urlpath_encode(&escaped, name, n);
        assert_int_equal(urlpath_decode(buf_text(&escaped), escaped.length, &back), URLPATH_OK);
        assert_string_equal(buf_text(&back), buf_text(&wanted));
        buf_done(&escaped);
        buf_done(&back);
        buf_done(&wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_and_refuses),
        cmocka_unit_test(every_verdict_has_a_text),
        cmocka_unit_test(path_ends),
        cmocka_unit_test(encodes),
        cmocka_unit_test(decoding_undoes_encoding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
