/* SPDX-License-Identifier: Apache-2.0 */
/* Walking all metadata of a mirror: how the index is made again at a start.
 *
 * The walk goes directory by directory, with one of them open at a time, so that neither the depth
 * of a tree nor its size costs descriptors. What it meets may change under it: a file that is gone
 * when it is read was replaced or removed, and is passed over. Metadata must stand where its name
 * belongs (the name's own place, or a hashed one); a copy that somebody made elsewhere is told to
 * `broken`, for if it were taken, two files would claim one object.
 *
 * Any thread; blocks on the disk; the caller's functions are called without a lock held. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "list.h"
#include "mem.h"
#include "name.h"

#include <errno.h>
#include <string.h>

struct walk {
    const struct store *store;
    const char *mirror;
    const struct store_scan *scan;
    struct list directories; /* char *: still to be listed, relative to the mirror; "" is itself */
    struct list names;       /* char *: of the directory being walked */
    bool has_failed;         /* memory ran out */
    bool is_stopped;
};

static bool
keep(struct list *list, char *text)
{
    if (text && list_add(list, text))
        return true;
    mem_free(text);
    return false;
}

static bool
keep_name(void *arg, const char *name)
{
    struct walk *walk = arg;

    if (!keep(&walk->names, str_dup(name)))
        walk->has_failed = true;
    return !walk->has_failed;
}

static bool
belongs_at(const struct meta *meta, const char *place)
{
    return strncmp(place, "%/", 2) == 0 || strcmp(meta->name, place) == 0;
}

static enum mh_code
read_at(const struct walk *walk, const char *path, const char *place, struct meta *ret,
        struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    size_t n = 0;
    enum mh_code code =
        fd_read_file(walk->store->dir_fd, path, STORE_MAX_META_BYTES, &text, &n, fault);

    if (code == MH_OK)
        code = meta_read(text, n, ret, fault);
    if (code == MH_OK && !belongs_at(ret, place)) {
        code = fail(fault, MH_CORRUPT, 0, "it is about '%s'", ret->name);
        meta_done(ret);
    }
    return code;
}

static void
visit_metadata(struct walk *walk, const char *path, const char *place)
{
    struct meta meta = {.name = NULL};
    struct mh_fault fault = {0};

    (void) pthread_rwlock_rdlock(walk->store->switch_lock);
    enum mh_code code = read_at(walk, path, place, &meta, &fault);
    (void) pthread_rwlock_unlock(walk->store->switch_lock);

    if (code == MH_OK) {
        walk->is_stopped = !walk->scan->visit(walk->scan->arg, walk->mirror, place, &meta);
        meta_done(&meta);
    } else if (code == MH_NOMEM) {
        walk->has_failed = true;
    } else if (code != MH_NOT_FOUND && walk->scan->broken) {
        fault_prepend(&fault, "the metadata '%s/%s' cannot be used", walk->store->dir, path);
        walk->scan->broken(walk->scan->arg, walk->mirror, place, &fault);
    }
}

/* One name in the directory `below` (relative to the mirror, with a '/' at its end, or empty). */
static void
visit_name(struct walk *walk, const char *below, const char *name)
{
    size_t n = strlen(name);
    scoped(mem_freep) char *relative = str_printf("%s%s", below, name);
    scoped(mem_freep) char *path =
        relative ? str_printf("meta/%s/%s", walk->mirror, relative) : NULL;
    struct stat st;

    if (!path) {
        walk->has_failed = true;
        return;
    }
    if (store_is_hidden(walk->store, path) || file_stat(walk->store->dir_fd, path, &st) < 0)
        return; /* gone meanwhile */
    if (S_ISDIR(st.st_mode)) {
        if (!keep(&walk->directories, str_printf("%s/", relative)))
            walk->has_failed = true;
    } else if (S_ISREG(st.st_mode) && n > 5 && strcmp(name + n - 5, ".json") == 0) {
        relative[strlen(relative) - 5] = '\0';
        visit_metadata(walk, path, relative);
    }
}

static enum mh_code
walk_directory(struct walk *walk, const char *below, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = str_printf("meta/%s/%s", walk->mirror, below);

    if (!path)
        return fail(fault, MH_NOMEM, 0, "out of memory for a scan");
    enum mh_code code = file_list(walk->store->dir_fd, path, keep_name, walk, fault);

    if (code == MH_NOT_FOUND)
        code = MH_OK; /* a mirror that holds nothing yet, or removed meanwhile */
    for (size_t i = 0; code == MH_OK && i < walk->names.count; i++) {
        if (!walk->has_failed && !walk->is_stopped)
            visit_name(walk, below, walk->names.items[i]);
    }
    list_done(&walk->names, mem_free);
    walk->names = LIST_INIT(0);
    return code;
}

enum mh_code
store_scan_mirror(const struct store *store, const char *mirror, const struct store_scan *scan,
                  struct mh_fault *fault)
{
    struct walk walk = {.store = store,
                        .mirror = mirror,
                        .scan = scan,
                        .directories = LIST_INIT(0),
                        .names = LIST_INIT(0)};
    enum mh_code code = MH_OK;

    walk.has_failed = !keep(&walk.directories, str_dup(""));
    while (code == MH_OK && walk.directories.count > 0 && !walk.has_failed && !walk.is_stopped) {
        scoped(mem_freep) char *below = walk.directories.items[walk.directories.count - 1];

        list_remove_at(&walk.directories, walk.directories.count - 1);
        code = walk_directory(&walk, below, fault);
    }
    list_done(&walk.directories, mem_free);
    if (code == MH_OK && walk.has_failed)
        code = fail(fault, MH_NOMEM, 0, "out of memory for a scan");
    return code;
}
