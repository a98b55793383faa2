/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library that stands before libc, by LD_PRELOAD, for every call that changes files, and
 * writes down in order what was done beneath one directory: to make from it what a power loss would
 * have left at any moment (tests/http/power.py).
 *
 * MODELHOST_RECORD_ROOT names the directory (absolute, no links in it), MODELHOST_RECORD_LOG the
 * file. Each call that succeeded is one struct entry, with its paths (beneath the root) and its
 * data behind it. The call and its entry are made under one lock, so that the order of the log is
 * the order on the disk. Files are known by inode, since their names change under open descriptors.
 *
 * Syncs are written down and not made: the tests need no disk that is sure. Calls that the replayer
 * does not know how to undo (links, renameat2, sync of everything) end the process: better none
 * than a log with a hole. So do failures of the log itself. Calls that are not here at all show
 * when the replayed end is compared with the real one.
 *
 * Any thread. */

/* As in crash.c: with 64-bit offsets asked for, open() would become open64(), and so on. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT         __attribute__((visibility("default")))
#define NEXT(function) ((__typeof__(&(function))) next_of(#function))

enum operation {
    OPEN = 1, /* made, if it was not there; `number` is 1 if it was emptied */
    WRITE,    /* `number` is the offset */
    LENGTH,   /* `number` is the new length */
    GROW,     /* `number` is the least length */
    RENAME,
    UNLINK,
    RMDIR,
    MKDIR,
    SYNC_FILE, /* with its time of change */
    SYNC_DIRECTORY
};

struct entry {
    uint32_t operation;
    uint32_t path_bytes;
    uint32_t other_bytes; /* of the second path */
    uint32_t data_bytes;
    uint64_t inode;
    uint64_t number;
    int64_t mtime_ns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static int log_fd = -1;

static uintptr_t
next_of(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        abort();
    return (uintptr_t) found;
}

__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("MODELHOST_RECORD_LOG");

    root = getenv("MODELHOST_RECORD_ROOT");
    if (!root || !path)
        return;
    log_fd = NEXT(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        abort();
}

/* --- which file it is --- */

/* The part of a path beneath the root ("." is the root itself); NULL: elsewhere. */
static const char *
beneath(const char *path)
{
    size_t n = root ? strlen(root) : 0;

    if (log_fd < 0 || strncmp(path, root, n) != 0)
        return NULL;
    if (path[n] == '\0')
        return ".";
    return path[n] == '/' ? path + n + 1 : NULL;
}

static const char *
path_of_fd(int fd, char path[PATH_MAX])
{
    char link[64];

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);

    if (n < 0)
        return NULL;
    path[n] = '\0';
    return beneath(path);
}

/* Where openat() and its kin would look. */
static const char *
path_at(int fd, const char *name, char path[PATH_MAX])
{
    char folder[PATH_MAX] = "";
    int n;

    if (name[0] == '/')
        return beneath(name);
    if (fd == AT_FDCWD ? !getcwd(folder, sizeof(folder)) : !path_of_fd(fd, folder))
        return NULL;
    n = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    if (n < 0 || n >= PATH_MAX)
        abort();
    return beneath(path);
}

/* --- the log --- */

static void
put(struct entry entry, const char *path, const char *other, const void *data)
{
    struct iovec parts[] = {
        {&entry, sizeof(entry)},
        {(void *) (uintptr_t) path, path ? strlen(path) : 0},
        {(void *) (uintptr_t) other, other ? strlen(other) : 0},
        {(void *) (uintptr_t) data, entry.data_bytes},
    };

    entry.path_bytes = (uint32_t) parts[1].iov_len;
    entry.other_bytes = (uint32_t) parts[2].iov_len;
    size_t all = sizeof(entry) + parts[1].iov_len + parts[2].iov_len + parts[3].iov_len;

    if (writev(log_fd, parts, 4) != (ssize_t) all)
        abort();
}

static void
put_fd(enum operation operation, int fd, const char *path, uint64_t number, const void *data,
       size_t n)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        abort();
    put((struct entry){.operation = operation,
                       .data_bytes = (uint32_t) n,
                       .inode = st.st_ino,
                       .number = number,
                       .mtime_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec},
        path, NULL, data);
}

/* Make a call of which `expression` is the value, and write it down if it came to something. */
#define RECORDED(expression, is_done, write_down)                                                  \
    do {                                                                                           \
        (void) pthread_mutex_lock(&lock);                                                          \
        __typeof__(expression) result = (expression);                                              \
        if (is_done)                                                                               \
            write_down;                                                                            \
        (void) pthread_mutex_unlock(&lock);                                                        \
        return result;                                                                             \
    } while (0)

static void
refuse_beneath(int fd, const char *name, const char *what)
{
    char path[PATH_MAX];

    if (path_at(fd, name, path)) {
        (void) dprintf(STDERR_FILENO, "record: no way to replay %s of '%s'\n", what, name);
        abort();
    }
}

/* --- names --- */

EXPORT int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    char from_path[PATH_MAX];
    char to_path[PATH_MAX];
    const char *source = path_at(from_fd, from, from_path);
    const char *target = path_at(to_fd, to, to_path);

    if (!source != !target)
        abort();
    RECORDED(NEXT(renameat)(from_fd, from, to_fd, to), result == 0 && source,
             put((struct entry){.operation = RENAME}, source, target, NULL));
}

