/* SPDX-License-Identifier: Apache-2.0 */
/* The store: layout, its one writer, publishes and where they lie, the journal, partial files and
 * the scan. What happens when a process dies in the middle is tests/torture/. */
#include "store.h"

#include "name.h"
#include "store_fixture.h"

#include <dirent.h>
#include <sys/file.h>

#define MIRROR "m"

struct cache {
    char *dir;
    struct store *store;
};

static void
open_cache(struct cache *cache)
{
    struct mh_fault fault = {0};

    if (store_open(cache->dir, &cache->store, &fault) != MH_OK)
        fail_msg("%s", fault.sentence);
}

static int
set_up(void **state)
{
    struct cache *cache = mem_new(struct cache);

    cache->dir = test_dir_make();
    open_cache(cache);
    *state = cache;
    return 0;
}

static int
tear_down(void **state)
{
    struct cache *cache = *state;

    store_close(cache->store);
    test_dir_remove(cache->dir);
    mem_free(cache);
    return 0;
}

static void
reopen(struct cache *cache)
{
    store_close(cache->store);
    cache->store = NULL;
    open_cache(cache);
}

/* Publish one object and say where it lies. */
static char *
publish(const struct cache *cache, const char *name, const char *bytes)
{
    struct meta meta = fixture_meta(name, bytes);
    char *url = fixture_url(name);
    char id[STORE_ID_SIZE];
    struct store_step step = {
        .action = STORE_PUBLISH, .mirror = MIRROR, .partial_id = id, .url = url, .meta = &meta};
    struct mh_fault fault = {0};

    fixture_receive(cache->store, MIRROR, name, bytes, id);
    if (store_commit(cache->store, &step, 1, &fault) != MH_OK)
        fail_msg("publish '%s': %s", name, fault.sentence);
    assert_true(meta.mtime_ns != 0);
    meta_done(&meta);
    mem_free(url);
    return step.place;
}

/* What a reader gets: the object's bytes by its metadata, or NULL. */
static char *
fetch(const struct cache *cache, const char *name)
{
    char *url = fixture_url(name);
    struct meta meta = {0};
    char *place = NULL;
    char *bytes = NULL;
    uint8_t digest[32];
    int fd = -1;
    enum mh_code code = store_read_meta(cache->store, MIRROR, name, url, &meta, &place, NULL);

    mem_free(url);
    if (code == MH_NOT_FOUND)
        return NULL;
    assert_int_equal(code, MH_OK);
    assert_string_equal(meta.name, name);
    assert_int_equal(store_open_object(cache->store, MIRROR, place, &meta, &fd, NULL), MH_OK);
    bytes = mem_calloc(meta.bytes + 1, 1);
    assert_int_equal(fd_pread_full(fd, bytes, meta.bytes + 1, 0), meta.bytes);
    hash_sha256(bytes, meta.bytes, digest);
    assert_memory_equal(digest, meta.sha256, 32);
    fd_close(fd);
    meta_done(&meta);
    mem_free(place);
    return bytes;
}

static void
assert_holds(const struct cache *cache, const char *name, const char *bytes)
{
    char *got = fetch(cache, name);

    if (!got != !bytes || (got && strcmp(got, bytes) != 0))
        fail_msg("'%s' holds '%s', not '%s'", name, got ? got : "nothing",
                 bytes ? bytes : "nothing");
    mem_free(got);
}

static void
assert_file(const struct cache *cache, const char *path, const char *bytes)
{
    char *got = fixture_read(cache->dir, path);

    if (!got != !bytes || (got && strcmp(got, bytes) != 0))
        fail_msg("file '%s' holds '%s'", path, got ? got : "nothing");
    mem_free(got);
}

