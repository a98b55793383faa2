/* SPDX-License-Identifier: Apache-2.0 */
#include <modelhost/code.h>

#include "unit.h"

static void
every_code_has_its_own_name(void **state)
{
    static const char *const names[] = {
        "ok",       "not-found",     "denied",  "bad-input", "too-large",
        "upstream", "unreachable",   "timeout", "corrupt",   "io",
        "no-space", "out-of-memory", "busy",    "cancelled", "unsupported",
    };

    (void) state;
    assert_int_equal(COUNT(names), MH_UNSUPPORTED + 1);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(mh_code_name((enum mh_code) i), names[i]);
    assert_string_equal(mh_code_name((enum mh_code) COUNT(names)), "unknown");
    assert_string_equal(mh_code_name((enum mh_code) 4000), "unknown");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_has_its_own_name)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
