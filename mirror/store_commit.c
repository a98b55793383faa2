/* SPDX-License-Identifier: Apache-2.0 */
/* Commits: a set of publishes, records and removals that happens as a whole.
 *
 *   plan     places are chosen, directories made, partial files synced, metadata written to
 * journal/ commit   the journal entry gets its name: from here on a crash leads forward apply what
 * is in the way goes aside into journal/, what is new is renamed into its place settle directories
 * are synced, the entry is removed, what lay aside is deleted
 *
 * All or nothing has two halves. A crash (kill -9, power) before the entry's name is on disk leaves
 * only litter, which the next start clears; after it, the start redoes the entry (store_journal.c).
 * An error in a living process must lead backward instead, because the caller is told that nothing
 * has changed. Everything that takes room is therefore done before the entry: bytes and metadata
 * are already in files, directories exist. What is left are renames, which a full disk stops only
 * if a directory has to grow. Should one fail all the same, every change made so far is taken back
 * from what lies aside, and then the entry goes. If even that fails, the disk is beyond help: the
 * entry stays, and the next commit or start must finish it before anything else happens.
 *
 * Places are chosen before the entry is written. A path is taken as a file or as a directory, on
 * disk or by this very commit; a name that would need both lives at its hashed place. Copies of the
 * same object at its other place are removed by the same entry, so that there is one of each.
 *
 * Cost: one fsync for each partial file and each metadata file, started together so that the later
 * ones find little to do, plus one for partial/ before and after, the entry, journal/ and every
 * directory that is touched.
 *
 * Any thread; one commit at a time. The switch_lock is held for the renames alone. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "name.h"

#include <errno.h>
#include <string.h>

struct commit {
    struct store *store;
    uint64_t sequence;
    struct store_step *steps;
    size_t step_count;
    char **places; /* one for each PUBLISH; handed to the steps at the end */
    int64_t *mtimes;
    struct change *changes;
    size_t change_count;
    struct map *claims;  /* path -> claim_file or claim_directory */
    struct map *touched; /* directories to sync */
};

/* Only their addresses count. */
static char claim_file;
static char claim_directory;

/* At most: two changes of the step itself, and two removals at the object's other place. */
#define CHANGES_PER_STEP 4

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "out of memory for a commit");
}

/* What the callers of a commit know. */
static enum mh_code
commit_code(enum mh_code code)
{
    return code == MH_NOT_FOUND || code == MH_BUSY || code == MH_TOO_LARGE ? MH_IO : code;
}

static void
commit_done(struct commit *commit)
{
    for (size_t i = 0; i < commit->change_count; i++)
        change_done(&commit->changes[i]);
    for (size_t i = 0; commit->places && i < commit->step_count; i++)
        mem_free(commit->places[i]);
    mem_free(commit->changes);
    mem_free(commit->places);
    mem_free(commit->mtimes);
    map_free(commit->claims);
    map_free(commit->touched);
}

static bool
commit_init(struct commit *commit)
{
    commit->places = mem_calloc(commit->step_count + 1, sizeof(*commit->places));
    commit->mtimes = mem_calloc(commit->step_count + 1, sizeof(*commit->mtimes));
    commit->changes =
        mem_calloc(commit->step_count * CHANGES_PER_STEP + 1, sizeof(*commit->changes));
    commit->claims = map_new();
    commit->touched = map_new();
    return commit->places && commit->mtimes && commit->changes && commit->claims &&
           commit->touched && map_set(commit->touched, "partial", commit);
}

/* --- plan: claims --- */

/* May a path become a file, as far as this commit's other steps go? */
static bool
is_claimable(const struct commit *commit, const char *path)
{
    if (map_get(commit->claims, path))
        return false;
    for (const char *slash = strrchr(path, '/'); slash;) {
        scoped(mem_freep) char *parent = str_dup_n(path, (size_t) (slash - path));

        if (!parent || map_get(commit->claims, parent) == &claim_file)
            return false;
        slash = memrchr(path, '/', (size_t) (slash - path));
    }
    return true;
}

static bool
claim(struct commit *commit, const char *path)
{
    for (const char *slash = strrchr(path, '/'); slash;) {
        scoped(mem_freep) char *parent = str_dup_n(path, (size_t) (slash - path));

        if (!parent || !map_set(commit->claims, parent, &claim_directory))
            return false;
        slash = memrchr(path, '/', (size_t) (slash - path));
    }
    return map_set(commit->claims, path, &claim_file);
}

