/* SPDX-License-Identifier: Apache-2.0 */
/* Files beneath the cache directory, by path.
 *
 * rename(2), unlink(2) and stat(2) have no way to refuse symbolic links on the way, so the
 * directory of a path is opened first, with fd_open_beneath_nolink(), and the call is made on its
 * last component. A link that somebody put into the cache is therefore an error (ELOOP), never a
 * way out.
 *
 * No state; any thread; everything may block on the disk. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "list.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Open the directory of a path, and find its last component. -1 with errno. */
static int
open_home(int dir_fd, const char *path, const char **ret_last)
{
    const char *slash = strrchr(path, '/');

    *ret_last = slash ? slash + 1 : path;
    scoped(mem_freep) char *home = slash ? str_dup_n(path, (size_t) (slash - path)) : str_dup(".");

    if (!home) {
        errno = ENOMEM;
        return -1;
    }
    return fd_open_beneath_nolink(dir_fd, home, O_PATH | O_DIRECTORY, 0);
}

int
file_rename(int dir_fd, const char *from, const char *to)
{
    const char *from_last;
    const char *to_last;
    scoped(fd_closep) int from_fd = open_home(dir_fd, from, &from_last);

    if (from_fd < 0)
        return -1;
    scoped(fd_closep) int to_fd = open_home(dir_fd, to, &to_last);

    return to_fd < 0 ? -1 : renameat(from_fd, from_last, to_fd, to_last);
}

int
file_unlink(int dir_fd, const char *path)
{
    const char *last;
    scoped(fd_closep) int fd = open_home(dir_fd, path, &last);

    return fd < 0 ? -1 : unlinkat(fd, last, 0);
}

int
file_stat(int dir_fd, const char *path, struct stat *ret)
{
    const char *last;
    scoped(fd_closep) int fd = open_home(dir_fd, path, &last);

    return fd < 0 ? -1 : fstatat(fd, last, ret, AT_SYMLINK_NOFOLLOW);
}

bool
file_exists(int dir_fd, const char *path)
{
    struct stat st;

    return file_stat(dir_fd, path, &st) == 0 && S_ISREG(st.st_mode);
}

enum mh_code
file_write(int dir_fd, const char *path, const void *bytes, size_t n, struct mh_fault *fault)
{
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0)
        return fail_errno(fault, errno, "make '%s'", path);
    enum mh_code code = fd_write_all(fd, bytes, n, fault);

    if (code != MH_OK)
        fault_prepend(fault, "write '%s'", path);
    return code;
}

enum mh_code
file_sync(int dir_fd, const char *path, struct stat *ret_st, struct mh_fault *fault)
{
    scoped(fd_closep) int fd = fd_open_beneath_nolink(dir_fd, path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0)
        return fail_errno(fault, errno, "open '%s'", path);
    if (fsync(fd) < 0)
        return fail_errno(fault, errno, "sync '%s'", path);
    if (ret_st && fstat(fd, ret_st) < 0)
        return fail_errno(fault, errno, "stat '%s'", path);
    return MH_OK;
}

void
file_begin_writeout(int dir_fd, const char *path)
{
    scoped(fd_closep) int fd = fd_open_beneath_nolink(dir_fd, path, O_RDONLY | O_NONBLOCK, 0);

    /* Only a hint: whatever goes wrong here, the sync that follows will say. */
    if (fd >= 0)
        (void) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void
file_prune(int dir_fd, const char *path)
{
    const char *slash = strchr(path, '/');
    scoped(mem_freep) char *folder = slash ? str_dup_n(path, (size_t) (slash - path)) : NULL;
    scoped(fd_closep) int fd =
        folder ? fd_open_beneath_nolink(dir_fd, folder, O_RDONLY | O_DIRECTORY, 0) : -1;

    if (fd >= 0)
        fd_prune_parents(fd, slash + 1);
}

static void
closedirp(DIR **dir)
{
    if (*dir)
        (void) closedir(*dir);
}

enum mh_code
file_list(int dir_fd, const char *path, bool (*visit)(void *arg, const char *name), void *arg,
          struct mh_fault *fault)
{
    scoped(fd_closep) int fd = fd_open_beneath_nolink(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return fail_errno(fault, errno, "open the directory '%s'", path);
    scoped(closedirp) DIR *dir = fdopendir(fd);

    if (!dir)
        return fail_errno(fault, errno, "open the directory '%s'", path);
    (void) fd_take(&fd);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);

        if (!entry)
            return errno == 0 ? MH_OK : fail_errno(fault, errno, "list the directory '%s'", path);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!visit(arg, entry->d_name))
            return MH_OK;
    }
}

char *
store_object_path(const char *mirror, const char *place)
{
    return str_printf("objects/%s/%s", mirror, place);
}

char *
store_meta_path(const char *mirror, const char *place)
{
    return str_printf("meta/%s/%s.json", mirror, place);
}

/* --- directories to sync --- */

static bool
add_directory(struct map *set, const char *path, size_t n)
{
    scoped(mem_freep) char *directory = str_dup_n(path, n);

    return directory && map_set(set, directory, set);
}

bool
sync_set_add(const struct store *store, struct map *set, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t) (slash - path) : 0;

    while (n > 0) {
        struct stat st;
        scoped(mem_freep) char *directory = str_dup_n(path, n);

        if (!directory)
            return false;
        bool is_there = file_stat(store->dir_fd, directory, &st) == 0;

        if (!map_get(set, directory) && !add_directory(set, path, n))
            return false;
        if (is_there)
            return true;
        do
            n--;
        while (n > 0 && path[n] != '/');
    }
    return true;
}

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The paths of a set, borrowed: each directory before those in it. */
static bool
list_sorted(const struct map *set, struct list *paths)
{
    for (const struct map_entry *e = map_first(set); e; e = map_next(e)) {
        if (!list_add(paths, (void *) (uintptr_t) map_key(e)))
            return false;
    }
    if (paths->count > 1)
        qsort(paths->items, paths->count, sizeof(*paths->items), compare_paths);
    return true;
}

static enum mh_code
sync_one(const struct store *store, const char *path, struct mh_fault *fault)
{
    struct stat st;

    /* Removals may name a directory that is not there. */
    if (file_stat(store->dir_fd, path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return MH_OK;
    return file_sync(store->dir_fd, path, NULL, fault);
}

enum mh_code
sync_set_sync(const struct store *store, const struct map *set, struct mh_fault *fault)
{
    struct list paths = LIST_INIT(0);
    enum mh_code code = MH_OK;

    if (!list_sorted(set, &paths))
        code = fail(fault, MH_NOMEM, 0, "out of memory for a list of directories");
    for (size_t i = 0; code == MH_OK && i < paths.count; i++)
        code = sync_one(store, paths.items[i], fault);
    list_done(&paths, NULL);
    return code;
}
