/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"
#include "unit.h"

static void
blocks_are_zeroed_and_products_checked(void **state)
{
    (void) state;

    unsigned char *block = mem_calloc(7, 3);

    for (size_t i = 0; i < 21; i++)
        assert_int_equal(block[i], 0);
    block = mem_resize(block, 100, 10);
    assert_non_null(block);

    /* Through a volatile, so that the compiler does not see the overflow. */
    volatile size_t many = SIZE_MAX / 2;

    assert_null(mem_calloc(many, 4));
    assert_null(mem_resize(block, many, 4)); /* the block is unchanged */
    block[999] = 1;
    mem_free(block);
    mem_free(NULL);
}

static void
nothing_is_a_block(void **state)
{
    (void) state;

    void *none = mem_calloc(0, 8);
    char *empty = mem_dup(NULL, 0);

    assert_non_null(none);
    assert_non_null(empty);
    none = mem_resize(none, 0, 8);
    assert_non_null(none);
    mem_free(none);
    mem_free(empty);
}

static void
strings(void **state)
{
    (void) state;
    assert_null(str_dup(NULL));

    scoped(mem_freep) char *all = str_dup("model.json");
    scoped(mem_freep) char *part = str_dup_n("model.json", 5);
    scoped(mem_freep) char *made = str_printf("%s-%d", part, 16);
    scoped(mem_freep) char *bytes = mem_dup("a\0b", 3);

    assert_string_equal(all, "model.json");
    assert_string_equal(part, "model");
    assert_string_equal(made, "model-16");
    assert_memory_equal(bytes, "a\0b", 3);
}

static void
handing_over(void **state)
{
    (void) state;

    scoped(mem_freep) char *text = str_dup("x");
    char *taken = ptr_take(&text);

    assert_null(text);
    assert_string_equal(taken, "x");
    mem_freep(&taken);
    assert_null(taken);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_and_products_checked),
        cmocka_unit_test(nothing_is_a_block),
        cmocka_unit_test(strings),
        cmocka_unit_test(handing_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
