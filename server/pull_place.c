/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a pulled model to where somebody wants it.
 *
 * The objects/ tree has the upstream's own layout, so that a model's files keep their relative
 * paths, which is where its manifest looks for them. Names on disk escape '%' and carry a query
 * behind
 * "%3F"; a plain file has neither. The manifest is moved last, after everything else is safely in
 * place: whoever finds it can load the model. Names come from an upstream: they are opened beneath
 * the target directory only, and a symbolic link that leads out of it is refused.
 *
 * It copies nothing: both directories must be on one file system. One thread; blocks on the disk.
 */
#include "pull_place.h"

#include "buf.h"
#include "fault.h"
#include "fd.h"
#include "list.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX      100000
#define PATH_MAX_BYTES 4096

/* One file that is moved. */
struct placing {
    char *from; /* relative to the old directory */
    char *to;   /* relative to the new one */
};

static void
free_placing(void *item)
{
    struct placing *placing = item;

    mem_free(placing->from);
    mem_free(placing->to);
    mem_free(placing);
}

static bool
is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *
open_directory(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory;

    if (fd < 0)
        return NULL;
    directory = fdopendir(fd);
    if (directory == NULL)
        fd_close(fd);
    return directory;
}

void
remove_tree(int dir_fd, const char *name)
{
    DIR *directory = open_directory(dir_fd, name);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (is_dot(entry->d_name))
            continue;
        if (unlinkat(dirfd(directory), entry->d_name, 0) < 0)
            remove_tree(dirfd(directory), entry->d_name);
    }
    if (directory != NULL)
        (void) closedir(directory);
    (void) unlinkat(dir_fd, name, AT_REMOVEDIR);
}

/* --- which files --- */

/* The plain name of an object's name: without its query, "%25" as '%'. "%2F" stays: a slash cannot
 * be in a file's name. */
static char *
plain_name(const char *name)
{
    struct buf plain = BUF_INIT(PATH_MAX_BYTES);
    char *taken;

    for (const char *at = name; *at != '\0';) {
        if (strncmp(at, "%3F", 3) == 0) {
            at += strcspn(at, "/");
        } else if (strncmp(at, "%25", 3) == 0) {
            buf_add_char(&plain, '%');
            at += 3;
        } else {
            buf_add_char(&plain, *at++);
        }
    }
    taken = buf_is_ok(&plain) ? buf_take(&plain) : NULL;
    buf_done(&plain);
    return taken;
}

static enum mh_code
add_file(struct list *files, const char *path, struct mh_fault *fault)
{
    struct placing *placing = mem_new(struct placing);

    if (placing == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    placing->from = str_dup(path);
    placing->to = plain_name(path);
    if (placing->from == NULL || placing->to == NULL || !list_add(files, placing)) {
        free_placing(placing);
        return fail(fault, MH_NOMEM, 0, "there are more files than memory allows");
    }
    return MH_OK;
}

/* Add all files of a directory. `prefix` is its path from the top, "" or ending with '/'. */
static enum mh_code
collect(int dir_fd, const char *name, const char *prefix, struct list *files,
        struct mh_fault *fault)
{
    DIR *directory = open_directory(dir_fd, name);
    const struct dirent *entry;
    enum mh_code code = MH_OK;

    if (directory == NULL)
        return fail_errno(fault, errno, "open the directory '%s'", prefix);
    while (code == MH_OK && (entry = readdir(directory)) != NULL) {
        scoped(mem_freep) char *path = NULL;
        struct stat st;

        if (is_dot(entry->d_name))
            continue;
        path = str_printf("%s%s", prefix, entry->d_name);
        if (path == NULL)
            code = fail(fault, MH_NOMEM, 0, "memory ran out");
        else if (fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            code = fail_errno(fault, errno, "look at '%s'", path);
        else if (S_ISREG(st.st_mode))
            code = add_file(files, path, fault);
        else if (S_ISDIR(st.st_mode)) {
            scoped(mem_freep) char *below = str_printf("%s/", path);

            code = below != NULL ? collect(dirfd(directory), entry->d_name, below, files, fault)
                                 : fail(fault, MH_NOMEM, 0, "memory ran out");
        }
    }
    (void) closedir(directory);
    return code;
}

/* Give the manifest its new name and move it to the end of the list. */
static enum mh_code
put_manifest_last(struct list *files, const char *manifest_name, const char *to_name,
                  struct mh_fault *fault)
{
    scoped(mem_freep) char *plain = plain_name(manifest_name);

    if (plain == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    for (size_t i = 0; i < files->count; i++) {
        struct placing *manifest = files->items[i];
        char *to;

        if (strcmp(manifest->to, plain) != 0)
            continue;
        to = str_dup(to_name);
        if (to == NULL)
            return fail(fault, MH_NOMEM, 0, "memory ran out");
        mem_free(manifest->to);
        manifest->to = to;
        files->items[i] = files->items[files->count - 1];
        files->items[files->count - 1] = manifest;
        return MH_OK;
    }
    return fail(fault, MH_NOT_FOUND, 0,
                "'%s' was pulled, but its name is too long or too odd for a plain file",
                manifest_name);
}

/* --- is there room --- */

static enum mh_code
check_target(int to_fd, const struct placing *placing, struct mh_fault *fault)
{
    struct stat st;

    if (fstatat(to_fd, placing->to, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return fail(fault, MH_BUSY, 0,
                    "a directory '%s' is in the way of a file of the model; move it away",
                    placing->to);
    return fd_make_parents(to_fd, placing->to, fault);
}

static enum mh_code
check_targets(int to_fd, const struct list *files, const char *to_name, struct mh_fault *fault)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct placing *placing = files->items[i];
        enum mh_code code;

        if (i + 1 < files->count && strcmp(placing->to, to_name) == 0)
            return fail(fault, MH_BAD_INPUT, 0,
                        "the model has another file called '%s'; name the manifest differently",
                        to_name);
        code = check_target(to_fd, placing, fault);
        if (code != MH_OK)
            return code;
    }
    return MH_OK;
}

/* --- moving --- */

static enum mh_code
move(int from_fd, int to_fd, const struct placing *placing, struct mh_fault *fault)
{
    const char *slash = strrchr(placing->to, '/');
    scoped(mem_freep) char *parent =
        slash != NULL ? str_dup_n(placing->to, (size_t) (slash - placing->to)) : str_dup(".");
    scoped(fd_closep) int parent_fd = -1;

    if (parent == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    parent_fd = fd_open_beneath(to_fd, parent, O_RDONLY | O_DIRECTORY, 0);
    if (parent_fd < 0)
        return fail_errno(fault, errno, "open the directory '%s'", parent);
    if (renameat(from_fd, placing->from, parent_fd, slash != NULL ? slash + 1 : placing->to) < 0)
        return fail_errno(fault, errno, "write '%s'", placing->to);
    return fd_sync_parents(to_fd, placing->to, fault);
}

enum mh_code
place_model(int from_fd, const char *manifest_name, int to_fd, const char *to_name,
            struct mh_fault *fault)
{
    struct list files = LIST_INIT(FILES_MAX);
    enum mh_code code = collect(from_fd, ".", "", &files, fault);

    if (code == MH_OK)
        code = put_manifest_last(&files, manifest_name, to_name, fault);
    if (code == MH_OK)
        code = check_targets(to_fd, &files, to_name, fault);
    for (size_t i = 0; code == MH_OK && i < files.count; i++)
        code = move(from_fd, to_fd, files.items[i], fault);
    list_done(&files, free_placing);
    return code;
}
