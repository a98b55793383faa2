/* SPDX-License-Identifier: Apache-2.0 */
/* ini.c: what a line means, and that a mistake costs its own line only. */
#include "buf.h"
#include "ini.h"
#include "unit.h"

static void
on_section(void *arg, size_t line, struct ini_piece name)
{
    buf_printf(arg, "%zu[%.*s]", line, (int) name.n, name.text);
}

static void
on_value(void *arg, size_t line, struct ini_piece key, struct ini_piece value)
{
    buf_printf(arg, "%zu(%.*s)(%.*s)", line, (int) key.n, key.text, (int) value.n, value.text);
}

static void
on_mistake(void *arg, size_t line, const char *sentence)
{
    assert_true(strlen(sentence) > 10);
    buf_printf(arg, "%zu!", line);
}

static void
check(const char *text, size_t n, const char *wanted)
{
    struct buf got = BUF_INIT(1 << 20);
    const struct ini_sink sink = {&got, on_section, on_value, on_mistake};
    /* A copy without a terminator, so that a sanitizer sees a step beyond the end. */
    char *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, text, n);
    ini_read(copy, n, &sink);
    CHECK_TEXT(text, buf_text(&got), wanted);
    free(copy);
    buf_done(&got);
}

static void
test_lines(void **state)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"", ""},
        {"\n\n", ""},
        {"[server]\nlisten = a b\n", "1[server]2(listen)(a b)"},
        {"[mirror tfjs-models]", "1[mirror tfjs-models]"},
        {"  [ server ]  ; why", "1[server]"},
        {"a=1", "1(a)(1)"},
        {"\ta \t=\t 1 \t", "1(a)(1)"},
        {"a=", "1(a)()"},
        {"a = = b", "1(a)(= b)"},
        {"A = B", "1(A)(B)"},
        /* comments want white space before them */
        {"; a = 1\n# a = 1\n  ; a\n", ""},
        {"a = 1 ; one", "1(a)(1)"},
        {"a = 1\t# one", "1(a)(1)"},
        {"a = ; nothing", "1(a)()"},
        {"a = x;y#z", "1(a)(x;y#z)"},
        {"url = https://h/p?a=1;b#c ;d", "1(url)(https://h/p?a=1;b#c)"},
        {"a ;= 1", "1!"},
        /* ends of lines, and of the text */
        {"[s]\r\na = 1\r\n", "1[s]2(a)(1)"},
        {"a = 1\n\n\nb = 2", "1(a)(1)4(b)(2)"},
        {"\xef\xbb\xbf[s]", "1[s]"},
        /* UTF-8 passes */
        {"a = \xc3\xa9", "1(a)(\xc3\xa9)"},
        /* mistakes, each of its line */
        {"[s\na = 1", "1!2(a)(1)"},
        {"[]", "1!"},
        {"[ ]", "1!"},
        {"[s] x", "1!"},
        {"[s]x", "1!"},
        {"[s];x", "1[s]"},
        {"nonsense\n[s]\nmore\na = 1", "1!2[s]3!4(a)(1)"},
        {"= 1", "1!"},
        {" = 1\nb = 2", "1!2(b)(2)"},
        {"a = \x01", "1!"},
        {"a = \x7f\nb = 1", "1!2(b)(1)"},
        {"a = 1\rb = 2", "1!"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].text, strlen(rows[i].text), rows[i].wanted);
}

static void
test_nul_hides_nothing(void **state)
{
    static const char text[] = "a = 1\0 and more\nb = 2";

    check(text, sizeof text - 1, "1!2(b)(2)");
}

/* libinih cuts these at 200 characters and reads the rest as another line. */
static void
test_long_lines(void **state)
{
    enum { LONG = 100000 };
    static char text[LONG + 16];
    struct buf wanted = BUF_INIT(1 << 20);

    memcpy(text, "a = ", 4);
    memset(text + 4, 'x', LONG);
    memcpy(text + 4 + LONG, "?t=b", 5);
    buf_printf(&wanted, "1(a)(%s)", text + 4);
    check(text, strlen(text), buf_text(&wanted));
    buf_done(&wanted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nul_hides_nothing),
        cmocka_unit_test(test_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
