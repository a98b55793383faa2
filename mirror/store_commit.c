/* SPDX-License-Identifier: Apache-2.0 */
/* Commits: a set of publishes, records and removals that happens as a whole.
 *
 *   plan    places are chosen, directories made, partial files synced, metadata written to
 *           journal/ (store_plan.c)
 *
 *   commit  the journal entry gets its name: from here on a crash leads forward
 *
 *   apply   what is in the way goes aside into journal/, what is new is renamed into its place
 *
 *   settle  directories are synced, the entry is removed, what lay aside is deleted
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
 * Cost: one fsync for each partial file and each metadata file, started together so that the later
 * ones find little to do, plus one for partial/ before and after, the entry, journal/ and every
 * directory that is touched.
 *
 * Any thread; one commit at a time. The switch_lock is held for the renames alone. */
#include "store_internal.h"

#include "fault.h"
#include "mem.h"

#include <errno.h>

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
        mem_calloc(commit->step_count * COMMIT_CHANGES_PER_STEP + 1, sizeof(*commit->changes));
    commit->claims = map_new();
    commit->touched = map_new();
    return commit->places && commit->mtimes && commit->changes && commit->claims &&
           commit->touched && map_set(commit->touched, "partial", commit);
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

/* All of it has happened: hand over, and clear what is left. Leftovers never count. */
static void
conclude(struct commit *commit)
{
    const struct store *store = commit->store;

    for (size_t i = 0; i < commit->change_count; i++) {
        if (commit->changes[i].is_aside)
            (void) file_unlink(store->dir_fd, commit->changes[i].aside);
    }
    commit_prune(commit);
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
    code = commit_plan(commit, fault);
    if (code == MH_OK)
        code = carry_out(commit, fault);
    if (code == MH_OK) {
        conclude(commit);
        reserve_make(store);
    } else {
        commit_unplan(commit);
    }
    return code;
}

static enum mh_code
commit_once(struct store *store, struct store_step *steps, size_t count, struct mh_fault *fault)
{
    struct commit commit = {.store = store, .steps = steps, .step_count = count};
    enum mh_code code = MH_OK;

    if (commit_init(&commit)) {
        (void) pthread_mutex_lock(&store->commit_lock);
        code = commit_locked(&commit, fault);
        (void) pthread_mutex_unlock(&store->commit_lock);
    } else {
        code = no_memory(fault);
    }
    commit_done(&commit);
    return code;
}

enum mh_code
store_commit(struct store *store, struct store_step *steps, size_t count, struct mh_fault *fault)
{
    if (count == 0)
        return MH_OK;
    enum mh_code code = store_check_writable(store, fault);

    if (code == MH_OK)
        code = commit_once(store, steps, count, fault);
    /* Somebody removed journal/ under us: it is made anew. */
    if (code == MH_NOT_FOUND && store_make_layout(store, NULL) == MH_OK)
        code = commit_once(store, steps, count, fault);
    return commit_code(code);
}
