/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at every place in turn: each scenario is run with its first allocation
 * failing, then its second, and so on until none fails. It must say so, and leave nothing behind
 * (the sanitizers see to that). base/mem.c is the one door to the heap, so it is compiled into this
 * test with a door-keeper. cJSON's own allocations are not counted. */
#include "unit.h"

static size_t allowed = SIZE_MAX;
static bool was_refused;

static bool
is_refused(void)
{
    if (allowed > 0) {
        allowed--;
        return false;
    }
    was_refused = true;
    return true;
}

static void *
kept_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : calloc(count, size);
}

static void *
kept_realloc(void *block, size_t n)
{
    return is_refused() ? NULL : realloc(block, n);
}

#define calloc  kept_calloc
#define realloc kept_realloc
#include "../../base/mem.c" /* NOLINT(bugprone-suspicious-include): see above */
#undef calloc
#undef realloc

#include "buf.h"
#include "fd.h"
#include "hash.h"
#include "json.h"
#include "list.h"
#include "map.h"

#include <fcntl.h>
#include <unistd.h>

static struct mh_fault fault;

/* true: it was done; false: memory ran out, and it said so. */
typedef bool scenario(void);

static bool
fill_a_map(void)
{
    static int value;
    struct map *map = map_new();
    bool is_ok = map != NULL;
    size_t count = 0;

    /* Enough keys for the table to grow. */
    for (int i = 0; is_ok && i < 400; i++) {
        char key[16];

        assert_true(snprintf(key, sizeof(key), "key-%d", i) > 0);
        is_ok = map_set(map, key, &value);
        count += is_ok;
        assert_true(is_ok == (map_get(map, key) != NULL));
        assert_int_equal(map_count(map), count);
    }
    map_free(map);
    return is_ok;
}

static bool
fill_a_list(void)
{
    struct list list = LIST_INIT(0);
    bool is_ok = true;

    for (size_t i = 0; is_ok && i < 100; i++) {
        is_ok = list_add(&list, &list);
        assert_int_equal(list.count, i + is_ok);
    }
    list_done(&list, NULL);
    return is_ok;
}

static bool
fill_a_buffer(void)
{
    struct buf buf = BUF_INIT(10000);

    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%d", i % 10);

    size_t n = buf.length;
    bool is_ok = buf_is_ok(&buf);
    char *text = buf_take(&buf);

    assert_true(is_ok == (n == 1000));
    assert_true(is_ok == (text != NULL));
    mem_free(text);
    return is_ok;
}

static bool
is_done(enum mh_code code)
{
    assert_true(code == MH_OK || code == MH_NOMEM);
    if (code == MH_NOMEM)
        assert_non_null(strstr(fault.sentence, "out of memory"));
    return code == MH_OK;
}

static bool
scan_json(void)
{
    static const char *const names[] = {"kept"};
    struct json_scan *scan = json_scan_new(names, 1, 10000, false);
    struct buf text = BUF_INIT(10000);
    size_t saved = allowed;
    enum mh_code code;

    if (scan == NULL)
        return false;
    allowed = SIZE_MAX;
    buf_add_str(&text, "{\"kept\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]],\"o\":{");
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "%s\"%d\":0", i > 0 ? "," : "", i);
    buf_add_str(&text, "}}");
    allowed = saved;
    fault.sentence[0] = '\0';
    code = json_scan_feed(scan, buf_text(&text), text.length, &fault);
    if (code == MH_OK)
        code = json_scan_end(scan, &fault);
    json_scan_free(scan);
    buf_done(&text);
    return is_done(code);
}

static bool
parse_json(void)
{
    struct json *tree = NULL;
    bool is_ok = is_done(json_parse("{\"a\":[1]}", 9, &tree, &fault));

    assert_true(is_ok == (tree != NULL));
    json_free(tree);
    return is_ok;
}

static bool
make_a_hash(void)
{
    struct hash *hash = hash_new(HASH_SHA256);

    hash_free(hash);
    return hash != NULL;
}

static int dir_fd = -1;

static bool
handle_files(void)
{
    char *text = NULL;
    size_t n;
    bool is_ok = is_done(fd_make_parents(dir_fd, "a/b/c", &fault)) &&
                 is_done(fd_replace_file(dir_fd, "a/b/c", "x", 1, 0600, false, &fault)) &&
                 is_done(fd_sync_parents(dir_fd, "a/b/c", &fault)) &&
                 is_done(fd_read_file(dir_fd, "a/b/c", 10, &text, &n, &fault));

    mem_free(text);
    return is_ok;
}

static void
says_so_wherever_it_happens(void **state)
{
    static const struct {
        const char *name;
        scenario *run;
    } rows[] = {
        {"map", fill_a_map},   {"list", fill_a_list}, {"buf", fill_a_buffer},  {"scan", scan_json},
        {"parse", parse_json}, {"hash", make_a_hash}, {"files", handle_files},
    };
    char *path = test_dir_make();

    (void) state;
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir_fd >= 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_ok = false;
        size_t failures = 0;

        for (; !is_ok && failures < 2000; failures++) {
            allowed = failures;
            was_refused = false;
            is_ok = rows[i].run();
            CHECK(rows[i].name, is_ok == !was_refused);
            allowed = SIZE_MAX;
        }
        CHECK(rows[i].name, is_ok);
        CHECK(rows[i].name, failures > 1);
    }
    close(dir_fd);
    test_dir_remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_so_wherever_it_happens)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
