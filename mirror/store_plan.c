/* SPDX-License-Identifier: Apache-2.0 */
/* The first half of a commit: what exactly is to happen, and everything that takes room.
 *
 * Places are chosen here, before the journal entry is written. A path is taken as a file or as a
 * directory, on disk or by this very commit (its claims); a name that would need both lives at its
 * hashed place. Copies of the same object at its other place are removed by the same entry, so that
 * there is one of each. A place that is published and removed by one commit stays.
 *
 * When a plan is made, the bytes and the metadata are in files on disk, the directories exist, and
 * each change names another path. Nothing under objects/ or meta/ but empty directories is
 * different yet; commit_unplan() removes those, and the files of metadata.
 *
 * Called with the store's commit_lock held; blocks on the disk. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "name.h"

#include <errno.h>
#include <string.h>

/* Only their addresses count. */
static char claim_file;
static char claim_directory;

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "out of memory for a commit");
}

/* --- claims --- */

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

/* --- places --- */

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

/* --- changes --- */

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

enum mh_code
commit_plan(struct commit *commit, struct mh_fault *fault)
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

/* Directories that were made for places that were not taken in the end, or are empty now. */
void
commit_prune(const struct commit *commit)
{
    for (const struct map_entry *e = map_first(commit->touched); e; e = map_next(e)) {
        scoped(mem_freep) char *path = str_printf("%s/.", map_key(e));

        if (path)
            file_prune(commit->store->dir_fd, path);
    }
}

/* Nothing of it has happened: remove what the plan made. */
void
commit_unplan(const struct commit *commit)
{
    for (size_t i = 0; i < commit->change_count; i++) {
        if (commit->changes[i].text && commit->changes[i].source)
            (void) file_unlink(commit->store->dir_fd, commit->changes[i].source);
    }
    /* An entry that is still to be finished makes its directories again. */
    commit_prune(commit);
}
