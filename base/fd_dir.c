/* SPDX-License-Identifier: Apache-2.0 */
/* Directories: making, pruning and syncing those that lead to a name.
 *
 * Every directory on the way is opened beneath the one above it and never through a symbolic link,
 * so that what is made or removed lies in the tree that was meant, whatever somebody else does to
 * it meanwhile. Two threads may make the same directories at once. A pruned directory can vanish
 * under one that is being made: fd_make_parents() then says NOT_FOUND, and whoever prunes and makes
 * at the same time holds a lock around both.
 *
 * Any thread; no state; all of it may block on the disk. */
#include "fd.h"

#include "fault.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
open_directory(int dir_fd, const char *name)
{
    return fd_open_beneath_nolink(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

/* Open a directory, making it if it is missing. -1 with errno. */
static int
open_or_make(int dir_fd, const char *component)
{
    int fd = open_directory(dir_fd, component);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(dir_fd, component, 0777) < 0 && errno != EEXIST)
        return -1;
    return open_directory(dir_fd, component);
}

enum mh_code
fd_make_parents(int dir_fd, const char *name, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = str_dup(name);
    scoped(fd_closep) int here = open_directory(dir_fd, ".");

    if (path == NULL)
        return fail(fault, MH_NOMEM, ENOMEM, "out of memory while making the directories of '%s'",
                    name);
    if (here < 0)
        return fail_errno(fault, errno, "open the directory that '%s' is to lie in", name);
    if (path[0] == '/')
        return fail_errno(fault, EXDEV, "make the directories of '%s'", name);

    char *component = path;

    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(component, '/')) {
        *slash = '\0';

        int next = component[0] == '\0' ? fd_take(&here) : open_or_make(here, component);

        if (next < 0 && errno == ENOTDIR)
            return fail(fault, MH_BUSY, ENOTDIR, "'%s' is in the way of '%s': it is no directory",
                        path, name);
        if (next < 0)
            return fail_errno(fault, errno, "make the directory '%s'", path);
        fd_close(here);
        here = next;
        *slash = '/';
        component = slash + 1;
    }
    return MH_OK;
}

static bool
is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* mkdir(2), content with a directory that is there already, whatever mkdir says about its place. */
static enum mh_code
make_one_dir(const char *path, struct mh_fault *fault)
{
    if (mkdir(path, 0777) == 0)
        return MH_OK;

    int error = errno;

    if (is_directory(path))
        return MH_OK;
    if (error == EEXIST || error == ENOTDIR)
        return fail(fault, MH_IO, ENOTDIR,
                    "'%s' cannot be made: a file that is no directory is in "
                    "the way",
                    path);
    return fail_errno(fault, error, "make the directory '%s'", path);
}

enum mh_code
fd_make_dirs(const char *path, struct mh_fault *fault)
{
    scoped(mem_freep) char *part = str_dup(path);

    if (part == NULL)
        return fail(fault, MH_NOMEM, ENOMEM, "out of memory while making '%s'", path);
    if (is_directory(path))
        return MH_OK;
    for (char *slash = strchr(part + (part[0] == '/'), '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';

        enum mh_code code = make_one_dir(part, fault);

        if (code != MH_OK)
            return code;
        *slash = '/';
    }
    return make_one_dir(path, fault);
}

void
fd_prune_parents(int dir_fd, const char *name)
{
    scoped(mem_freep) char *path = str_dup(name);
    int saved = errno;
    char *slash;

    while (path != NULL && (slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';

        char *above = strrchr(path, '/');

        if (above != NULL)
            *above = '\0';

        scoped(fd_closep) int fd = open_directory(dir_fd, above == NULL ? "." : path);

        /* The first that is not empty ends it: so are all above. */
        if (fd < 0 || unlinkat(fd, above == NULL ? path : above + 1, AT_REMOVEDIR) < 0)
            break;
        if (above != NULL)
            *above = '/';
    }
    errno = saved;
}

static enum mh_code
sync_directory(int dir_fd, const char *name, struct mh_fault *fault)
{
    scoped(fd_closep) int fd = open_directory(dir_fd, name);

    if (fd < 0)
        return fail_errno(fault, errno, "open the directory '%s'", name);
    if (fsync(fd) < 0)
        return fail_errno(fault, errno, "sync the directory '%s'", name);
    return MH_OK;
}

enum mh_code
fd_sync_parents(int dir_fd, const char *name, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = str_dup(name);
    char *slash;

    if (path == NULL)
        return fail(fault, MH_NOMEM, ENOMEM, "out of memory while syncing '%s'", name);
    while ((slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';

        enum mh_code code = sync_directory(dir_fd, path, fault);

        if (code != MH_OK)
            return code;
    }
    return sync_directory(dir_fd, ".", fault);
}
