/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"
#include "mem.h"
#include "unit.h"

static void
grows_and_stays_terminated(void **state)
{
    (void) state;

    struct buf buf = BUF_INIT(100000);

    assert_string_equal(buf_text(&buf), "");
    for (int i = 0; i < 1000; i++) {
        buf_printf(&buf, "%d,", i);
        assert_int_equal(buf.text[buf.length], '\0');
        assert_true(buf.length < buf.room);
    }
    buf_add_char(&buf, '!');
    buf_add_str(&buf, "end");
    buf_add(&buf, "\0x", 2);
    assert_true(buf_is_ok(&buf));
    assert_int_equal(buf.length, 3890 + 1 + 3 + 2);
    assert_memory_equal(buf.text + 3886, "999,!e", 6);
    buf_done(&buf);
    assert_int_equal(buf.max, 100000);
    buf_add_str(&buf, "again");
    assert_string_equal(buf_text(&buf), "again");
    buf_done(&buf);
}

static void
ceiling_is_exact_and_sticky(void **state)
{
    (void) state;

    struct buf buf = BUF_INIT(5);

    buf_add_str(&buf, "12345");
    assert_true(buf_is_ok(&buf));
    buf_add(&buf, "", 0);
    assert_true(buf_is_ok(&buf));
    buf_add_char(&buf, '6');
    assert_false(buf_is_ok(&buf));
    assert_string_equal(buf_text(&buf), "12345");

    buf_clear(&buf);
    assert_true(buf_is_ok(&buf));
    buf_add_str(&buf, "1234");
    buf_printf(&buf, "%s", "56"); /* does not fit: nothing of it is added, nor of what follows */
    buf_add_char(&buf, '5');
    assert_false(buf_is_ok(&buf));
    assert_string_equal(buf_text(&buf), "1234");
    assert_null(buf_take(&buf));
    assert_true(buf_is_ok(&buf));
    assert_int_equal(buf.length, 0);
    buf_done(&buf);
}

static void
taking(void **state)
{
    (void) state;

    struct buf buf = BUF_INIT(SIZE_MAX);
    char *empty = buf_take(&buf);

    assert_string_equal(empty, "");
    mem_free(empty);
    buf_add_str(&buf, "abc");

    char *text = buf_take(&buf);

    assert_string_equal(text, "abc");
    assert_null(buf.text);
    assert_int_equal(buf.length, 0);
    mem_free(text);
}

static void
zero_ceiling_holds_nothing(void **state)
{
    (void) state;

    struct buf buf = BUF_INIT(0);

    buf_add_str(&buf, "");
    assert_true(buf_is_ok(&buf));
    buf_add_char(&buf, 'x');
    assert_false(buf_is_ok(&buf));
    buf_done(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(ceiling_is_exact_and_sticky),
        cmocka_unit_test(taking),
        cmocka_unit_test(zero_ceiling_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
