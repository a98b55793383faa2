/* SPDX-License-Identifier: Apache-2.0 */
#include "map.h"
#include "unit.h"

#define MANY 5000

static int values[MANY];

static void
key_of(size_t i, char ret[32])
{
    assert_true(snprintf(ret, 32, "tfjs-models/%zu", i) < 32);
}

static void
set_get_remove(void **state)
{
    struct map *map = map_new();
    char key[32];

    (void) state;
    assert_null(map_get(map, ""));
    assert_null(map_remove(map, "none"));
    for (size_t i = 0; i < MANY; i++) {
        key_of(i, key);
        assert_true(map_set(map, key, &values[i])); /* the key is copied */
    }
    assert_int_equal(map_count(map), MANY);
    for (size_t i = 0; i < MANY; i += 2) {
        key_of(i, key);
        assert_ptr_equal(map_remove(map, key), &values[i]);
    }
    assert_int_equal(map_count(map), MANY / 2);
    for (size_t i = 0; i < MANY; i++) {
        key_of(i, key);
        assert_ptr_equal(map_get(map, key), i % 2 == 0 ? NULL : &values[i]);
    }
    map_free(map);
    map_free(NULL);
}

static void
replacing_keeps_the_place(void **state)
{
    struct map *map = map_new();

    (void) state;
    assert_true(map_set(map, "a", &values[0]));
    assert_true(map_set(map, "b", &values[1]));
    assert_true(map_set(map, "", &values[2]));
    assert_true(map_set(map, "a", &values[3]));
    assert_int_equal(map_count(map), 3);

    struct map_entry *entry = map_first(map);

    assert_string_equal(map_key(entry), "a");
    assert_ptr_equal(map_value(entry), &values[3]);
    entry = map_next(entry);
    assert_string_equal(map_key(entry), "b");
    entry = map_next(entry);
    assert_string_equal(map_key(entry), "");
    assert_null(map_next(entry));
    map_free(map);
}

static void
removing_while_walking(void **state)
{
    struct map *map = map_new();
    size_t seen = 0;
    char key[32];

    (void) state;
    assert_null(map_first(map));
    for (size_t i = 0; i < 100; i++) {
        key_of(i, key);
        assert_true(map_set(map, key, &values[i]));
    }
    for (struct map_entry *entry = map_first(map); entry != NULL;) {
        struct map_entry *next = map_next(entry);

        assert_ptr_equal(map_value(entry), &values[seen++]);
        assert_non_null(map_remove(map, map_key(entry)));
        entry = next;
    }
    assert_int_equal(seen, 100);
    assert_int_equal(map_count(map), 0);
    map_free(map);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_get_remove),
        cmocka_unit_test(replacing_keeps_the_place),
        cmocka_unit_test(removing_while_walking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
