/* SPDX-License-Identifier: Apache-2.0 */
/* target.c: the forms of a request target, and what is refused of its path. */
#include "target.h"

#include "unit.h"

static void
assert_slice(const char *text, size_t n, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(text, wanted, n);
}

static void
test_split(void **state)
{
    static const struct {
        const char *raw, *text, *path, *query, *host;
    } rows[] = {
        {"/", "/", "/", NULL, NULL},
        {"/a/b%20c", "/a/b%20c", "/a/b%20c", NULL, NULL},
        {"/a?x=1", "/a?x=1", "/a", "x=1", NULL},
        {"/a?", "/a?", "/a", "", NULL},
        {"/a?x?y", "/a?x?y", "/a", "x?y", NULL},
        {"/p?url=https://h/x", "/p?url=https://h/x", "/p", "url=https://h/x", NULL},
        {"//h/x", "//h/x", "//h/x", NULL, NULL},
        {"/\xC3\xA9", "/\xC3\xA9", "/\xC3\xA9", NULL, NULL},
        {"http://h:80/a?x", "/a?x", "/a", "x", "h:80"},
        {"HTTPS://h/", "/", "/", NULL, "h"},
        {"http://h", "/", "/", NULL, "h"},
        {"http://h?x", "/", "/", "x", "h"},
        {"http://[::1]:80/a", "/a", "/a", NULL, "[::1]:80"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct target target = {0};

        assert_int_equal(target_split(rows[i].raw, &target), TARGET_OK);
        assert_string_equal(target.text, rows[i].text);
        assert_slice(target.path, target.path_n, rows[i].path);
        assert_slice(target.query, target.query_n, rows[i].query);
        assert_slice(target.host, target.host_n, rows[i].host);
    }
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *raw;
        enum target_verdict verdict;
    } rows[] = {
        {"", TARGET_EMPTY},
        {"*", TARGET_ASTERISK},
        {"*/", TARGET_FORM},
        {"a", TARGET_FORM},
        {"a/b", TARGET_FORM},
        {"?x", TARGET_FORM},
        {"h:443", TARGET_FORM},
        {"ftp://h/a", TARGET_FORM},
        {"http:/a", TARGET_FORM},
        {"http://", TARGET_FORM},
        {"http:///a", TARGET_FORM},
        {"http://u@h/a", TARGET_FORM},
        {"http://u:p@h/a", TARGET_FORM},
        {"/a b", TARGET_SPACE},
        {"/a\tb", TARGET_CONTROL},
        {"/a\r\nX: y", TARGET_CONTROL},
        {"/a\x7F", TARGET_CONTROL},
        {"/a#b", TARGET_FRAGMENT},
        {"/a?b#c", TARGET_FRAGMENT},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct target target = {.path_n = 77};
        const enum target_verdict verdict = target_split(rows[i].raw, &target);

        if (verdict != rows[i].verdict)
            fail_msg("'%s' gives %d", rows[i].raw, (int) verdict);
        assert_int_equal(target.path_n, 77);
        assert_int_equal(target_status_of(verdict), 400);
        assert_true(strlen(target_verdict_text(verdict)) > 10);
    }
}

static void
test_length(void **state)
{
    char raw[TARGET_MAX_BYTES + 2];
    struct target target;

    memset(raw, 'a', sizeof(raw));
    raw[0] = '/';
    raw[TARGET_MAX_BYTES] = '\0';
    assert_int_equal(target_split(raw, &target), TARGET_OK);
    assert_int_equal(target.path_n, TARGET_MAX_BYTES);
    raw[TARGET_MAX_BYTES] = 'a';
    raw[TARGET_MAX_BYTES + 1] = '\0';
    assert_int_equal(target_split(raw, &target), TARGET_TOO_LONG);
    assert_int_equal(target_status_of(TARGET_TOO_LONG), 414);
}

static void
test_decode(void **state)
{
    static const struct {
        const char *raw;
        enum mh_code code;
        const char *decoded; /* or what the sentence holds */
    } rows[] = {
        {"/a%20b?q=%zz", MH_OK, "/a b"},
        {"/a%2fb", MH_OK, "/a%2Fb"},
        {"/100%25", MH_OK, "/100%25"},
        {"/.well-known/x", MH_OK, "/.well-known/x"},
        {"/.git/config", MH_NOT_FOUND, "'/.git/config'"},
        {"/%2egit/config", MH_NOT_FOUND, "'/%2egit/config'"},
        {"/..", MH_BAD_INPUT, "'/..'"},
        {"/a/%2e%2E/b?x", MH_BAD_INPUT, "'/a/%2e%2E/b'"},
        {"/a%2f..%2fb", MH_BAD_INPUT, "segment"},
        {"/a%00", MH_BAD_INPUT, "NUL"},
        {"/a%5cb", MH_BAD_INPUT, "backslash"},
        {"/a\\b", MH_BAD_INPUT, "backslash"},
        {"/a%zz", MH_BAD_INPUT, "escape"},
        {"/a%0d%0ab", MH_BAD_INPUT, "control"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf decoded = BUF_INIT(TARGET_MAX_BYTES);
        struct mh_fault fault = {0};
        struct target target;
        enum mh_code code;

        assert_int_equal(target_split(rows[i].raw, &target), TARGET_OK);
        code = target_decode(&target, &decoded, &fault);
        if (code != rows[i].code)
            fail_msg("'%s' gives %d", rows[i].raw, (int) code);
        if (code == MH_OK)
            assert_string_equal(buf_text(&decoded), rows[i].decoded);
        else if (strstr(fault.sentence, rows[i].decoded) == NULL)
            fail_msg("'%s' says '%s'", rows[i].raw, fault.sentence);
        buf_done(&decoded);
    }
}

static void
test_decode_without_room(void **state)
{
    struct buf decoded = BUF_INIT(3);
    struct target target;
    struct mh_fault fault;

    assert_int_equal(target_split("/abcdef", &target), TARGET_OK);
    assert_int_equal(target_decode(&target, &decoded, &fault), MH_NOMEM);
    buf_done(&decoded);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
