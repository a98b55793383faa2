/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"
#include "unit.h"

static int items[100];
static int released;

static void
count_release(void *item)
{
    assert_ptr_equal(item, &items[released]);
    released++;
}

static void
adds_up_to_the_ceiling(void **state)
{
    struct list list = LIST_INIT(20);

    (void) state;
    for (size_t i = 0; i < 20; i++)
        assert_true(list_add(&list, &items[i]));
    assert_false(list_add(&list, &items[20]));
    assert_int_equal(list.count, 20);
    released = 0;
    list_done(&list, count_release);
    assert_int_equal(released, 20);
    assert_int_equal(list.count, 0);
    assert_true(list_add(&list, &items[0])); /* it may be used again, under the same ceiling */
    assert_int_equal(list.max, 20);
    list_done(&list, NULL);
}

static void
no_ceiling_and_removing(void **state)
{
    struct list list = LIST_INIT(0);

    (void) state;
    for (size_t i = 0; i < 100; i++)
        assert_true(list_add(&list, &items[i]));
    list_remove_at(&list, 0);
    list_remove_at(&list, 98); /* the last */
    list_remove_at(&list, 98); /* beyond it: nothing happens */
    list_remove_at(&list, 10);
    assert_int_equal(list.count, 97);
    assert_ptr_equal(list.items[0], &items[1]);
    assert_ptr_equal(list.items[9], &items[10]);
    assert_ptr_equal(list.items[10], &items[12]);
    assert_ptr_equal(list.items[96], &items[98]);
    list_done(&list, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_up_to_the_ceiling),
        cmocka_unit_test(no_ceiling_and_removing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