static bool
exists(const struct cache *cache, const char *path)
{
    struct stat st;

    return fstatat(store_dir_fd(cache->store), path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How many names a folder of the cache holds. */
static size_t
count_in(const struct cache *cache, const char *path)
{
    char *full = str_printf("%s/%s", cache->dir, path);
    DIR *dir = opendir(full);
    size_t count = 0;

    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        count += e->d_name[0] != '.';
    (void) closedir(dir);
    mem_free(full);
    return count;
}

/* A commit leaves nothing behind it. */
static void
assert_tidy(const struct cache *cache)
{
    assert_int_equal(count_in(cache, "journal"), 1);
    assert_int_equal(count_in(cache, "partial"), 0);
}

/* --- opening --- */

static void
test_layout(void **state)
{
    struct cache *cache = *state;
    char *pid = str_printf("%d\n", (int) getpid());

    assert_file(cache, "FORMAT", "1\n");
    assert_file(cache, "LOCK", pid);
    mem_free(pid);
    for (size_t i = 0; i < 5; i++)
        assert_true(exists(
            cache, ((const char *[]){"objects", "meta", "encoded", "partial", "journal"})[i]));
    assert_true(store_free_bytes(cache->store) > 0);
    assert_int_equal(strlen(store_boot_id(cache->store)), 36);
    reopen(cache);
}

static void
test_made_with_parents(void **state)
{
    struct cache *cache = *state;
    char *dir = str_printf("%s/a/b/c", cache->dir);
    struct store *store = NULL;

    assert_int_equal(store_open(dir, &store, NULL), MH_OK);
    store_close(store);
    mem_free(dir);
}

static void
test_second_writer(void **state)
{
    struct cache *cache = *state;
    struct store *second = NULL;
    struct mh_fault fault = {0};
    char *pid = str_printf("process %d:", (int) getpid());

    assert_int_equal(store_open(cache->dir, &second, &fault), MH_BUSY);
    assert_null(second);
    assert_non_null(strstr(fault.sentence, pid));
    mem_free(pid);
    assert_non_null(strstr(fault.sentence, cache->dir));
    /* The refused one has not harmed the first. */
    mem_free(publish(cache, "a", "1"));
    assert_holds(cache, "a", "1");
}

static void
test_format(void **state)
{
    static const struct {
        const char *text;
        enum mh_code code;
        const char *says;
    } rows[] = {
        {"1\n", MH_OK, NULL},
        {"1", MH_OK, NULL},
        {"2\n", MH_UNSUPPORTED, "has format 2, and this modelhost knows format 1"},
        {"0\n", MH_CORRUPT, "FORMAT"},
        {"x\n", MH_CORRUPT, "FORMAT"},
        {"", MH_CORRUPT, "FORMAT"},
    };
    struct cache *cache = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mh_fault fault = {0};

        store_close(cache->store);
        cache->store = NULL;
        fixture_write(cache->dir, "FORMAT", rows[i].text);
        CHECK(rows[i].text, store_open(cache->dir, &cache->store, &fault) == rows[i].code);
        CHECK(rows[i].text, !rows[i].says || strstr(fault.sentence, rows[i].says));
    }
}

static void
test_folder_in_the_way(void **state)
{
    struct cache *cache = *state;
    struct mh_fault fault = {0};
    char *objects = str_printf("%s/objects", cache->dir);

    store_close(cache->store);
    cache->store = NULL;
    assert_int_equal(rmdir(objects), 0);
    assert_int_equal(symlink("/tmp", objects), 0);
    assert_int_equal(store_open(cache->dir, &cache->store, &fault), MH_IO);
    assert_non_null(strstr(fault.sentence, objects));
    assert_int_equal(unlink(objects), 0);
    mem_free(objects);
    open_cache(cache);
}

/* --- publishing --- */

static void
test_publish(void **state)
{
    struct cache *cache = *state;
    char *place = publish(cache, "a/b/s.bin", "bytes");

    assert_string_equal(place, "a/b/s.bin");
    mem_free(place);
    assert_file(cache, "objects/" MIRROR "/a/b/s.bin", "bytes");
    assert_true(exists(cache, "meta/" MIRROR "/a/b/s.bin.json"));
    assert_holds(cache, "a/b/s.bin", "bytes");
    assert_holds(cache, "a/b", NULL);
    assert_holds(cache, "a/b/s.bin/c", NULL);
    assert_tidy(cache);
    reopen(cache);
    assert_holds(cache, "a/b/s.bin", "bytes");
}

static void
test_replace(void **state)
{
    struct cache *cache = *state;

    mem_free(publish(cache, "s.bin", "old"));
    mem_free(publish(cache, "s.bin", "newer"));
    assert_holds(cache, "s.bin", "newer");
    assert_tidy(cache);
}

static void
test_empty_object(void **state)
{
    struct cache *cache = *state;

    mem_free(publish(cache, "empty.data", ""));
    assert_holds(cache, "empty.data", "");
}

static void
test_meta_and_remove(void **state)
{
    struct cache *cache = *state;
    char *place = publish(cache, "a/s.bin", "bytes");
    struct meta meta = {0};
    char *read_place = NULL;
    struct store_step step = {
        .action = STORE_META, .mirror = MIRROR, .meta = &meta, .place = place};

    assert_int_equal(
        store_read_meta(cache->store, MIRROR, "a/s.bin", NULL, &meta, &read_place, NULL), MH_OK);
    meta.is_pinned = true;
    assert_int_equal(store_commit(cache->store, &step, 1, NULL), MH_OK);
    meta_done(&meta);
    mem_free(read_place);
    assert_int_equal(
        store_read_meta(cache->store, MIRROR, "a/s.bin", NULL, &meta, &read_place, NULL), MH_OK);
    assert_true(meta.is_pinned);
    meta_done(&meta);
    mem_free(read_place);
    assert_holds(cache, "a/s.bin", "bytes");

    step = (struct store_step){.action = STORE_REMOVE, .mirror = MIRROR, .place = place};
    assert_int_equal(store_commit(cache->store, &step, 1, NULL), MH_OK);
    assert_holds(cache, "a/s.bin", NULL);
    /* With the directories that it leaves empty, but not the cache's own. */
    assert_false(exists(cache, "objects/" MIRROR));
    assert_false(exists(cache, "meta/" MIRROR));
    assert_true(exists(cache, "objects"));
    assert_tidy(cache);
    /* Once more: what is gone is gone. */
    assert_int_equal(store_commit(cache->store, &step, 1, NULL), MH_OK);
    mem_free(place);
}

static void
test_not_as_recorded(void **state)
{
    struct cache *cache = *state;
    char *place = publish(cache, "s.bin", "bytes");
    struct meta meta = {0};
    char *read_place = NULL;
    struct mh_fault fault = {0};
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    int fd = -1;

    assert_int_equal(store_read_meta(cache->store, MIRROR, "s.bin", NULL, &meta, &read_place, NULL),
                     MH_OK);
    /* The same length at another time, and another length. */
    assert_int_equal(utimensat(store_dir_fd(cache->store), "objects/" MIRROR "/s.bin", times, 0),
                     0);
    assert_int_equal(store_open_object(cache->store, MIRROR, place, &meta, &fd, &fault),
                     MH_CORRUPT);
    fixture_write(cache->dir, "objects/" MIRROR "/s.bin", "more bytes");
    assert_int_equal(store_open_object(cache->store, MIRROR, place, &meta, &fd, &fault),
                     MH_CORRUPT);
    assert_string_equal(fault.expected, "5 bytes");
    assert_string_equal(fault.found, "10 bytes");
    assert_int_equal(unlinkat(store_dir_fd(cache->store), "objects/" MIRROR "/s.bin", 0), 0);
    assert_int_equal(store_open_object(cache->store, MIRROR, place, &meta, &fd, &fault),
                     MH_NOT_FOUND);
    assert_int_equal(fd, -1);
    meta_done(&meta);
    mem_free(read_place);
    mem_free(place);
}

static void
test_damaged_metadata(void **state)
{
    struct cache *cache = *state;
    struct meta meta = {0};
    char *place = NULL;
    struct mh_fault fault = {0};

    mem_free(publish(cache, "s.bin", "bytes"));
    fixture_write(cache->dir, "meta/" MIRROR "/s.bin.json", "{\"name\":");
    assert_int_equal(store_read_meta(cache->store, MIRROR, "s.bin", "u", &meta, &place, &fault),
                     MH_CORRUPT);
    assert_non_null(strstr(fault.sentence, "meta/" MIRROR "/s.bin.json"));
    assert_null(place);
    /* A publish mends it. */
    mem_free(publish(cache, "s.bin", "bytes"));
    assert_holds(cache, "s.bin", "bytes");
}

/* Metadata that was copied to another place is not that object's. */
static void
test_metadata_of_another(void **state)
{
    struct cache *cache = *state;
    char *text;

    mem_free(publish(cache, "a", "1"));
    text = fixture_read(cache->dir, "meta/" MIRROR "/a.json");
    fixture_write(cache->dir, "meta/" MIRROR "/b.json", text);
    assert_holds(cache, "b", NULL);
    mem_free(text);
}

/* --- places --- */

static void
assert_hashed(const char *name, char *place)
{
    char *url = fixture_url(name);
    char hashed[NAME_PLACE_SIZE];

    name_hashed_place(url, hashed);
    CHECK_TEXT(name, place, hashed);
    mem_free(url);
    mem_free(place);
}

static void
test_hashed_places(void **state)
{
    struct cache *cache = *state;
    char long_name[400];

    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    assert_hashed(long_name, publish(cache, long_name, "long"));
    assert_hashed("a//b", publish(cache, "a//b", "double"));
    assert_hashed("folder/", publish(cache, "folder/", "slash"));
    assert_holds(cache, long_name, "long");
    assert_holds(cache, "a//b", "double");
    assert_holds(cache, "folder/", "slash");
    mem_free(publish(cache, "a//b", "again"));
    assert_holds(cache, "a//b", "again");
}

static void
test_collisions(void **state)
{
    struct cache *cache = *state;

    /* A file where a directory would have to be, in objects/. */
    mem_free(publish(cache, "4", "four"));
    assert_hashed("4/model.json", publish(cache, "4/model.json", "{}"));
    /* A directory where a file would have to be. */
    mem_free(publish(cache, "5/model.json", "{}"));
    assert_hashed("5", publish(cache, "5", "five"));
    /* The metadata of "a" is "a.json", where the directory of "a.json/x" would be; and back. */
    mem_free(publish(cache, "a", "1"));
    assert_hashed("a.json/x", publish(cache, "a.json/x", "2"));
    mem_free(publish(cache, "b.json/x", "3"));
    assert_hashed("b", publish(cache, "b", "4"));
    assert_holds(cache, "4", "four");
    assert_holds(cache, "4/model.json", "{}");
    assert_holds(cache, "5", "five");
    assert_holds(cache, "5/model.json", "{}");
    assert_holds(cache, "a", "1");
    assert_holds(cache, "a.json/x", "2");
    assert_holds(cache, "b.json/x", "3");
    assert_holds(cache, "b", "4");
    /* The directories that a refused place had needed are gone again. */
    assert_false(exists(cache, "objects/" MIRROR "/a.json"));
    assert_tidy(cache);
}

/* What collided once, and no more, moves to its own place; no copy stays behind. */
static void
test_other_place_goes(void **state)
{
    struct cache *cache = *state;
    char *url = fixture_url("4/x");
    char hashed[NAME_PLACE_SIZE];
    char *path;
    struct store_step step = {.action = STORE_REMOVE, .mirror = MIRROR, .place = str_dup("4")};

    name_hashed_place(url, hashed);
    mem_free(publish(cache, "4", "four"));
    assert_hashed("4/x", publish(cache, "4/x", "old"));
    path = str_printf("objects/" MIRROR "/%s", hashed);
    assert_true(exists(cache, path));
    assert_int_equal(store_commit(cache->store, &step, 1, NULL), MH_OK);
    char *place = publish(cache, "4/x", "new");

    assert_string_equal(place, "4/x");
    assert_false(exists(cache, path));
    assert_holds(cache, "4/x", "new");
    /* And the other way: a plain copy that a hashed one replaces. */
    mem_free(path);
    mem_free(place);
    mem_free(url);
    mem_free(step.place);
    mem_free(publish(cache, "c", "plain"));
    assert_int_equal(unlinkat(store_dir_fd(cache->store), "objects/" MIRROR "/c", 0), 0);
    mem_free(publish(cache, "c/d", "x"));
    assert_hashed("c", publish(cache, "c", "hashed"));
    assert_false(exists(cache, "meta/" MIRROR "/c.json"));
    assert_holds(cache, "c", "hashed");
    assert_holds(cache, "c/d", "x");
}

/* A removal never takes the objects along that lie below its place. */
static void
test_remove_spares_directory(void **state)
{
    struct cache *cache = *state;
    struct store_step step = {.action = STORE_REMOVE, .mirror = MIRROR, .place = str_dup("c")};

    mem_free(publish(cache, "c/d", "x"));
    assert_int_equal(store_commit(cache->store, &step, 1, NULL), MH_OK);
    assert_holds(cache, "c/d", "x");
    mem_free(step.place);
}

/* --- sets --- */

#define SET 24

struct set {
    struct meta metas[SET];
    char ids[SET][STORE_ID_SIZE];
    struct store_step steps[SET];
};

static void
set_make(struct set *set, const struct cache *cache, const char *const *names, size_t count,
         const char *bytes)
{
    *set = (struct set){0};
    for (size_t i = 0; i < count; i++) {
        set->metas[i] = fixture_meta(names[i], bytes);
        fixture_receive(cache->store, MIRROR, names[i], bytes, set->ids[i]);
        set->steps[i] = (struct store_step){.action = STORE_PUBLISH,
                                            .mirror = MIRROR,
                                            .partial_id = set->ids[i],
                                            .meta = &set->metas[i]};
    }
}

static void
set_done(struct set *set)
{
    for (size_t i = 0; i < SET; i++) {
        if (set->steps[i].action == STORE_PUBLISH)
            mem_free(set->steps[i].place);
        meta_done(&set->metas[i]);
    }
}

static void
test_set(void **state)
{
    static const char *const names[] = {"a/model.json", "a/s1", "a/s2", "b/s3"};
    struct cache *cache = *state;
    struct set set;

    for (int round = 0; round < 3; round++) {
        const char *bytes = (const char *[]){"one", "two!", "three"}[round];

        set_make(&set, cache, names, COUNT(names), bytes);
        assert_int_equal(store_commit(cache->store, set.steps, COUNT(names), NULL), MH_OK);
        for (size_t i = 0; i < COUNT(names); i++) {
            assert_string_equal(set.steps[i].place, names[i]);
            assert_holds(cache, names[i], bytes);
        }
        set_done(&set);
        assert_tidy(cache);
    }
}

/* Files and directories of one commit see each other. */
static void
test_set_collides_with_itself(void **state)
{
    static const char *const names[] = {"x", "x/y", "z/w", "z", "p", "p.json/q"};
    struct cache *cache = *state;
    struct set set;
    struct mh_fault fault = {0};

    set_make(&set, cache, names, COUNT(names), "same");
    if (store_commit(cache->store, set.steps, COUNT(names), &fault) != MH_OK)
        fail_msg("%s", fault.sentence);
    assert_string_equal(set.steps[0].place, "x");
    assert_int_equal(strncmp(set.steps[1].place, "%/", 2), 0);
    assert_string_equal(set.steps[2].place, "z/w");
    assert_int_equal(strncmp(set.steps[3].place, "%/", 2), 0);
    assert_string_equal(set.steps[4].place, "p");
    assert_int_equal(strncmp(set.steps[5].place, "%/", 2), 0);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_holds(cache, names[i], "same");
    set_done(&set);
}

static void
test_set_with_removal(void **state)
{
    static const char *const names[] = {"a", "b"};
    struct cache *cache = *state;
    struct set set;

    mem_free(publish(cache, "a", "old a"));
    mem_free(publish(cache, "c", "old c"));
    set_make(&set, cache, names, COUNT(names), "new");
    /* "a" both published and removed: it stays. */
    set.steps[2] =
        (struct store_step){.action = STORE_REMOVE, .mirror = MIRROR, .place = str_dup("a")};
    set.steps[3] =
        (struct store_step){.action = STORE_REMOVE, .mirror = MIRROR, .place = str_dup("c")};
    assert_int_equal(store_commit(cache->store, set.steps, 4, NULL), MH_OK);
    assert_holds(cache, "a", "new");
    assert_holds(cache, "b", "new");
    assert_holds(cache, "c", NULL);
    mem_free(set.steps[2].place);
    mem_free(set.steps[3].place);
    set_done(&set);
}

/* One bad step, and nothing of the set happens; the good transfers are still there. */
static void
test_set_refused(void **state)
{
    static const char *const names[] = {"d/a", "d/b", "d/c"};
    struct cache *cache = *state;
    struct set set;
    struct mh_fault fault = {0};

    mem_free(publish(cache, "d/a", "old"));
    set_make(&set, cache, names, COUNT(names), "new");
    set.metas[2].bytes = 4;
    assert_int_equal(store_commit(cache->store, set.steps, COUNT(names), &fault), MH_CORRUPT);
    assert_string_equal(fault.expected, "4 bytes");
    assert_string_equal(fault.found, "3 bytes");
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_null(set.steps[i].place);
        assert_true(set.metas[i].mtime_ns == 0);
    }
    assert_holds(cache, "d/a", "old");
    assert_holds(cache, "d/b", NULL);
    assert_int_equal(count_in(cache, "journal"), 1);
    assert_int_equal(count_in(cache, "partial"), 3);
    /* With the cause mended, the same set goes through. */
    set.metas[2].bytes = 3;
    assert_int_equal(store_commit(cache->store, set.steps, COUNT(names), NULL), MH_OK);
    assert_holds(cache, "d/c", "new");
    set_done(&set);
}

