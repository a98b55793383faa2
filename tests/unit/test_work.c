/* SPDX-License-Identifier: Apache-2.0 */
/* work.c: every item runs once per submit, also those that are submitted while it stops. */
#include "work.h"

#include "unit.h"

#include <stdatomic.h>

#define ITEMS 1000

struct counted {
    struct work_item item; /* first: the item is the struct */
    struct work_pool *pool;
    atomic_uint runs;
    unsigned wanted;
};

static void
count(struct work_item *item)
{
    struct counted *counted = (struct counted *) (void *) item;

    if (atomic_fetch_add(&counted->runs, 1) + 1 < counted->wanted)
        work_submit(counted->pool, item);
}

static void
test_all_run(void **state)
{
    static struct counted items[ITEMS];
    struct work_pool *pool = NULL;

    (void) state;
    assert_int_equal(work_new(3, &pool, NULL), MH_OK);
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i].item.run = count;
        items[i].pool = pool;
        items[i].wanted = 1 + i % 3;
        work_submit(pool, &items[i].item);
    }
    work_stop(pool); /* most are queued still, and will submit themselves again */
    for (unsigned i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&items[i].runs), items[i].wanted);
    work_free(pool);
    work_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_run)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
