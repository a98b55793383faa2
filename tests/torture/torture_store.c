/* SPDX-License-Identifier: Apache-2.0 */
/* The store's promise, one system call at a time: a commit that replaces, adds, records and removes
 * is cut off, or refused, at every call that changes the disk. Afterwards the cache holds all of
 * the old set or all of the new one, every byte of it verifies, and nothing is left over.
 *
 *   crash        the process ends at call n of the commit
 *   crash twice  ... and the start that redoes the journal ends at its call m
 *   refuse       call n of the commit fails with ENOSPC: the caller is told, and all is old
 *   refuse all   ... and every later one fails too, so that nothing can even be taken back
 *
 * One process for each try, so that no state survives but the disk's. Calls are counted and stopped
 * by crash.c, which this program is linked to. */
#include "crash.h"
#include "store_fixture.h"

#include <ftw.h>
#include <sys/wait.h>

#define MIRROR "m"

/* What the cache holds before and after; NULL: nothing. */
static const struct object {
    const char *name;
    const char *old;
    const char *new;
} objects[] = {
    {"a/model.json", "{\"v\":1}", "{\"v\":2,\"more\":true}"},
    {"a/s1", "old s1", "new s1"},
    {"a/s2", "same", "same"},
    {"a/s3", NULL, "s3 is new"},
    {"b/c/d/deep", NULL, "in new directories"},
    {"a/s1/below", NULL, "where a file is"},
    {"gone/x", "to be removed", NULL},
    {"gone/y", "to be removed too", NULL},
    {"keep", "kept, recorded anew", "kept, recorded anew"},
    {"other", "not touched", "not touched"},
};

/* Which of them the commit is about. */
static bool
is_published(const struct object *object)
{
    return object->new &&strcmp(object->name, "keep") != 0 && strcmp(object->name, "other") != 0;
}

static void
die(const char *what, const char *detail)
{
    (void) fprintf(stderr, "torture: %s: %s\n", what, detail);
    abort();
}

static struct store *
open_store(const char *dir)
{
    struct store *store = NULL;
    struct mh_fault fault = {0};

    if (store_open(dir, &store, &fault) != MH_OK)
        die("open", fault.sentence);
    return store;
}

/* --- the two commits --- */

struct commit {
    struct meta metas[COUNT(objects)];
    char ids[COUNT(objects)][STORE_ID_SIZE];
    struct store_step steps[COUNT(objects)];
    size_t count;
};

static void
add_publish(struct commit *commit, const struct store *store, const char *name, const char *bytes)
{
    size_t i = commit->count++;

    commit->metas[i] = fixture_meta(name, bytes);
    fixture_receive(store, MIRROR, name, bytes, commit->ids[i]);
    commit->steps[i] = (struct store_step){.action = STORE_PUBLISH,
                                           .mirror = MIRROR,
                                           .partial_id = commit->ids[i],
                                           .meta = &commit->metas[i]};
}

static void
make_old(struct commit *commit, const struct store *store)
{
    *commit = (struct commit){0};
    for (size_t i = 0; i < COUNT(objects); i++) {
        if (objects[i].old)
            add_publish(commit, store, objects[i].name, objects[i].old);
    }
}

static void
add_record(struct commit *commit, const struct store *store, const char *name)
{
    size_t i = commit->count++;
    char *place = NULL;

    if (store_read_meta(store, MIRROR, name, NULL, &commit->metas[i], &place, NULL) != MH_OK)
        die("no metadata", name);
    commit->metas[i].is_pinned = true;
    commit->steps[i] = (struct store_step){
        .action = STORE_META, .mirror = MIRROR, .meta = &commit->metas[i], .place = place};
}