static void
test_bad_steps(void **state)
{
    struct cache *cache = *state;
    struct meta meta = fixture_meta("a", "1");
    struct meta nameless = {.bytes = 1};
    char place[] = "a";
    char id[STORE_ID_SIZE];
    const struct store_step bad[] = {
        {.action = STORE_PUBLISH, .mirror = MIRROR, .meta = &meta},
        {.action = STORE_PUBLISH, .mirror = MIRROR, .partial_id = id, .meta = &nameless},
        {.action = STORE_PUBLISH, .mirror = "..", .partial_id = id, .meta = &meta},
        {.action = STORE_PUBLISH, .mirror = "a/b", .partial_id = id, .meta = &meta},
        {.action = STORE_PUBLISH, .partial_id = id, .meta = &meta},
        {.action = STORE_META, .mirror = MIRROR, .meta = &meta},
        {.action = STORE_META, .mirror = MIRROR, .place = place},
        {.action = STORE_REMOVE, .mirror = MIRROR},
    };
    struct store_step twice[2];

    fixture_receive(cache->store, MIRROR, "a", "1", id);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct store_step step = bad[i];

        assert_int_equal(store_commit(cache->store, &step, 1, NULL), MH_BAD_INPUT);
    }
    twice[0] = twice[1] = (struct store_step){
        .action = STORE_PUBLISH, .mirror = MIRROR, .partial_id = id, .meta = &meta};
    assert_int_equal(store_commit(cache->store, twice, 2, NULL), MH_BAD_INPUT);
    assert_holds(cache, "a", NULL);
    /* A transfer that is not there. */
    store_partial_remove(cache->store, id);
    assert_int_equal(store_commit(cache->store, twice, 1, NULL), MH_IO);
    assert_int_equal(store_commit(cache->store, NULL, 0, NULL), MH_OK);
    meta_done(&meta);
}

