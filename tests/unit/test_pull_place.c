/* SPDX-License-Identifier: Apache-2.0 */
/* pull_place.c: a model's files come to where they are wanted, or nothing moves at all. */
#include "fd.h"
#include "pull_place.h"
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

struct fixture {
    char *directory;
    int from, to;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int top;

    assert_non_null(f);
    f->directory = test_dir_make();
    top = open(f->directory, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(top, "from", 0777), 0);
    assert_int_equal(mkdirat(top, "to", 0777), 0);
    f->from = openat(top, "from", O_RDONLY | O_DIRECTORY);
    f->to = openat(top, "to", O_RDONLY | O_DIRECTORY);
    assert_true(f->from >= 0 && f->to >= 0);
    fd_close(top);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    fd_close(f->from);
    fd_close(f->to);
    test_dir_remove(f->directory);
    free(f);
    return 0;
}

static void
put(int dir_fd, const char *name, const char *text)
{
    struct mh_fault fault = {0};

    assert_int_equal(fd_make_parents(dir_fd, name, &fault), MH_OK);
    assert_int_equal(fd_replace_file(dir_fd, name, text, strlen(text), 0666, false, &fault), MH_OK);
}

static void
check_file(int dir_fd, const char *name, const char *wanted)
{
    char *text = NULL;
    size_t n;
    struct mh_fault fault = {0};

    if (wanted == NULL) {
        CHECK(name, faccessat(dir_fd, name, F_OK, 0) < 0);
        return;
    }
    assert_int_equal(fd_read_file(dir_fd, name, 1000, &text, &n, &fault), MH_OK);
    CHECK_TEXT(name, text, wanted);
    free(text);
}

static void
test_moves_all(void **state)
{
    struct fixture *f = *state;
    struct mh_fault fault = {0};

    put(f->from, "model.json", "manifest");
    put(f->from, "group1-shard1of1", "shard");
    put(f->from, "deep/er/x.bin", "deep");
    put(f->to, "group1-shard1of1", "old");
    put(f->to, "other", "other");
    assert_int_equal(place_model(f->from, "model.json", f->to, "mine.json", &fault), MH_OK);
    check_file(f->to, "mine.json", "manifest");
    check_file(f->to, "group1-shard1of1", "shard");
    check_file(f->to, "deep/er/x.bin", "deep");
    check_file(f->to, "other", "other");
    check_file(f->to, "model.json", NULL);
}

static void
test_names_become_plain(void **state)
{
    struct fixture *f = *state;
    struct mh_fault fault = {0};

    put(f->from, "model.json%3Fa=1%2Fb", "manifest");
    put(f->from, "50%25.bin%3Fa=1%2Fb", "shard");
    put(f->from, "a%2Fb.bin", "slash");
    assert_int_equal(place_model(f->from, "model.json", f->to, "model.json", &fault), MH_OK);
    check_file(f->to, "model.json", "manifest");
    check_file(f->to, "50%.bin", "shard");
    check_file(f->to, "a%2Fb.bin", "slash");
}

/* Nothing has moved when anything is in the way. */
static void
test_in_the_way(void **state)
{
    struct fixture *f = *state;
    struct mh_fault fault = {0};

    put(f->from, "model.json", "manifest");
    put(f->from, "a.bin", "a");
    put(f->from, "b/c.bin", "c");
    put(f->to, "a.bin/file", "a directory is called like a shard");
    assert_int_equal(place_model(f->from, "model.json", f->to, "model.json", &fault), MH_BUSY);
    assert_non_null(strstr(fault.sentence, "'a.bin'"));
    check_file(f->to, "model.json", NULL);
    check_file(f->from, "b/c.bin", "c");

    assert_int_equal(unlinkat(f->to, "a.bin/file", 0), 0);
    assert_int_equal(unlinkat(f->to, "a.bin", AT_REMOVEDIR), 0);
    (void) unlinkat(f->to, "b", AT_REMOVEDIR);
    put(f->to, "b", "a file is called like a folder");
    assert_int_equal(place_model(f->from, "model.json", f->to, "model.json", &fault), MH_BUSY);
    assert_non_null(strstr(fault.sentence, "b"));
    check_file(f->to, "model.json", NULL);
    check_file(f->from, "a.bin", "a");
}

static void
test_leaves_by_no_link(void **state)
{
    struct fixture *f = *state;
    struct mh_fault fault = {0};

    put(f->from, "model.json", "manifest");
    put(f->from, "b/c.bin", "c");
    assert_int_equal(symlinkat(f->directory, f->to, "b"), 0);
    assert_int_not_equal(place_model(f->from, "model.json", f->to, "model.json", &fault), MH_OK);
    check_file(f->from, "b/c.bin", "c");
    check_file(f->to, "model.json", NULL);
}

static void
test_refusals(void **state)
{
    struct fixture *f = *state;
    struct mh_fault fault = {0};

    put(f->from, "model.json", "manifest");
    put(f->from, "a.bin", "a");
    assert_int_equal(place_model(f->from, "model.json", f->to, "a.bin", &fault), MH_BAD_INPUT);
    assert_int_equal(place_model(f->from, "none.json", f->to, "x.json", &fault), MH_NOT_FOUND);
    check_file(f->from, "a.bin", "a");
    check_file(f->from, "model.json", "manifest");
}

static void
test_remove_tree(void **state)
{
    struct fixture *f = *state;

    put(f->from, "t/a/b/c", "x");
    put(f->from, "t/d", "x");
    put(f->to, "stays", "x");
    assert_int_equal(symlinkat("../../to", f->from, "t/link"), 0);
    remove_tree(f->from, "t");
    check_file(f->from, "t", NULL);
    check_file(f->to, "stays", "x");
    remove_tree(f->from, "none");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_moves_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_become_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaves_by_no_link, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove_tree, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