/* --- plan: places --- */

/* An error that another name would not meet. */
static bool
is_about_the_name(int error)
{
    return error == ENAMETOOLONG || error == EILSEQ || error == EINVAL || error == EISDIR ||
           error == ENOTDIR;
}

/* Make the directories of a path, unless the path itself, or one of them, is taken otherwise.
 * BUSY: it is. */
static enum mh_code
make_room(struct commit *commit, const char *path, struct mh_fault *fault)
{
    const struct store *store = commit->store;
    const char *slash = strrchr(path, '/');
    struct mh_fault detail = {0};
    struct stat st;

    if (map_get(commit->claims, path) == &claim_file)
        return fail(fault, MH_BAD_INPUT, 0, "two steps of a commit are about '%s'", path);
    if (strlen(slash + 1) > store->max_component || !is_claimable(commit, path))
        return fail(fault, MH_BUSY, 0, "'%s' is taken", path);
    if (file_stat(store->dir_fd, path, &st) == 0)
        return S_ISREG(st.st_mode) ? MH_OK : fail(fault, MH_BUSY, 0, "'%s' is taken", path);
    if (!sync_set_add(store, commit->touched, path))
        return no_memory(fault);
    enum mh_code code = fd_make_parents(store->dir_fd, path, &detail);

    if (code == MH_OK)
        return MH_OK;
    if (fault)
        *fault = detail;
    if (code == MH_BUSY || !is_about_the_name(detail.foreign))
        return code;
    return MH_BUSY;
}

/* Take a place in both trees. BUSY: it is taken. */
static enum mh_code
take_place(struct commit *commit, const char *mirror, const char *place, struct mh_fault *fault)
{
    scoped(mem_freep) char *object = store_object_path(mirror, place);
    scoped(mem_freep) char *meta = store_meta_path(mirror, place);

    if (!object || !meta)
        return no_memory(fault);
    enum mh_code code = make_room(commit, object, fault);

    if (code == MH_OK)
        code = make_room(commit, meta, fault);
    if (code == MH_OK && (!claim(commit, object) || !claim(commit, meta)))
        code = no_memory(fault);
    return code;
}

/* --- plan: changes --- */

static struct change *
add_change(struct commit *commit, char *to)
{
    struct change *change = &commit->changes[commit->change_count];

    if (!to)
        return NULL;
    change->to = to;
    change->aside = journal_path(commit->sequence, commit->change_count, ".old");
    commit->change_count++;
    return change->aside ? change : NULL;
}

static enum mh_code
add_removals(struct commit *commit, const char *mirror, const char *place, struct mh_fault *fault)
{
    bool is_added = add_change(commit, store_object_path(mirror, place)) != NULL;

    if (is_added)
        is_added = add_change(commit, store_meta_path(mirror, place)) != NULL;
    return is_added ? MH_OK : no_memory(fault);
}

static enum mh_code
add_text(struct commit *commit, const char *mirror, const char *place, const struct meta *meta,
         struct mh_fault *fault)
{
    scoped(buf_done) struct buf text = BUF_INIT(STORE_MAX_META_BYTES);
    size_t index = commit->change_count;
    struct change *change = add_change(commit, store_meta_path(mirror, place));

    if (!change)
        return no_memory(fault);
    meta_write(meta, &text);
    change->source = journal_path(commit->sequence, index, ".new");
    change->text = buf_take(&text);
    if (!change->source || !change->text)
        return no_memory(fault);
    return file_write(commit->store->dir_fd, change->source, change->text, strlen(change->text),
                      fault);
}

/* Remove what an earlier version left at the place that this one does not use. */
static enum mh_code
add_other_place(struct commit *commit, const char *mirror, const char *other,
                struct mh_fault *fault)
{
    scoped(mem_freep) char *object = store_object_path(mirror, other);
    scoped(mem_freep) char *meta = store_meta_path(mirror, other);

    if (!object || !meta)
        return no_memory(fault);
    if (!file_exists(commit->store->dir_fd, object) && !file_exists(commit->store->dir_fd, meta))
        return MH_OK;
    return add_removals(commit, mirror, other, fault);
}

