/* SPDX-License-Identifier: Apache-2.0 */
#include "keyhash.h"
#include "unit.h"

static void
agrees_with_another_implementation(void **state)
{
    /* From CPython 3.11, whose hash() of bytes is SipHash-1-3 with a zero key under
     * PYTHONHASHSEED=0. */
    static const struct {
        const char *text;
        uint64_t wanted;
    } rows[] = {
        {"a", UINT64_C(0x407448D2B89B1813)},
        {"abc", UINT64_C(0xC03BC3A0042630F2)},
        {"weights", UINT64_C(0xE8D0E1EB46E632AA)},
        {"weightsM", UINT64_C(0xEA51099657031AC5)},
        {"weightsManifest", UINT64_C(0xB1FC2A938CDC62B5)},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct keyhash hash;

        keyhash_begin_with(&hash, 0, 0);
        keyhash_add(&hash, rows[i].text, strlen(rows[i].text));
        CHECK(rows[i].text, keyhash_end(&hash) == rows[i].wanted);
    }
}

static void
pieces_do_not_matter(void **state)
{
    uint8_t bytes[63];
    uint64_t seed = test_seed();

    (void) state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t) i;
    for (int round = 0; round < 1000; round++) {
        struct keyhash hash;

        keyhash_begin_with(&hash, 0, 0);
        for (size_t at = 0; at < sizeof(bytes);) {
            size_t n = test_random(&seed) % 20;

            n = n > sizeof(bytes) - at ? sizeof(bytes) - at : n;
            keyhash_add(&hash, bytes + at, n);
            at += n;
        }
        assert_true(keyhash_end(&hash) == UINT64_C(0x385D3E39E5F37359)); /* CPython's, too */
    }
}

static void
the_key_matters(void **state)
{
    struct keyhash hash;
    uint64_t values[3];
    const uint64_t keys[3][2] = {{0, 0}, {1, 0}, {0, 1}};

    (void) state;
    for (size_t i = 0; i < 3; i++) {
        keyhash_begin_with(&hash, keys[i][0], keys[i][1]);
        keyhash_add(&hash, "abc", 3);
        values[i] = keyhash_end(&hash);
    }
    assert_true(values[0] != values[1] && values[1] != values[2] && values[0] != values[2]);
    /* The process's own key is drawn once, and is not the zero key. */
    assert_true(keyhash_of("abc", 3) == keyhash_of("abc", 3));
    assert_true(keyhash_of("abc", 3) != values[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_another_implementation),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(the_key_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
