/* SPDX-License-Identifier: Apache-2.0 */
/* inotify watches single directories: here they are kept for a whole tree.
 *
 * A directory is watched before it is read, so that whatever comes into it meanwhile is seen twice
 * rather than never. Directories are opened beneath the root without following links; what a link
 * leads to is either in the tree anyway or none of the app's. A directory that moves out of the
 * tree would stay watched under its old name, so its watches are taken away at once, and those of
 * all below it. How many there may be is bounded here and by the system; when one of the two is
 * reached, the rest goes unwatched, and the owner is told.
 *
 * One thread at a time. It refuses to judge: what a change means is up to watch.c. */
#include "watch_tree.h"

#include "fault.h"
#include "fd.h"
#include "list.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define DIRECTORIES_MAX 16384
#define EVENTS_BYTES    65536
#define READS_MAX       64 /* of one call */
#define WATCHED                                                                                    \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR |           \
     IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct directory {
    int wd;
    char *path; /* "" is the root */
};

struct watch_tree {
    int root_fd; /* borrowed */
    int inotify_fd;
    struct list directories; /* struct directory */
    bool is_partial;
};

bool
watch_is_skipped(const char *name)
{
    return name[0] == '.' || strcmp(name, "node_modules") == 0;
}

/* --- directories --- */

static void
free_directory(void *item)
{
    struct directory *directory = item;

    mem_free(directory->path);
    mem_free(directory);
}

static struct directory *
find(const struct watch_tree *tree, int wd)
{
    for (size_t i = 0; i < tree->directories.count; i++) {
        struct directory *directory = tree->directories.items[i];

        if (directory->wd == wd)
            return directory;
    }
    return NULL;
}

static void
forget(struct watch_tree *tree, int wd)
{
    for (size_t i = 0; i < tree->directories.count; i++) {
        if (((struct directory *) tree->directories.items[i])->wd != wd)
            continue;
        free_directory(tree->directories.items[i]);
        list_remove_at(&tree->directories, i);
        return;
    }
}

/* The watch `wd` is of this path now. Returns whether memory and the ceiling sufficed. */
static bool
remember(struct watch_tree *tree, int wd, const char *path)
{
    struct directory *known = find(tree, wd);
    struct directory *directory;
    char *copy = str_dup(path);

    if (copy == NULL)
        return false;
    if (known != NULL) {
        mem_free(known->path);
        known->path = copy;
        return true;
    }
    directory = mem_new(struct directory);
    if (directory != NULL) {
        *directory = (struct directory){.wd = wd, .path = copy};
        if (list_add(&tree->directories, directory))
            return true;
    }
    mem_free(directory);
    mem_free(copy);
    return false;
}

static int
open_directory(const struct watch_tree *tree, const char *path)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

    return path[0] == '\0' ? openat(tree->root_fd, ".", flags)
                           : fd_open_beneath_nolink(tree->root_fd, path, flags, 0);
}

static void
watch_directory(struct watch_tree *tree, int fd, const char *path)
{
    char link[64];
    int wd = -1;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d/.", fd); /* fits */
    if (tree->directories.count < DIRECTORIES_MAX)
        wd = inotify_add_watch(tree->inotify_fd, link, WATCHED);
    if (wd >= 0 && remember(tree, wd, path))
        return;
    tree->is_partial = true;
    if (wd >= 0)
        (void) inotify_rm_watch(tree->inotify_fd, wd);
}

/* "path/name", owned; NULL without memory. */
static char *
join(const char *path, const char *name)
{
    return path[0] == '\0' ? str_dup(name) : str_printf("%s/%s", path, name);
}