static void
make_new(struct commit *commit, const struct store *store)
{
    *commit = (struct commit){0};
    for (size_t i = 0; i < COUNT(objects); i++) {
        if (is_published(&objects[i]))
            add_publish(commit, store, objects[i].name, objects[i].new);
        else if (objects[i].new &&strcmp(objects[i].name, "keep") == 0)
            add_record(commit, store, objects[i].name);
        else if (!objects[i].new)
            commit->steps[commit->count++] = (struct store_step){
                .action = STORE_REMOVE, .mirror = MIRROR, .place = str_dup(objects[i].name)};
    }
}

static void
commit_done(struct commit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        mem_free(commit->steps[i].place);
        meta_done(&commit->metas[i]);
    }
}

static void
publish_old(struct store *store)
{
    struct commit commit;
    struct mh_fault fault = {0};

    make_old(&commit, store);
    if (store_commit(store, commit.steps, commit.count, &fault) != MH_OK)
        die("the first commit", fault.sentence);
    commit_done(&commit);
}

/* --- what is there --- */

static bool
holds(const struct store *store, const char *name, const char *bytes, bool is_pinned)
{
    char *url = fixture_url(name);
    struct meta meta = {0};
    char *place = NULL;
    char got[64] = "";
    int fd = -1;
    uint8_t digest[32];
    enum mh_code code = store_read_meta(store, MIRROR, name, url, &meta, &place, NULL);

    mem_free(url);
    if (code == MH_NOT_FOUND)
        return bytes == NULL;
    if (code != MH_OK)
        die("metadata does not read", name);
    if (store_open_object(store, MIRROR, place, &meta, &fd, NULL) != MH_OK)
        die("bytes are not as recorded", name);
    ssize_t n = fd_pread_full(fd, got, sizeof(got) - 1, 0);

    hash_sha256(got, (size_t) n, digest);
    if (memcmp(digest, meta.sha256, sizeof(digest)) != 0)
        die("bytes do not verify", name);
    bool is_same = bytes && strcmp(got, bytes) == 0 && meta.is_pinned == is_pinned;

    fd_close(fd);
    meta_done(&meta);
    mem_free(place);
    return is_same;
}

static bool
holds_all(const struct store *store, bool is_new)
{
    for (size_t i = 0; i < COUNT(objects); i++) {
        bool is_pinned = is_new && strcmp(objects[i].name, "keep") == 0;

        if (!holds(store, objects[i].name, is_new ? objects[i].new : objects[i].old, is_pinned))
            return false;
    }
    return true;
}

static size_t files;

static int
count_file(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void) path;
    (void) st;
    (void) walk;
    files += kind == FTW_F;
    return 0;
}

static size_t
count_files(const char *dir, const char *folder)
{
    char *path = str_printf("%s/%s", dir, folder);

    files = 0;
    if (nftw(path, count_file, 16, FTW_PHYS) != 0)
        die("walk", path);
    mem_free(path);
    return files;
}

/* All old or all new, and nothing besides. Says which. (What could not be deleted from journal/ is
 * left to the next start.) */
static bool
check_store(const struct store *store, const char *dir, const char *when)
{
    size_t wanted = 0;
    bool is_new = holds_all(store, true);

    if (!is_new && !holds_all(store, false))
        die(when, "the cache holds a mixture");
    for (size_t i = 0; i < COUNT(objects); i++)
        wanted += (is_new ? objects[i].new : objects[i].old) != NULL;
    if (count_files(dir, "objects") != wanted || count_files(dir, "meta") != wanted)
        die(when, "files are left over in objects/ or meta/");
    return is_new;
}

/* --- one try --- */

struct
try {
    enum crash_mode mode;
    unsigned long at;    /* call of the commit */
    unsigned long again; /* call of the start after it; 0: none */
};

/* Any later commit finishes first what an earlier one could neither do nor take back. */
static void
check_next_commit(struct store *store, const char *dir)
{
    struct meta meta = {0};
    char *place = NULL;
    struct store_step step = {.action = STORE_META, .mirror = MIRROR, .meta = &meta};
    struct mh_fault fault = {0};

    if (store_read_meta(store, MIRROR, "other", NULL, &meta, &place, NULL) != MH_OK)
        die("no metadata", "other");
    step.place = place;
    if (store_commit(store, &step, 1, &fault) != MH_OK)
        die("the next commit", fault.sentence);
    (void) check_store(store, dir, "after the next commit");
    meta_done(&meta);
    mem_free(place);
}

