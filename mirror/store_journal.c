/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what a commit is about to do, on disk before any of it is done.
 *
 *   journal/<n>.tmp      an entry that is being written: ignored and removed at a start
 *   journal/<n>.json     a committed entry: done in full, now or at the next start
 *   journal/<n>.<i>.new  metadata about to be placed; journal/<n>.<i>.old  what it replaced
 *   journal/LOCK         exclusive while an entry is applied; processes that only read share it
 *
 * An entry lists changes, each of another path: a partial file that moves there, a text that is
 * written there, or a removal. Redoing one is safe wherever the first attempt stopped, and as often
 * as one likes, because each change asks only whether it is still to be made: a move is, if the
 * file it names is still at its source (length and time tell it from a later transfer of the same
 * name); texts and removals are simply made again. What lay aside (.old) is needed only to take
 * back a commit that failed in a living process, so a start clears it away once all entries are
 * done.
 *
 * Before an entry may go, everything it did must be on disk: files first, then their directories.
 * Its own removal is not synced. Should power loss bring it back, it is redone, which changes
 * nothing: every later commit syncs the journal's directory, and the removal with it, before its
 * own changes.
 *
 * A committed entry that cannot be read was damaged from outside. Guessing would break a model, so
 * the start stops and says what to do.
 *
 * Called with the store's commit_lock held, or before the store is handed out. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "json.h"
#include "list.h"
#include "mem.h"
#include "name.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static const char entry_suffix[] = ".json";
static const char temp_suffix[] = ".tmp";

void
change_done(struct change *change)
{
    mem_free(change->to);
    mem_free(change->from);
    mem_free(change->text);
    mem_free(change->aside);
    mem_free(change->source);
    *change = (struct change){.to = NULL};
}

char *
journal_path(uint64_t sequence, size_t index, const char *suffix)
{
    if (index == SIZE_MAX)
        return str_printf("journal/%012llu%s", (unsigned long long) sequence, suffix);
    return str_printf("journal/%012llu.%zu%s", (unsigned long long) sequence, index, suffix);
}

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "out of memory for the journal");
}

/* --- writing --- */

/* Paths hold names, and names may hold bytes that JSON cannot. */
static void
write_path(struct jsonw *w, const char *member, const char *path)
{
    scoped(buf_done) struct buf text = BUF_INIT(STORE_MAX_ENTRY_BYTES);

    name_to_text(path, &text);
    if (!buf_is_ok(&text))
        w->buf->has_failed = true;
    jsonw_string(w, member, buf_text(&text));
}

static void
write_change(struct jsonw *w, const struct change *change)
{
    scoped(buf_done) struct buf digits = BUF_INIT(32);

    jsonw_object_begin(w, NULL);
    write_path(w, "to", change->to);
    if (change->from) {
        buf_printf(&digits, "%lld", (long long) change->mtime_ns);
        write_path(w, "from", change->from);
        jsonw_uint(w, "bytes", change->bytes);
        jsonw_string(w, "mtime_ns", buf_text(&digits));
    } else if (change->text) {
        jsonw_string(w, "text", change->text);
    } else {
        jsonw_bool(w, "remove", true);
    }
    jsonw_object_end(w);
}

/* Only then is what the reserve is used for sure to give more back. */
static bool
only_removes(const struct change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (changes[i].from || changes[i].text)
            return false;
    }
    return true;
}

