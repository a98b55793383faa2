/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, and files read and written as a whole.
 *
 * Reads and writes go on through signals and short counts. A file that is replaced is whole at
 * every moment, the old one or the new one; what a crash leaves is a temporary file whose name says
 * so. A file that is read may be a symbolic link that stays beneath its directory, one that is
 * written may not lie behind one.
 *
 * Any thread; no state; all of it may block on the disk. */
#include "fd.h"

#include "fault.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void
fd_close(int fd)
{
    int saved = errno;

    /* Not repeated after EINTR: Linux has closed it by then. */
    if (fd >= 0)
        (void) close(fd);
    errno = saved;
}

void
fd_closep(int *fd)
{
    fd_close(*fd);
}

int
fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

int64_t
stat_mtime_ns(const struct stat *st)
{
    return (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

enum mh_code
fd_write_all(int fd, const void *bytes, size_t n, struct mh_fault *fault)
{
    const char *at = bytes;

    while (n > 0) {
        ssize_t done = write(fd, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_errno(fault, errno, "write %zu bytes", n);
        at += done;
        n -= (size_t) done;
    }
    return MH_OK;
}

enum mh_code
fd_pwrite_all(int fd, const void *bytes, size_t n, uint64_t offset, struct mh_fault *fault)
{
    const char *at = bytes;

    if (offset > INT64_MAX || n > INT64_MAX - offset)
        return fail_errno(fault, EFBIG, "write %zu bytes", n);
    while (n > 0) {
        ssize_t done = pwrite(fd, at, n, (off_t) offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_errno(fault, errno, "write %zu bytes at offset %ju", n, (uintmax_t) offset);
        at += done;
        n -= (size_t) done;
        offset += (uint64_t) done;
    }
    return MH_OK;
}

ssize_t
fd_pread_full(int fd, void *bytes, size_t n, uint64_t offset)
{
    char *at = bytes;
    size_t have = 0;

    if (n > SSIZE_MAX || offset > INT64_MAX || n > INT64_MAX - offset) {
        errno = EINVAL;
        return -1;
    }
    while (have < n) {
        ssize_t got = pread(fd, at + have, n - have, (off_t) (offset + have));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t) got;
    }
    return (ssize_t) have;
}

enum mh_code
fd_read_file(int dir_fd, const char *name, size_t max, char **ret_text, size_t *ret_n,
             struct mh_fault *fault)
{
    /* Nonblocking, so that opening a pipe that somebody put there does not hang. */
    scoped(fd_closep) int fd = fd_open_beneath(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;

    if (fd < 0)
        return fail_errno(fault, errno, "open '%s'", name);
    if (fstat(fd, &st) < 0)
        return fail_errno(fault, errno, "stat '%s'", name);
    if (!S_ISREG(st.st_mode))
        return fail(fault, MH_IO, 0, "'%s' is not a regular file", name);
    if ((uint64_t) st.st_size > max)
        return fail(fault, MH_TOO_LARGE, 0, "'%s' is %jd bytes, and at most %zu are read", name,
                    (intmax_t) st.st_size, max);

    size_t size = (size_t) st.st_size;
    scoped(mem_freep) char *text = size == SIZE_MAX ? NULL : mem_calloc(size + 1, 1);

    if (text == NULL)
        return fail(fault, MH_NOMEM, ENOMEM, "out of memory while reading '%s'", name);

    /* A file that grows meanwhile is read to the length that it had. */
    ssize_t got = fd_pread_full(fd, text, size, 0);

    if (got < 0)
        return fail_errno(fault, errno, "read '%s'", name);
    text[got] = '\0';
    *ret_text = ptr_take(&text);
    *ret_n = (size_t) got;
    return MH_OK;
}

/* The directory part of a name, "." where there is none. Cuts `path` in place and returns the last
 * component, which is empty if the name ends with '/'. */
static char *
split_last(char *path, const char **ret_parent)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL) {
        *ret_parent = ".";
        return path;
    }
    *slash = '\0';
    *ret_parent = path;
    return slash + 1;
}

#define TEMP_NAME_SIZE 32

/* A temporary file in a directory, under a name that nobody else has. -1 with errno. */
static int
make_temp(int dir_fd, mode_t mode, char ret_name[TEMP_NAME_SIZE])
{
    for (int tries = 0; tries < 16; tries++) {
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t) sizeof(random))
            return -1;
        if (snprintf(ret_name, TEMP_NAME_SIZE, FD_TEMP_PREFIX "%016jx", (uintmax_t) random) >=
            TEMP_NAME_SIZE) {
            errno = ENAMETOOLONG;
            return -1;
        }

        int fd =
            openat(dir_fd, ret_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static enum mh_code
fill_and_rename(int dir_fd, const char *temp, int fd, const char *last, const void *bytes, size_t n,
                bool sync, struct mh_fault *fault)
{
    enum mh_code code = fd_write_all(fd, bytes, n, fault);

    if (code != MH_OK)
        return code;
    if (sync && fsync(fd) < 0)
        return fail_errno(fault, errno, "sync");
    if (renameat(dir_fd, temp, dir_fd, last) < 0)
        return fail_errno(fault, errno, "rename into place");
    return MH_OK;
}

enum mh_code
fd_replace_file(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode, bool sync,
                struct mh_fault *fault)
{
    scoped(mem_freep) char *path = str_dup(name);
    const char *parent;
    char temp[TEMP_NAME_SIZE];

    if (path == NULL)
        return fail(fault, MH_NOMEM, ENOMEM, "out of memory while writing '%s'", name);

    const char *last = split_last(path, &parent);
    scoped(fd_closep) int home =
        fd_open_beneath_nolink(dir_fd, name[0] == '/' ? name : parent, O_RDONLY | O_DIRECTORY, 0);

    if (home < 0)
        return fail_errno(fault, errno, "open the directory of '%s'", name);

    scoped(fd_closep) int fd = make_temp(home, mode, temp);

    if (fd < 0)
        return fail_errno(fault, errno, "make a temporary file beside '%s'", name);

    enum mh_code code = fill_and_rename(home, temp, fd, last, bytes, n, sync, fault);

    if (code != MH_OK) {
        (void) unlinkat(home, temp, 0); /* a leftover is harmless: its name says what it is */
        fault_prepend(fault, "write '%s'", name);
    }
    return code;
}
