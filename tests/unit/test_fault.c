/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"
#include "unit.h"

#include <errno.h>

static void
sentence_and_detail(void **state)
{
    (void) state;

    struct mh_fault fault;

    memset(&fault, 'x', sizeof(fault));
    errno = EINTR;
    assert_int_equal(fail(&fault, MH_CORRUPT, 7, "'%s' is wrong", "a.bin"), MH_CORRUPT);
    assert_int_equal(errno, EINTR);
    assert_string_equal(fault.sentence, "'a.bin' is wrong");
    assert_int_equal(fault.foreign, 7);
    assert_string_equal(fault.expected, "");
    assert_string_equal(fault.found, "");
    assert_string_equal(fault.upstream, "");

    fault_expected(&fault, "%d bytes", 4);
    fault_found(&fault, "%d", 3);
    fault_prepend(&fault, "model '%s'", "m.json");
    fault_prepend(&fault, "pull");
    assert_string_equal(fault.sentence, "pull: model 'm.json': 'a.bin' is wrong");
    assert_string_equal(fault.expected, "4 bytes");
    assert_string_equal(fault.found, "3");
    assert_int_equal(errno, EINTR);
}

static void
errno_becomes_a_code(void **state)
{
    static const struct {
        int error;
        enum mh_code code;
    } rows[] = {
        {ENOSPC, MH_NO_SPACE}, {EDQUOT, MH_NO_SPACE}, {ENOENT, MH_NOT_FOUND},
        {EACCES, MH_DENIED},   {EPERM, MH_DENIED},    {EROFS, MH_DENIED},
        {ENOMEM, MH_NOMEM},    {EIO, MH_IO},          {EMFILE, MH_IO},
    };
    struct mh_fault fault;

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(fail_errno(&fault, rows[i].error, "open '%s'", "f"), rows[i].code);
    assert_int_equal(fail_errno(&fault, ENOENT, "open '%s'", "f"), MH_NOT_FOUND);
    assert_string_equal(fault.sentence, "open 'f': No such file or directory");
    assert_int_equal(fault.foreign, ENOENT);
}

static void
null_is_accepted(void **state)
{
    (void) state;
    assert_int_equal(fail(NULL, MH_BUSY, 0, "x"), MH_BUSY);
    assert_int_equal(fail_errno(NULL, ENOSPC, "x"), MH_NO_SPACE);
    fault_prepend(NULL, "x");
    fault_expected(NULL, "x");
    fault_found(NULL, "x");
}

static void
cut_at_a_characters_border(void **state)
{
    /* One, two, three and four bytes a character: with each, the room ends within one somewhere. */
    static const char *const characters[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};

    (void) state;
    for (size_t i = 0; i < COUNT(characters); i++) {
        size_t width = strlen(characters[i]);

        for (size_t shift = 0; shift < width; shift++) {
            char text[2000] = "";
            struct mh_fault fault;

            memset(text, '.', shift);
            for (size_t at = shift; at + width < sizeof(text); at += width)
                memcpy(text + at, characters[i], width);

            (void) fail(&fault, MH_IO, 0, "%s", text);

            size_t room = sizeof(fault.sentence) - 1;
            size_t wanted = shift + (room - shift) / width * width;

            assert_int_equal(strlen(fault.sentence), wanted);
            assert_memory_equal(fault.sentence, text, wanted);

            fault_prepend(&fault, "mm");
            wanted = 4 + shift + (room - 4 - shift) / width * width;
            assert_int_equal(strlen(fault.sentence), wanted);
            assert_memory_equal(fault.sentence + 4, text, wanted - 4);
            fault_found(&fault, "%s", text);
            room = sizeof(fault.found) - 1;
            assert_int_equal(strlen(fault.found), shift + (room - shift) / width * width);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_and_detail),
        cmocka_unit_test(errno_becomes_a_code),
        cmocka_unit_test(null_is_accepted),
        cmocka_unit_test(cut_at_a_characters_border),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
