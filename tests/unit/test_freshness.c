/* SPDX-License-Identifier: Apache-2.0 */
/* freshness.c: what is stale, what names its content, what Cache-Control says. */
#include "freshness.h"

#include "unit.h"

#include <modelhost/host.h>

static const struct {
    const char *what;
    struct freshness_input input;
    enum freshness wanted;
} rows[] = {
    {"young", {.validated_at = 100, .now = 160, .revalidate_s = 60}, FRESHNESS_FRESH},
    {"old", {.validated_at = 100, .now = 161, .revalidate_s = 60}, FRESHNESS_STALE},
    {"clock went back", {.validated_at = 100, .now = 1, .revalidate_s = 60}, FRESHNESS_FRESH},
    {"never", {.now = 1000000, .revalidate_s = MH_REVALIDATE_NEVER}, FRESHNESS_FRESH},
    {"always", {.validated_at = 9, .revalidate_s = MH_REVALIDATE_ALWAYS}, FRESHNESS_STALE},
    {"immutable",
     {.is_immutable = true, .revalidate_s = MH_REVALIDATE_ALWAYS},
     FRESHNESS_IMMUTABLE},
};

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static const struct {
    const char *target;
    bool is_addressed;
} targets[] = {
    {"m/resolve/" COMMIT "/a.bin", true},
    {"m/resolve/" COMMIT "0/a.bin", false},
    {"m/resolve/" COMMIT, false},
    {"m/resolve/main/a.bin", false},
    {"m/a.bin?x=/resolve/" COMMIT "/", false},
    {"pkg@1.2.3/a.bin", true},
    {"@scope/pkg@1.2.3-rc.1/a.bin", true},
    {"pkg@1.2/a.bin", false},
    {"pkg@1/a.bin", false},
    {"pkg@latest/a.bin", false},
    {"pkg@1.2.3", false},
    {"a.bin?v=0123456789abcdef", true},
    {"a.bin?x=1&hash=0123456789abcdef&y=2", true},
    {"a.bin?v=0123456789abcde", false},
    {"a.bin?v=0123456789abcdeg", false},
    {"a.bin?rev=2", false},
    {"a.bin#?v=0123456789abcdef", false},
    {"", false},
};

static const struct {
    const char *text, *directive;
    bool has;
} directives[] = {
    {NULL, "immutable", false},
    {"", "immutable", false},
    {"immutable", "immutable", true},
    {"public, max-age=1, Immutable", "immutable", true},
    {"immutables", "immutable", false},
    {"x=\"a, immutable\"", "immutable", false},
    {"x=\"a\\\", immutable\", no-store", "no-store", true},
    {"x=\"open, immutable", "immutable", false},
    {"max-age=5", "max-age", true},
};

static void
test_freshness(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].what, freshness_of(&rows[i].input) == rows[i].wanted);
}

static void
test_addressed(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(targets); i++)
        CHECK(targets[i].target,
              freshness_is_addressed(targets[i].target) == targets[i].is_addressed);
}

static void
test_directives(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(directives); i++)
        CHECK(directives[i].text ? directives[i].text : "none",
              cache_control_has(directives[i].text, directives[i].directive) == directives[i].has);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_addressed),
        cmocka_unit_test(test_directives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