static bool
is_directory(int fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* One entry: a directory is put aside for later, a file is told. */
static void
take_entry(const char *path, bool is_dir, const char *name, struct list *later, watch_see *see,
           void *arg)
{
    char *whole = join(path, name);

    if (whole == NULL)
        return;
    if (is_dir && list_add(later, whole))
        return;
    if (!is_dir && see != NULL)
        see(arg, whole, WATCH_MOVED);
    mem_free(whole);
}

/* Watch one directory, and put those in it aside. */
static void
visit(struct watch_tree *tree, const char *path, struct list *later, watch_see *see, void *arg)
{
    int fd = open_directory(tree, path);
    const struct dirent *entry;
    DIR *stream;

    if (fd < 0)
        return; /* gone already, or not ours to read: nothing of it is served either */
    watch_directory(tree, fd, path);
    stream = fdopendir(fd);
    if (stream == NULL) {
        fd_close(fd);
        return;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (!watch_is_skipped(entry->d_name))
            take_entry(path, is_directory(dirfd(stream), entry), entry->d_name, later, see, arg);
    }
    (void) closedir(stream);
}

/* Watch a directory and all below it; `see`, if not NULL, is told of every file. */
static void
add_tree(struct watch_tree *tree, const char *path, watch_see *see, void *arg)
{
    struct list later = LIST_INIT(DIRECTORIES_MAX);
    char *next = str_dup(path);

    while (next != NULL) {
        visit(tree, next, &later, see, arg);
        mem_free(next);
        next = later.count > 0 ? later.items[later.count - 1] : NULL;
        if (next != NULL)
            list_remove_at(&later, later.count - 1);
    }
    list_done(&later, mem_free);
}

static void
remove_tree(struct watch_tree *tree, const char *path)
{
    const size_t n = strlen(path);

    for (size_t i = tree->directories.count; i-- > 0;) {
        struct directory *directory = tree->directories.items[i];

        if (strncmp(directory->path, path, n) != 0 ||
            (directory->path[n] != '\0' && directory->path[n] != '/'))
            continue;
        (void) inotify_rm_watch(tree->inotify_fd, directory->wd); /* of a removed one it fails */
        free_directory(directory);
        list_remove_at(&tree->directories, i);
    }
}

/* --- news --- */

static enum watch_kind
kind_of(uint32_t mask)
{
    if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0)
        return WATCH_GONE;
    if ((mask & IN_CREATE) != 0)
        return WATCH_MADE;
    return (mask & IN_MOVED_TO) != 0 ? WATCH_MOVED : WATCH_WRITTEN;
}

static void
take_named(struct watch_tree *tree, const struct inotify_event *event, watch_see *see, void *arg)
{
    const struct directory *directory = find(tree, event->wd);
    scoped(mem_freep) char *path = NULL;
    const enum watch_kind kind = kind_of(event->mask);

    if (directory == NULL || event->len == 0 || watch_is_skipped(event->name))
        return;
    path = join(directory->path, event->name);
    if (path == NULL)
        return;
    if ((event->mask & IN_ISDIR) == 0) {
        see(arg, path, kind);
    } else if (kind == WATCH_GONE) {
        remove_tree(tree, path);
        see(arg, path, WATCH_GONE);
    } else {
        add_tree(tree, path, see, arg);
    }
}

static void
take_event(struct watch_tree *tree, const struct inotify_event *event, watch_see *see, void *arg)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        add_tree(tree, "", NULL, NULL); /* what is watched already stays it */
        see(arg, "", WATCH_LOST);
    } else if ((event->mask & IN_IGNORED) != 0) {
        forget(tree, event->wd);
    } else {
        take_named(tree, event, see, arg);
    }
}

void
watch_tree_read(struct watch_tree *tree, watch_see *see, void *arg)
{
    _Alignas(struct inotify_event) char bytes[EVENTS_BYTES];

    for (int i = 0; i < READS_MAX; i++) {
        const ssize_t n = read(tree->inotify_fd, bytes, sizeof(bytes));

        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *) (bytes + at);

            at += (ssize_t) (sizeof(*event) + event->len);
            take_event(tree, event, see, arg);
        }
        if (n <= 0)
            return;
    }
}

int
watch_tree_fd(const struct watch_tree *tree)
{
    return tree->inotify_fd;
}

bool
watch_tree_is_partial(const struct watch_tree *tree)
{
    return tree->is_partial;
}

enum mh_code
watch_tree_open(int root_fd, struct watch_tree **ret, struct mh_fault *fault)
{
    struct watch_tree *tree = mem_new(struct watch_tree);

    if (tree == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    tree->root_fd = root_fd;
    tree->directories = LIST_INIT(DIRECTORIES_MAX);
    tree->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (tree->inotify_fd < 0) {
        const int error = errno;

        mem_free(tree);
        return error == ENOSYS ? fail(fault, MH_UNSUPPORTED, error, "there is no inotify here")
                               : fail_errno(fault, error,
                                            "cannot watch the app's directory (see "
                                            "fs.inotify.max_user_instances)");
    }
    add_tree(tree, "", NULL, NULL);
    *ret = tree;
    return MH_OK;
}

void
watch_tree_free(struct watch_tree *tree)
{
    if (tree == NULL)
        return;
    fd_close(tree->inotify_fd);
    list_done(&tree->directories, free_directory);
    mem_free(tree);
}