enum mh_code
journal_prepare(const struct store *store, uint64_t sequence, const struct change *changes,
                size_t count, struct mh_fault *fault)
{
    scoped(buf_done) struct buf text = BUF_INIT(STORE_MAX_ENTRY_BYTES);
    scoped(mem_freep) char *temp = journal_path(sequence, SIZE_MAX, temp_suffix);
    struct jsonw w = JSONW_INIT(&text);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "changes");
    for (size_t i = 0; i < count; i++)
        write_change(&w, &changes[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    if (!temp || !buf_is_ok(&text))
        return no_memory(fault);
    enum mh_code code = file_write(store->dir_fd, temp, buf_text(&text), text.length, fault);

    if (code == MH_NO_SPACE && only_removes(changes, count))
        code = reserve_write(store, temp, buf_text(&text), text.length, fault);
    if (code == MH_OK)
        code = file_sync(store->dir_fd, temp, NULL, fault);
    if (code != MH_OK)
        (void) file_unlink(store->dir_fd, temp);
    return code;
}

enum mh_code
journal_commit(const struct store *store, uint64_t sequence, struct mh_fault *fault)
{
    scoped(mem_freep) char *temp = journal_path(sequence, SIZE_MAX, temp_suffix);
    scoped(mem_freep) char *entry = journal_path(sequence, SIZE_MAX, entry_suffix);

    if (!temp || !entry)
        return no_memory(fault);
    enum mh_code code = MH_OK;

    if (file_rename(store->dir_fd, temp, entry) < 0)
        code = fail_errno(fault, errno, "rename '%s'", temp);
    if (code == MH_OK)
        code = file_sync(store->dir_fd, "journal", NULL, fault);
    if (code != MH_OK) {
        (void) file_unlink(store->dir_fd, temp);
        (void) file_unlink(store->dir_fd, entry);
    }
    return code;
}

enum mh_code
journal_retire(const struct store *store, uint64_t sequence, bool sync, struct mh_fault *fault)
{
    scoped(mem_freep) char *entry = journal_path(sequence, SIZE_MAX, entry_suffix);

    if (!entry)
        return no_memory(fault);
    if (file_unlink(store->dir_fd, entry) < 0 && errno != ENOENT)
        return fail_errno(fault, errno, "remove '%s'", entry);
    return sync ? file_sync(store->dir_fd, "journal", NULL, fault) : MH_OK;
}

/* --- reading --- */

struct entry {
    struct change *changes;
    size_t count;
};

static void
entry_done(struct entry *entry)
{
    for (size_t i = 0; i < entry->count; i++)
        change_done(&entry->changes[i]);
    mem_free(entry->changes);
    *entry = (struct entry){.count = 0};
}

/* A path of ours: under one of the folders, without a component that leads up. */
static bool
is_own_path(const char *path, const char *const *folders)
{
    bool is_known = false;

    for (; *folders; folders++)
        is_known = is_known || strncmp(path, *folders, strlen(*folders)) == 0;
    if (!is_known)
        return false;
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        size_t n = strcspn(at, "/");

        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
    }
    return true;
}

static enum mh_code
read_path(const struct json *value, const char *const *folders, char **ret, struct mh_fault *fault)
{
    const char *text = json_string(value);
    scoped(buf_done) struct buf path = BUF_INIT(text ? strlen(text) + 1 : 1);

    if (!text)
        return fail(fault, MH_CORRUPT, 0, "a change lacks a path");
    name_from_text(text, &path);
    if (!is_own_path(buf_text(&path), folders))
        return fail(fault, MH_CORRUPT, 0, "'%s' is no path of the cache", text);
    *ret = buf_take(&path);
    return *ret ? MH_OK : no_memory(fault);
}

static enum mh_code
read_change(const struct json *value, struct change *change, struct mh_fault *fault)
{
    static const char *const targets[] = {"objects/", "meta/", NULL};
    static const char *const sources[] = {"partial/", NULL};
    const char *text = json_string(json_get(value, "text"));
    enum mh_code code = read_path(json_get(value, "to"), targets, &change->to, fault);

    if (code != MH_OK)
        return code;
    if (json_get(value, "from")) {
        if (!json_uint(json_get(value, "bytes"), &change->bytes) ||
            !int_parse(json_string(json_get(value, "mtime_ns")), &change->mtime_ns))
            return fail(fault, MH_CORRUPT, 0, "the move to '%s' lacks bytes or mtime_ns",
                        change->to);
        return read_path(json_get(value, "from"), sources, &change->from, fault);
    }
    if (text) {
        change->text = str_dup(text);
        return change->text ? MH_OK : no_memory(fault);
    }
    if (json_bool(json_get(value, "remove"), false))
        return MH_OK;
    return fail(fault, MH_CORRUPT, 0, "it does not say what is to happen to '%s'", change->to);
}

static enum mh_code
parse_entry(const char *text, size_t n, struct entry *entry, struct mh_fault *fault)
{
    scoped(json_freep) struct json *tree = NULL;
    enum mh_code code = json_parse(text, n, &tree, fault);
    const struct json *changes = json_get(tree, "changes");

    if (code == MH_BAD_INPUT)
        return MH_CORRUPT;
    if (code != MH_OK)
        return code;
    if (json_kind_of(changes) != JSON_ARRAY)
        return fail(fault, MH_CORRUPT, 0, "it has no list of changes");
    entry->changes = mem_calloc(json_count(changes) + 1, sizeof(*entry->changes));
    if (!entry->changes)
        return no_memory(fault);
    for (const struct json *c = json_first(changes); c && code == MH_OK; c = json_next(c))
        code = read_change(c, &entry->changes[entry->count++], fault);
    return code;
}