/* In a process of its own: both commits, the second one under attack. */
static void
run_commits(const char *dir, const struct try *try)
{
    struct store *store = open_store(dir);
    struct commit commit;
    struct mh_fault fault = {0};

    publish_old(store);
    make_new(&commit, store);
    crash_arm(try->mode, try->at);
    enum mh_code code = store_commit(store, commit.steps, commit.count, &fault);
    unsigned long calls = crash_disarm();

    if (try->mode == CRASH_FAIL && check_store(store, dir, "after a refusal") != (code == MH_OK))
        die("the caller was told otherwise", fault.sentence);
    if (try->mode == CRASH_FAIL && code != MH_OK) {
        if (code != MH_NO_SPACE || !fault.sentence[0])
            die("the refusal is called something else", fault.sentence);
        /* With room again, the very same commit goes through. */
        if (store_commit(store, commit.steps, commit.count, &fault) != MH_OK)
            die("the second attempt", fault.sentence);
        if (!check_store(store, dir, "after a second attempt"))
            die("the second attempt", "did nothing");
    }
    if (try->mode == CRASH_FAIL_FROM)
        check_next_commit(store, dir);
    commit_done(&commit);
    store_close(store);
    _exit(calls < try->at ? 0 : 1); /* 0: there is no such call any more */
}

static void
run_start(const char *dir, unsigned long at)
{
    struct store *store = NULL;

    crash_arm(CRASH_EXIT, at);
    enum mh_code code = store_open(dir, &store, NULL);
    unsigned long calls = crash_disarm();

    if (code != MH_OK)
        die("a start", mh_code_name(code));
    store_close(store);
    _exit(calls < at ? 0 : 1);
}

static int
wait_for(pid_t child)
{
    int status = 0;

    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        die("a try", "ended by a signal");
    return WEXITSTATUS(status);
}

/* Returns the status of the attacked process: 0 when the attack came too late. */
static int
attempt(const struct try *try)
{
    char *dir = test_dir_make();
    pid_t child = fork();

    if (child == 0)
        run_commits(dir, try);
    int status = wait_for(child);

    if (try->again > 0) {
        child = fork();
        if (child == 0)
            run_start(dir, try->again);
        status = wait_for(child);
    }
    struct store *store = open_store(dir);

    (void) check_store(store, dir, "after a start");
    if (count_files(dir, "journal") != 1)
        die("after a start", "files are left over in journal/");
    store_close(store);
    test_dir_remove(dir);
    return status;
}

/* Every call in turn, until there are no more. */
static unsigned long
attack_all(enum crash_mode mode)
{
    for (unsigned long at = 1;; at++) {
        struct try try = {.mode = mode, .at = at};

        if (attempt(&try) == 0)
            return at - 1;
    }
}

static unsigned long
attack_starts(unsigned long calls)
{
    unsigned long tries = 0;

    /* Most of a commit's calls leave the next start the same work; every fifth shows them all. */
    for (unsigned long at = 1; at <= calls; at += 5) {
        struct try try = {.mode = CRASH_EXIT, .at = at, .again = 1};

        for (; attempt(&try) != 0; try.again++)
            tries++;
    }
    return tries;
}

int
main(void)
{
    unsigned long calls = attack_all(CRASH_EXIT);

    (void) printf("crash: %lu calls\n", calls);
    /* A commit of this size makes many; so few would mean that they are not seen. */
    if (calls < 40)
        die("crash", "the calls are not counted");
    (void) printf("refuse: %lu calls\n", attack_all(CRASH_FAIL));
    (void) printf("refuse all: %lu calls\n", attack_all(CRASH_FAIL_FROM));
    (void) printf("crash twice: %lu tries\n", attack_starts(calls));
    return 0;
}