static enum mh_code
choose_place(struct commit *commit, const struct store_step *step, char **ret_place,
             struct mh_fault *fault)
{
    const char *name = step->meta->name;
    const char *other = name_is_plain(name) ? name : NULL;
    char hashed[NAME_PLACE_SIZE];
    enum mh_code code = MH_BUSY;
    bool is_plain = false;

    name_hashed_place(step->url ? step->url : step->meta->url, hashed);
    if (other)
        code = take_place(commit, step->mirror, name, fault);
    is_plain = code == MH_OK;
    if (code == MH_BUSY)
        code = take_place(commit, step->mirror, hashed, fault);
    if (code != MH_OK)
        return code;
    *ret_place = str_dup(is_plain ? name : hashed);
    if (!*ret_place)
        return no_memory(fault);
    other = is_plain ? hashed : other;
    return other ? add_other_place(commit, step->mirror, other, fault) : MH_OK;
}

/* Sync a partial file; it is as long as its metadata says, or it is not published. */
static enum mh_code
sync_partial(const struct commit *commit, const char *path, const struct meta *meta,
             int64_t *ret_mtime_ns, struct mh_fault *fault)
{
    struct stat st;
    enum mh_code code = file_sync(commit->store->dir_fd, path, &st, fault);

    if (code != MH_OK)
        return code;
    if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size != meta->bytes) {
        code = fail(fault, MH_CORRUPT, 0, "the download '%s' of '%s' was changed from outside",
                    path, meta->name);
        fault_expected(fault, "%llu bytes", (unsigned long long) meta->bytes);
        fault_found(fault, "%lld bytes", (long long) st.st_size);
        return code;
    }
    *ret_mtime_ns = stat_mtime_ns(&st);
    return MH_OK;
}

static char *
partial_path(const char *id)
{
    return str_printf("partial/%s.part", id);
}

static enum mh_code
plan_publish(struct commit *commit, size_t index, struct mh_fault *fault)
{
    const struct store_step *step = &commit->steps[index];
    /* Shallow: only what is written differs. */
    struct meta recorded = *step->meta;
    scoped(mem_freep) char *from = partial_path(step->partial_id);

    if (!from)
        return no_memory(fault);
    enum mh_code code = sync_partial(commit, from, step->meta, &commit->mtimes[index], fault);

    if (code == MH_OK)
        code = choose_place(commit, step, &commit->places[index], fault);
    if (code != MH_OK)
        return code;
    struct change *change =
        add_change(commit, store_object_path(step->mirror, commit->places[index]));

    if (!change)
        return no_memory(fault);
    recorded.mtime_ns = commit->mtimes[index];
    change->bytes = recorded.bytes;
    change->mtime_ns = recorded.mtime_ns;
    change->source = str_dup(from);
    change->from = ptr_take(&from);
    if (!change->source)
        return no_memory(fault);
    return add_text(commit, step->mirror, commit->places[index], &recorded, fault);
}

static enum mh_code
plan_meta(struct commit *commit, const struct store_step *step, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = store_meta_path(step->mirror, step->place);

    if (!path)
        return no_memory(fault);
    enum mh_code code = make_room(commit, path, fault);

    if (code == MH_OK && !claim(commit, path))
        code = no_memory(fault);
    return code == MH_OK ? add_text(commit, step->mirror, step->place, step->meta, fault) : code;
}

static enum mh_code
check_step(const struct store_step *step, struct mh_fault *fault)
{
    const struct meta *meta = step->action == STORE_REMOVE ? NULL : step->meta;
    bool has_meta = step->action == STORE_REMOVE ||
                    (meta && meta->name && *meta->name && meta->target && meta->url);
    bool has_place = step->action == STORE_PUBLISH ? step->partial_id != NULL : step->place != NULL;
    const char *mirror = step->mirror ? step->mirror : "";

    if (!has_meta || !has_place)
        return fail(fault, MH_BAD_INPUT, 0, "a step of a commit lacks a name, URL or place");
    if (!*mirror || strchr(mirror, '/') || strcmp(mirror, ".") == 0 || strcmp(mirror, "..") == 0)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' cannot be the name of a mirror", mirror);
    return MH_OK;
}