static enum mh_code
read_entry(const struct store *store, const char *path, struct entry *entry, struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    size_t n = 0;
    enum mh_code code = fd_read_file(store->dir_fd, path, STORE_MAX_ENTRY_BYTES, &text, &n, fault);

    if (code == MH_OK)
        code = parse_entry(text, n, entry, fault);
    if (code == MH_CORRUPT) {
        fault_prepend(fault,
                      "the journal entry '%s/%s' is damaged. It is a publish that was interrupted; "
                      "remove that file to give the publish up, and what it was about is fetched "
                      "again. What is wrong with it",
                      store->dir, path);
    }
    return code;
}

/* --- redoing --- */

static bool
is_still_at_source(const struct store *store, const struct change *change)
{
    struct stat st;

    return file_stat(store->dir_fd, change->from, &st) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t) st.st_size == change->bytes && stat_mtime_ns(&st) == change->mtime_ns;
}

static enum mh_code
redo_text(const struct store *store, const struct change *change, const char *temp,
          struct mh_fault *fault)
{
    enum mh_code code = file_write(store->dir_fd, temp, change->text, strlen(change->text), fault);

    if (code == MH_OK)
        code = file_sync(store->dir_fd, temp, NULL, fault);
    if (code == MH_OK && file_rename(store->dir_fd, temp, change->to) < 0)
        code = fail_errno(fault, errno, "rename into '%s'", change->to);
    return code;
}

static enum mh_code
redo_change(const struct store *store, const struct change *change, const char *temp,
            struct mh_fault *fault)
{
    if (!change->from && !change->text) {
        /* A directory there holds other objects; what was to go is gone. */
        if (file_unlink(store->dir_fd, change->to) < 0 && errno != ENOENT && errno != ENOTDIR &&
            errno != EISDIR)
            return fail_errno(fault, errno, "remove '%s'", change->to);
        return MH_OK;
    }
    if (change->from && !is_still_at_source(store, change))
        return MH_OK;
    enum mh_code code = fd_make_parents(store->dir_fd, change->to, fault);

    if (code != MH_OK)
        return code;
    if (change->text)
        return redo_text(store, change, temp, fault);
    if (file_rename(store->dir_fd, change->from, change->to) < 0)
        return fail_errno(fault, errno, "rename '%s' to '%s'", change->from, change->to);
    return MH_OK;
}

static void
map_freep(struct map **map)
{
    map_free(*map);
}

static enum mh_code
redo_entry(const struct store *store, const struct entry *entry, struct mh_fault *fault)
{
    scoped(map_freep) struct map *touched = map_new();
    scoped(mem_freep) char *temp = str_dup("journal/redo.new");
    enum mh_code code = touched && temp ? MH_OK : no_memory(fault);

    for (size_t i = 0; code == MH_OK && i < entry->count; i++) {
        if (!sync_set_add(store, touched, entry->changes[i].to))
            return no_memory(fault);
        code = redo_change(store, &entry->changes[i], temp, fault);
    }
    return code == MH_OK ? sync_set_sync(store, touched, fault) : code;
}

/* --- a start --- */

struct listing {
    struct list entries; /* uint64_t *: sequence numbers */
    struct list litter;  /* char *: names of all other files */
    bool has_failed;
};

static bool
read_sequence(const char *name, uint64_t *ret)
{
    size_t n = strlen(name);
    size_t suffix = sizeof(entry_suffix) - 1;

    return n > suffix && strcmp(name + n - suffix, entry_suffix) == 0 &&
           uint_parse_n(name, n - suffix, UINT64_MAX - 1, ret);
}

static bool
note_file(void *arg, const char *name)
{
    struct listing *listing = arg;
    uint64_t sequence = 0;
    bool is_entry = read_sequence(name, &sequence);

    if (strcmp(name, "LOCK") == 0)
        return true;
    void *item = is_entry ? mem_dup(&sequence, sizeof(sequence)) : (void *) str_dup(name);

    if (!item || !list_add(is_entry ? &listing->entries : &listing->litter, item)) {
        mem_free(item);
        listing->has_failed = true;
    }
    return !listing->has_failed;
}