/* --- the journal --- */

/* An entry that a process left behind, written by hand. */
static void
test_redo(void **state)
{
    struct cache *cache = *state;
    struct meta meta = fixture_meta("a/s.bin", "bytes");
    char id[STORE_ID_SIZE];
    struct buf text = BUF_INIT(1 << 16);
    struct buf entry = BUF_INIT(1 << 16);
    struct stat st;
    char *partial;

    mem_free(publish(cache, "gone", "x"));
    fixture_receive(cache->store, MIRROR, "a/s.bin", "bytes", id);
    partial = str_printf("partial/%s.part", id);
    assert_int_equal(fstatat(store_dir_fd(cache->store), partial, &st, 0), 0);
    meta.mtime_ns = stat_mtime_ns(&st);
    meta_write(&meta, &text);
    buf_printf(&entry,
               "{\"changes\":[{\"to\":\"objects/m/a/s.bin\",\"from\":\"%s\",\"bytes\":5,"
               "\"mtime_ns\":\"%lld\"},{\"to\":\"meta/m/a/s.bin.json\",\"text\":\"",
               partial, (long long) meta.mtime_ns);
    for (const char *at = buf_text(&text); *at; at++)
        buf_printf(&entry,
                   *at == '"' || *at == '\\' ? "\\%c"
                   : *at == '\n'             ? "\\u%04x"
                                             : "%c",
                   (unsigned char) *at);
    buf_add_str(&entry, "\"},{\"to\":\"objects/m/gone\",\"remove\":true},"
                        "{\"to\":\"meta/m/gone.json\",\"remove\":true}]}");
    fixture_write(cache->dir, "journal/000000000007.json", buf_text(&entry));
    /* Torn and left over: ignored and removed. */
    fixture_write(cache->dir, "journal/000000000008.tmp", "{\"changes\":[{\"to\":\"obj");
    fixture_write(cache->dir, "journal/000000000007.1.new", "x");
    fixture_write(cache->dir, "journal/000000000007.0.old", "x");
    reopen(cache);
    assert_holds(cache, "a/s.bin", "bytes");
    assert_holds(cache, "gone", NULL);
    assert_tidy(cache);
    /* The same entry again changes nothing. */
    fixture_write(cache->dir, "journal/000000000007.json", buf_text(&entry));
    reopen(cache);
    assert_holds(cache, "a/s.bin", "bytes");
    assert_tidy(cache);
    /* Nor does it take a later transfer of the same name for its own. */
    fixture_receive(cache->store, MIRROR, "a/s.bin", "later", id);
    assert_int_equal(utimensat(store_dir_fd(cache->store), partial,
                               ((struct timespec[]){{.tv_sec = 1}, {.tv_sec = 1}}), 0),
                     0);
    fixture_write(cache->dir, "journal/000000000007.json", buf_text(&entry));
    reopen(cache);
    assert_holds(cache, "a/s.bin", "bytes");
    mem_free(partial);
    meta_done(&meta);
    buf_done(&text);
    buf_done(&entry);
}