static enum mh_code
plan_step(struct commit *commit, size_t index, struct mh_fault *fault)
{
    const struct store_step *step = &commit->steps[index];
    enum mh_code code = check_step(step, fault);

    if (code != MH_OK)
        return code;
    if (step->action == STORE_PUBLISH)
        return plan_publish(commit, index, fault);
    if (step->action == STORE_META)
        return plan_meta(commit, step, fault);
    return add_removals(commit, step->mirror, step->place, fault);
}

/* What is published is not removed by the same commit, whatever the order of the steps. */
static void
drop_contradictions(struct commit *commit)
{
    size_t kept = 0;

    for (size_t i = 0; i < commit->change_count; i++) {
        struct change *change = &commit->changes[i];

        if (!change->source && map_get(commit->claims, change->to) == &claim_file) {
            change_done(change);
            continue;
        }
        if (kept != i) {
            commit->changes[kept] = *change;
            *change = (struct change){.to = NULL};
        }
        kept++;
    }
    commit->change_count = kept;
}

static void
begin_writeout(const struct commit *commit)
{
    for (size_t i = 0; commit->step_count > 1 && i < commit->step_count; i++) {
        const struct store_step *step = &commit->steps[i];
        scoped(mem_freep) char *path = step->action == STORE_PUBLISH && step->partial_id
                                           ? partial_path(step->partial_id)
                                           : NULL;

        if (path)
            file_begin_writeout(commit->store->dir_fd, path);
    }
}

static enum mh_code
sync_texts(const struct commit *commit, struct mh_fault *fault)
{
    int dir_fd = commit->store->dir_fd;
    enum mh_code code = MH_OK;

    for (size_t i = 0; i < commit->change_count; i++) {
        if (commit->changes[i].text)
            file_begin_writeout(dir_fd, commit->changes[i].source);
    }
    for (size_t i = 0; code == MH_OK && i < commit->change_count; i++) {
        if (commit->changes[i].text)
            code = file_sync(dir_fd, commit->changes[i].source, NULL, fault);
    }
    return code;
}

static enum mh_code
plan(struct commit *commit, struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    begin_writeout(commit);
    for (size_t i = 0; code == MH_OK && i < commit->step_count; i++)
        code = plan_step(commit, i, fault);
    if (code != MH_OK)
        return code;
    drop_contradictions(commit);
    for (size_t i = 0; i < commit->change_count; i++) {
        if (!sync_set_add(commit->store, commit->touched, commit->changes[i].to))
            return no_memory(fault);
    }
    code = sync_texts(commit, fault);
    /* The partial files themselves are on disk; now so are their names. */
    if (code == MH_OK)
        code = file_sync(commit->store->dir_fd, "partial", NULL, fault);
    return code;
}

/* --- apply, and take back --- */

