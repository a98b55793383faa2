/* SPDX-License-Identifier: Apache-2.0 */
/* inject.c: where a script goes in a page. '|' marks the place. */
#include "inject.h"
#include "unit.h"

static void
test_places(void **state)
{
    static const char *const rows[] = {
        "<html><body><p>a</p>|</body></html>",
        "<html><body><p>a</p>|</BODY\n></html>\n",
        "<p>a</p>|</html>",
        "<p>no end tags at all|",
        "|",
        "<script>s = '</body>'</script>|</body>",
        "<p></bodyguard></htmlx>|",
        "<p></body|",
        "<p></|",
        "|</body>",
        "<p>|</html></ body>",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *bar = strrchr(rows[i], '|');
        char html[128];
        const int n =
            snprintf(html, sizeof html, "%.*s%s", (int) (bar - rows[i]), rows[i], bar + 1);

        assert_true(n >= 0 && (size_t) n < sizeof html);
        CHECK(rows[i], inject_place(html, (size_t) n) == (size_t) (bar - rows[i]));
    }
}

/* The text is not terminated: nothing behind it is read. */
static void
test_length(void **state)
{
    const char text[] = "<p>a</body>";

    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *exact = malloc(n > 0 ? n : 1);

        assert_non_null(exact);
        memcpy(exact, text, n);
        assert_int_equal(inject_place(exact, n), n);
        free(exact);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_length)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