static void
test_bad_entries(void **state)
{
    static const char *const entries[] = {
        "",
        "{",
        "{}",
        "{\"changes\":3}",
        "{\"changes\":[3]}",
        "{\"changes\":[{\"to\":\"objects/m/a\"}]}",
        "{\"changes\":[{\"to\":\"objects/../LOCK\",\"remove\":true}]}",
        "{\"changes\":[{\"to\":\"/etc/passwd\",\"remove\":true}]}",
        "{\"changes\":[{\"to\":\"partial/x\",\"remove\":true}]}",
        ("{\"changes\":[{\"to\":\"objects/m/a\",\"from\":\"objects/m/b\",\"bytes\":1,\"mtime_ns\":"
         "\"1\"}]}"),
        "{\"changes\":[{\"to\":\"objects/m/a\",\"from\":\"partial/b\"}]}",
    };
    struct cache *cache = *state;

    mem_free(publish(cache, "a", "1"));
    for (size_t i = 0; i < COUNT(entries); i++) {
        struct mh_fault fault = {0};
        char *path = str_printf("%s/journal/000000000042.json", cache->dir);

        store_close(cache->store);
        cache->store = NULL;
        fixture_write(cache->dir, "journal/000000000042.json", entries[i]);
        CHECK(entries[i], store_open(cache->dir, &cache->store, &fault) == MH_CORRUPT);
        CHECK(entries[i], strstr(fault.sentence, path) && strstr(fault.sentence, "remove"));
        /* The cure that it names. */
        assert_int_equal(unlink(path), 0);
        open_cache(cache);
        assert_holds(cache, "a", "1");
        mem_free(path);
    }
}