/* A directory is never moved: it holds other objects. */
static bool
has_file(const struct store *store, const char *path)
{
    struct stat st;

    return file_stat(store->dir_fd, path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static enum mh_code
apply_change(const struct store *store, struct change *change, struct mh_fault *fault)
{
    if (has_file(store, change->to)) {
        if (file_rename(store->dir_fd, change->to, change->aside) < 0)
            return fail_errno(fault, errno, "move '%s' aside", change->to);
        change->is_aside = true;
    }
    if (!change->source)
        return MH_OK;
    if (file_rename(store->dir_fd, change->source, change->to) < 0)
        return fail_errno(fault, errno, "rename '%s' to '%s'", change->source, change->to);
    change->is_placed = true;
    return MH_OK;
}

static bool
take_back_change(const struct store *store, struct change *change)
{
    if (change->is_placed) {
        if (file_rename(store->dir_fd, change->to, change->source) < 0)
            return false;
        change->is_placed = false;
    }
    if (change->is_aside) {
        if (file_rename(store->dir_fd, change->aside, change->to) < 0)
            return false;
        change->is_aside = false;
    }
    return true;
}

/* Back to what was before the entry, then away with the entry. */
static void
take_back(struct commit *commit)
{
    struct store *store = commit->store;
    struct mh_fault ignored;
    bool is_back = true;

    for (size_t i = commit->change_count; i-- > 0;)
        is_back = take_back_change(store, &commit->changes[i]) && is_back;
    is_back = is_back && journal_retire(store, commit->sequence, true, &ignored) == MH_OK;
    store->has_unfinished = !is_back;
}

static enum mh_code
apply(struct commit *commit, struct mh_fault *fault)
{
    struct store *store = commit->store;
    enum mh_code code = MH_OK;

    (void) pthread_rwlock_wrlock(store->switch_lock);
    for (size_t i = 0; code == MH_OK && i < commit->change_count; i++)
        code = apply_change(store, &commit->changes[i], fault);
    if (code != MH_OK)
        take_back(commit);
    (void) pthread_rwlock_unlock(store->switch_lock);
    return code;
}

static enum mh_code
settle(struct commit *commit, struct mh_fault *fault)
{
    struct store *store = commit->store;
    enum mh_code code = sync_set_sync(store, commit->touched, fault);

    if (code == MH_OK)
        code = journal_retire(store, commit->sequence, false, fault);
    if (code == MH_OK)
        return MH_OK;
    (void) pthread_rwlock_wrlock(store->switch_lock);
    take_back(commit);
    (void) pthread_rwlock_unlock(store->switch_lock);
    return code;
}

static enum mh_code
carry_out(struct commit *commit, struct mh_fault *fault)
{
    const struct store *store = commit->store;
    enum mh_code code =
        journal_prepare(store, commit->sequence, commit->changes, commit->change_count, fault);

    if (code != MH_OK)
        return code;
    journal_lock(store);
    code = journal_commit(store, commit->sequence, fault);
    if (code == MH_OK)
        code = apply(commit, fault);
    journal_unlock(store);
    return code == MH_OK ? settle(commit, fault) : code;
}

/* --- ends --- */

/* Directories that were made for places that were not taken in the end, or are empty now. */
static void
prune_touched(const struct commit *commit)
{
    for (const struct map_entry *e = map_first(commit->touched); e; e = map_next(e)) {
        scoped(mem_freep) char *path = str_printf("%s/.", map_key(e));

        if (path)
            file_prune(commit->store->dir_fd, path);
    }
}

/* Nothing of it has happened: remove what the plan made. */
static void
clear_plan(const struct commit *commit)
{
    for (size_t i = 0; i < commit->change_count; i++) {
        if (commit->changes[i].text && commit->changes[i].source)
            (void) file_unlink(commit->store->dir_fd, commit->changes[i].source);
    }
    /* An entry that is still to be finished makes its directories again. */
    prune_touched(commit);
}

/* All of it has happened: hand over, and clear what is left. Leftovers never count. */
static void
conclude(struct commit *commit)
{
    const struct store *store = commit->store;

    for (size_t i = 0; i < commit->change_count; i++) {
        if (commit->changes[i].is_aside)
            (void) file_unlink(store->dir_fd, commit->changes[i].aside);
    }
    prune_touched(commit);
    for (size_t i = 0; i < commit->step_count; i++) {
        struct store_step *step = &commit->steps[i];

        if (step->action != STORE_PUBLISH)
            continue;
        step->place = ptr_take(&commit->places[i]);
        step->meta->mtime_ns = commit->mtimes[i];
        partial_remove_note(store, step->partial_id);
    }
}

static enum mh_code
commit_locked(struct commit *commit, struct mh_fault *fault)
{
    struct store *store = commit->store;
    enum mh_code code = MH_OK;

    if (store->has_unfinished) {
        (void) pthread_rwlock_wrlock(store->switch_lock);
        code = journal_redo(store, fault);
        (void) pthread_rwlock_unlock(store->switch_lock);
        if (code != MH_OK)
            return code;
        store->has_unfinished = false;
    }
    commit->sequence = ++store->sequence;
    code = plan(commit, fault);
    if (code == MH_OK)
        code = carry_out(commit, fault);
    if (code == MH_OK)
        conclude(commit);
    else
        clear_plan(commit);
    return code;
}

enum mh_code
store_commit(struct store *store, struct store_step *steps, size_t count, struct mh_fault *fault)
{
    struct commit commit = {.store = store, .steps = steps, .step_count = count};
    enum mh_code code = MH_OK;

    if (count == 0)
        return MH_OK;
    if (commit_init(&commit)) {
        (void) pthread_mutex_lock(&store->commit_lock);
        code = commit_locked(&commit, fault);
        (void) pthread_mutex_unlock(&store->commit_lock);
    } else {
        code = no_memory(fault);
    }
    commit_done(&commit);
    return commit_code(code);
}