EXPORT int
rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORT int
renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    refuse_beneath(to_fd, to, "renameat2");
    return NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

EXPORT int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    refuse_beneath(to_fd, to, "linkat");
    return NEXT(linkat)(from_fd, from, to_fd, to, flags);
}

EXPORT int
unlinkat(int fd, const char *name, int flags)
{
    char buffer[PATH_MAX];
    const char *path = path_at(fd, name, buffer);

    RECORDED(
        NEXT(unlinkat)(fd, name, flags), result == 0 && path,
        put((struct entry){.operation = flags & AT_REMOVEDIR ? RMDIR : UNLINK}, path, NULL, NULL));
}

EXPORT int
unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int
mkdirat(int fd, const char *name, mode_t mode)
{
    char buffer[PATH_MAX];
    const char *path = path_at(fd, name, buffer);

    RECORDED(NEXT(mkdirat)(fd, name, mode), result == 0 && path,
             put((struct entry){.operation = MKDIR}, path, NULL, NULL));
}

EXPORT int
mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* --- opening --- */

/* O_TMPFILE has O_DIRECTORY in it, and gives a file without a name. */
static int
changes_disk(unsigned long flags)
{
    return (flags & (O_CREAT | O_TRUNC)) != 0;
}

static void
put_open(int fd, unsigned long flags)
{
    char path[PATH_MAX];
    const char *name = path_of_fd(fd, path);

    if (name)
        put_fd(OPEN, fd, name, (flags & O_TRUNC) != 0, NULL, 0);
}

static mode_t
take_mode(int flags, va_list arguments)
{
    return flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
}

EXPORT int
openat(int fd, const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = take_mode(flags, arguments);

    va_end(arguments);
    if (!changes_disk((unsigned long) flags))
        return NEXT(openat)(fd, path, flags, mode);
    RECORDED(NEXT(openat)(fd, path, flags, mode), result >= 0,
             put_open(result, (unsigned long) flags));
}

EXPORT int
open(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = take_mode(flags, arguments);

    va_end(arguments);
    return openat(AT_FDCWD, path, flags, mode);
}

/* openat2(2) has no function in libc. */
EXPORT long
syscall(long number, ...)
{
    va_list arguments;
    struct open_how how = {.flags = 0};
    long a[6];

    va_start(arguments, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_openat2)
        memcpy(&how, (const void *) a[2], sizeof(how));
    if (!changes_disk(how.flags))
        return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    RECORDED(NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]), result >= 0,
             put_open((int) result, how.flags));
}

/* --- bytes --- */

EXPORT ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    char path[PATH_MAX];
    const char *name = path_of_fd(fd, path);

    if (!name)
        return NEXT(pwrite)(fd, bytes, n, offset);
    RECORDED(NEXT(pwrite)(fd, bytes, n, offset), result > 0,
             put_fd(WRITE, fd, name, (uint64_t) offset, bytes, (size_t) result));
}

EXPORT ssize_t
write(int fd, const void *bytes, size_t n)
{
    char path[PATH_MAX];
    const char *name = path_of_fd(fd, path);

    if (!name)
        return NEXT(write)(fd, bytes, n);
    off_t offset = lseek(fd, 0, SEEK_CUR);

    RECORDED(NEXT(write)(fd, bytes, n), result > 0,
             put_fd(WRITE, fd, name, (uint64_t) offset, bytes, (size_t) result));
}

EXPORT int
ftruncate(int fd, off_t length)
{
    char path[PATH_MAX];
    const char *name = path_of_fd(fd, path);

    if (!name)
        return NEXT(ftruncate)(fd, length);
    RECORDED(NEXT(ftruncate)(fd, length), result == 0,
             put_fd(LENGTH, fd, name, (uint64_t) length, NULL, 0));
}

EXPORT int
posix_fallocate(int fd, off_t offset, off_t length)
{
    char path[PATH_MAX];
    const char *name = path_of_fd(fd, path);

    if (!name)
        return NEXT(posix_fallocate)(fd, offset, length);
    RECORDED(NEXT(posix_fallocate)(fd, offset, length), result == 0,
             put_fd(GROW, fd, name, (uint64_t) (offset + length), NULL, 0));
}

/* --- syncs --- */

static int
record_sync(int fd)
{
    char path[PATH_MAX];
    const char *name = path_of_fd(fd, path);
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    if (!name)
        return 0;
    RECORDED(0, result == 0,
             put_fd(S_ISDIR(st.st_mode) ? SYNC_DIRECTORY : SYNC_FILE, fd, name, 0, NULL, 0));
}

EXPORT int
fsync(int fd)
{
    return record_sync(fd);
}

EXPORT int
fdatasync(int fd)
{
    return record_sync(fd);
}

/* It promises nothing (sync_file_range(2)), so nothing is written down. */
EXPORT int
sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags)
{
    (void) fd;
    (void) offset;
    (void) length;
    (void) flags;
    return 0;
}

EXPORT int
syncfs(int fd)
{
    (void) fd;
    abort();
}

EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t length)
    __attribute__((alias("posix_fallocate")));
EXPORT int ftruncate64(int fd, off64_t length) __attribute__((alias("ftruncate")));
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
    __attribute__((alias("pwrite")));
EXPORT int open64(const char *path, int flags, ...) __attribute__((alias("open")));
EXPORT int openat64(int fd, const char *path, int flags, ...) __attribute__((alias("openat")));