/* Processes that only read are waited for, and a commit is not seen half done by them. */
static void
test_reader_lock(void **state)
{
    struct cache *cache = *state;
    char *path = str_printf("%s/journal/LOCK", cache->dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    mem_free(publish(cache, "a", "1"));
    /* Free again once the commit is over, for as many as like. */
    assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), 0);
    fd_close(fd);
    mem_free(path);
}

/* --- transfers in progress --- */

static void
test_notes(void **state)
{
    struct cache *cache = *state;
    struct partial_note note = {.url = str_dup("https://h/x"),
                                .etag = str_dup("\"e\""),
                                .total = UINT64_MAX,
                                .synced = 4096,
                                .boot_id = "boot"};
    struct partial_note back = {0};
    char id[STORE_ID_SIZE];
    char other[STORE_ID_SIZE];

    store_partial_id(MIRROR, "a", id);
    store_partial_id(MIRROR, "b", other);
    assert_string_not_equal(id, other);
    assert_int_equal(store_partial_read_note(cache->store, id, &back, NULL), MH_NOT_FOUND);
    assert_int_equal(store_partial_write_note(cache->store, id, &note, NULL), MH_OK);
    assert_int_equal(store_partial_read_note(cache->store, id, &back, NULL), MH_OK);
    assert_string_equal(back.url, note.url);
    assert_string_equal(back.etag, note.etag);
    assert_null(back.last_modified);
    assert_true(back.total == UINT64_MAX && back.synced == 4096);
    assert_string_equal(back.boot_id, "boot");
    partial_note_done(&back);
    note.total = 5000;
    assert_int_equal(store_partial_write_note(cache->store, id, &note, NULL), MH_OK);
    assert_int_equal(store_partial_read_note(cache->store, id, &back, NULL), MH_OK);
    assert_true(back.total == 5000);
    partial_note_done(&back);
    partial_note_done(&note);
    store_partial_remove(cache->store, id);
    assert_int_equal(store_partial_read_note(cache->store, id, &back, NULL), MH_NOT_FOUND);
    assert_int_equal(count_in(cache, "partial"), 0);
}