static int
compare_sequences(const void *a, const void *b)
{
    uint64_t first = **(uint64_t *const *) a;
    uint64_t second = **(uint64_t *const *) b;

    return (first > second) - (first < second);
}

static enum mh_code
redo_listed(struct store *store, const struct listing *listing, struct mh_fault *fault)
{
    for (size_t i = 0; i < listing->entries.count; i++) {
        uint64_t sequence = *(const uint64_t *) listing->entries.items[i];
        scoped(mem_freep) char *path = journal_path(sequence, SIZE_MAX, entry_suffix);
        scoped(entry_done) struct entry entry = {.count = 0};
        enum mh_code code = path ? read_entry(store, path, &entry, fault) : no_memory(fault);

        if (code == MH_OK) {
            code = redo_entry(store, &entry, fault);
            if (code != MH_OK)
                fault_prepend(fault, "finish the publish in '%s/%s'", store->dir, path);
        }
        if (code == MH_OK)
            code = journal_retire(store, sequence, true, fault);
        if (code != MH_OK)
            return code;
        for (size_t k = 0; k < entry.count; k++)
            file_prune(store->dir_fd, entry.changes[k].to);
        if (store->sequence < sequence)
            store->sequence = sequence;
    }
    return MH_OK;
}

static void
clear_litter(const struct store *store, const struct listing *listing)
{
    for (size_t i = 0; i < listing->litter.count; i++) {
        scoped(mem_freep) char *path =
            str_printf("journal/%s", (const char *) listing->litter.items[i]);

        /* What stays is cleared at the next start; it never counts. */
        if (path)
            (void) file_unlink(store->dir_fd, path);
    }
}

void
journal_lock(const struct store *store)
{
    /* Without the lock, on a file system that has none, a reading process may see a switch half
     * done; the switch itself is no less safe. */
    while (flock(store->journal_fd, LOCK_EX) < 0 && errno == EINTR)
        continue;
}

void
journal_unlock(const struct store *store)
{
    (void) flock(store->journal_fd, LOCK_UN);
}

/* All of journal/, the entries in their order. */
static enum mh_code
list_journal(const struct store *store, struct listing *listing, struct mh_fault *fault)
{
    enum mh_code code = file_list(store->dir_fd, "journal", note_file, listing, fault);

    if (code == MH_OK && listing->has_failed)
        code = no_memory(fault);
    if (listing->entries.count > 1)
        qsort(listing->entries.items, listing->entries.count, sizeof(*listing->entries.items),
              compare_sequences);
    return code;
}

static void
listing_done(struct listing *listing)
{
    list_done(&listing->entries, mem_free);
    list_done(&listing->litter, mem_free);
}

enum mh_code
journal_redo(struct store *store, struct mh_fault *fault)
{
    scoped(listing_done) struct listing listing = {.entries = LIST_INIT(0), .litter = LIST_INIT(0)};
    enum mh_code code = list_journal(store, &listing, fault);

    if (code == MH_OK && listing.entries.count > 0) {
        journal_lock(store);
        code = redo_listed(store, &listing, fault);
        journal_unlock(store);
    }
    if (code == MH_OK)
        clear_litter(store, &listing);
    return code;
}

/* --- reading without redoing --- */

static enum mh_code
add_pending(const struct store *store, uint64_t sequence, struct map *paths, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = journal_path(sequence, SIZE_MAX, entry_suffix);
    scoped(entry_done) struct entry entry = {.count = 0};
    enum mh_code code = path ? read_entry(store, path, &entry, fault) : no_memory(fault);

    for (size_t i = 0; code == MH_OK && i < entry.count; i++) {
        if (!map_set(paths, entry.changes[i].to, paths))
            code = no_memory(fault);
    }
    return code;
}

enum mh_code
journal_list_pending(const struct store *store, struct map *paths, struct mh_fault *fault)
{
    scoped(listing_done) struct listing listing = {.entries = LIST_INIT(0), .litter = LIST_INIT(0)};
    enum mh_code code = list_journal(store, &listing, fault);

    for (size_t i = 0; code == MH_OK && i < listing.entries.count; i++)
        code = add_pending(store, *(const uint64_t *) listing.entries.items[i], paths, fault);
    return code;
}
