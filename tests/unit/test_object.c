/* SPDX-License-Identifier: Apache-2.0 */
/* object.c and model.c: what is let go takes with it what it alone kept, in whatever order things
 * stand in the index. */
#include "clocks.h"
#include "host_internal.h"
#include "mem.h"
#include "meta.h"
#include "model.h"
#include "unit.h"

#define ELEVEN_MINUTES_MS (11u * 60 * 1000)

static const struct mirror mirror = {.name = (char *) "m", .path = (char *) "/m/"};

/* A manifest that is known and not cached. */
static struct object *
learn(struct mh_host *host, const char *name, struct meta_part *parts, size_t n)
{
    struct meta meta = {.parts = parts, .part_count = n};
    struct object *manifest = object_get_locked(host, &mirror, name, name);

    assert_non_null(manifest);
    assert_int_equal(model_learn_locked(manifest, &meta, NULL), MH_OK);
    /* Zero would mean that it is there. */
    manifest->model->lost_ms = clock_mono_ms() - ELEVEN_MINUTES_MS;
    manifest->model->lost_ms += manifest->model->lost_ms == 0;
    return manifest;
}

static struct mh_host *
host_with_index(void)
{
    struct mh_host *host = mem_new(struct mh_host);

    assert_non_null(host);
    host->index = map_new();
    assert_non_null(host->index);
    return host;
}

static void
host_done(struct mh_host *host)
{
    object_free_all(host);
    mem_free(host);
}

/* The parts stand behind their manifest in the index, and go while it is walked. */
static void
test_parts_go_with_their_manifest(void **state)
{
    struct meta_part parts[] = {{.name = (char *) "b", .target = (char *) "b"},
                                {.name = (char *) "c", .target = (char *) "c"}};
    struct mh_host *host = host_with_index();

    (void) state;
    (void) learn(host, "a", parts, COUNT(parts));
    assert_int_equal(map_count(host->index), 3);
    object_sweep_all_locked(host);
    assert_int_equal(map_count(host->index), 0);
    host_done(host);
}

/* Two that name each other keep each other, until both are old. */
static void
test_manifests_that_name_each_other(void **state)
{
    struct meta_part to_b = {.name = (char *) "b", .target = (char *) "b"};
    struct meta_part to_a = {.name = (char *) "a", .target = (char *) "a"};
    struct mh_host *host = host_with_index();

    (void) state;
    (void) learn(host, "a", &to_b, 1);
    (void) learn(host, "b", &to_a, 1);
    object_sweep_all_locked(host);
    assert_int_equal(map_count(host->index), 0);
    host_done(host);
}

/* Those that wait for a recheck are let go before the parts are. */
static void
test_forgotten_while_rechecked(void **state)
{
    struct meta_part part = {.name = (char *) "b", .target = (char *) "b"};
    struct mh_host *host = host_with_index();
    struct object *manifest = learn(host, "a", &part, 1);

    (void) state;
    manifest->model->is_rechecking = true;
    model_forget_locked(manifest);
    assert_int_equal(map_count(host->index), 1); /* the part is gone */
    host_done(host);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_go_with_their_manifest),
        cmocka_unit_test(test_manifests_that_name_each_other),
        cmocka_unit_test(test_forgotten_while_rechecked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