static void
test_sweep(void **state)
{
    struct cache *cache = *state;
    struct partial_note note = {.url = str_dup("https://h/x"), .total = 10};
    char kept[STORE_ID_SIZE];
    char unnoted[STORE_ID_SIZE];
    char torn[STORE_ID_SIZE];
    char *path;
    struct partial_note back = {0};

    fixture_receive(cache->store, MIRROR, "kept", "bytes", kept);
    fixture_receive(cache->store, MIRROR, "unnoted", "bytes", unnoted);
    fixture_receive(cache->store, MIRROR, "torn", "bytes", torn);
    assert_int_equal(store_partial_write_note(cache->store, kept, &note, NULL), MH_OK);
    path = str_printf("partial/%s.json", torn);
    fixture_write(cache->dir, path, "{\"url\":");
    mem_free(path);
    store_partial_id(MIRROR, "bytes lost", torn);
    assert_int_equal(store_partial_write_note(cache->store, torn, &note, NULL), MH_OK);
    fixture_write(cache->dir, "partial/.tmp-0123", "x");
    fixture_write(cache->dir, "partial/stray", "x");
    reopen(cache);
    assert_int_equal(count_in(cache, "partial"), 2);
    assert_false(exists(cache, "partial/.tmp-0123"));
    path = str_printf("partial/%s.part", kept);
    assert_file(cache, path, "bytes");
    assert_int_equal(store_partial_read_note(cache->store, kept, &back, NULL), MH_OK);
    partial_note_done(&back);
    partial_note_done(&note);
    mem_free(path);
}

/* A publish takes the note along. */
static void
test_publish_removes_note(void **state)
{
    struct cache *cache = *state;
    struct partial_note note = {.url = str_dup("https://h/a"), .total = 5};
    char id[STORE_ID_SIZE];

    store_partial_id(MIRROR, "a", id);
    assert_int_equal(store_partial_write_note(cache->store, id, &note, NULL), MH_OK);
    mem_free(publish(cache, "a", "bytes"));
    assert_tidy(cache);
    partial_note_done(&note);
}

/* --- the scan --- */

struct seen {
    char names[16][64];
    size_t count;
    size_t stop_at;
    size_t broken;
    char sentence[640];
};

static bool
see(void *arg, const char *mirror, const char *place, struct meta *meta)
{
    struct seen *seen = arg;

    assert_string_equal(mirror, MIRROR);
    assert_true(strcmp(place, meta->name) == 0 || strncmp(place, "%/", 2) == 0);
    assert_true(seen->count < COUNT(seen->names));
    assert_true(strlen(meta->name) < sizeof(seen->names[0]));
    memcpy(seen->names[seen->count++], meta->name, strlen(meta->name) + 1);
    return seen->count != seen->stop_at;
}

static void
see_broken(void *arg, const char *mirror, const char *place, const struct mh_fault *fault)
{
    struct seen *seen = arg;

    (void) mirror;
    (void) place;
    seen->broken++;
    memcpy(seen->sentence, fault->sentence, sizeof(seen->sentence));
}

static bool
has_seen(const struct seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->names[i], name) == 0)
            return true;
    }
    return false;
}

static void
test_scan(void **state)
{
    static const char *const names[] = {"a",    "d/e/f.bin",   "d/model.json",
                                        "x//y", "caf\xC3\xA9", "raw\xFF"};
    struct cache *cache = *state;
    struct seen seen = {0};
    struct store_scan scan = {.arg = &seen, .visit = see, .broken = see_broken};
    char *text;

    assert_int_equal(store_scan_mirror(cache->store, MIRROR, &scan, NULL), MH_OK);
    assert_int_equal(seen.count, 0);
    for (size_t i = 0; i < COUNT(names); i++)
        mem_free(publish(cache, names[i], "bytes"));
    assert_int_equal(store_scan_mirror(cache->store, MIRROR, &scan, NULL), MH_OK);
    assert_int_equal(seen.count, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(names[i], has_seen(&seen, names[i]));
    assert_int_equal(seen.broken, 0);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_holds(cache, names[i], "bytes");
    /* Damaged, and copied elsewhere. */
    text = fixture_read(cache->dir, "meta/" MIRROR "/a.json");
    fixture_write(cache->dir, "meta/" MIRROR "/copy.json", text);
    fixture_write(cache->dir, "meta/" MIRROR "/a.json", "x");
    fixture_write(cache->dir, "meta/" MIRROR "/note.txt", "x");
    seen = (struct seen){0};
    assert_int_equal(store_scan_mirror(cache->store, MIRROR, &scan, NULL), MH_OK);
    assert_int_equal(seen.count, COUNT(names) - 1);
    assert_int_equal(seen.broken, 2);
    assert_non_null(strstr(seen.sentence, "meta/" MIRROR "/"));
    mem_free(text);
    /* It stops where it is told to. */
    seen = (struct seen){.stop_at = 2};
    assert_int_equal(store_scan_mirror(cache->store, MIRROR, &scan, NULL), MH_OK);
    assert_int_equal(seen.count, 2);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_layout),
        STORE_TEST(test_made_with_parents),
        STORE_TEST(test_second_writer),
        STORE_TEST(test_format),
        STORE_TEST(test_folder_in_the_way),
        STORE_TEST(test_publish),
        STORE_TEST(test_replace),
        STORE_TEST(test_empty_object),
        STORE_TEST(test_meta_and_remove),
        STORE_TEST(test_not_as_recorded),
        STORE_TEST(test_damaged_metadata),
        STORE_TEST(test_metadata_of_another),
        STORE_TEST(test_hashed_places),
        STORE_TEST(test_collisions),
        STORE_TEST(test_other_place_goes),
        STORE_TEST(test_remove_spares_directory),
        STORE_TEST(test_set),
        STORE_TEST(test_set_collides_with_itself),
        STORE_TEST(test_set_with_removal),
        STORE_TEST(test_set_refused),
        STORE_TEST(test_bad_steps),
        STORE_TEST(test_redo),
        STORE_TEST(test_bad_entries),
        STORE_TEST(test_reader_lock),
        STORE_TEST(test_notes),
        STORE_TEST(test_sweep),
        STORE_TEST(test_publish_removes_note),
        STORE_TEST(test_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
