/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library that stands before libc for every call that changes a file system: creating,
 * writing, renaming, removing, syncing. It counts them, and ends the process, or lets the call
 * fail, at the one that it was told.
 *
 * A test that links it arms it by crash_arm(). Under LD_PRELOAD it works for a whole program:
 * MODELHOST_CRASH_AT=n ends it at the n-th such call, counted from its start.
 *
 * Syncing itself is left out (the calls are counted): what is simulated is the end of a process,
 * whose writes the kernel keeps. The loss of power is another matter, and needs another machine.
 *
 * Any thread. It refuses to know what the calls are about. */

/* With 64-bit offsets asked for, the headers would turn open() into open64(), and so on; both names
 * are given below. (On machines with 64-bit longs, which this library is for, they are the same.)
 */
#undef _FILE_OFFSET_BITS

#include "crash.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static atomic_int armed_mode;
static atomic_ulong armed_at;
static atomic_ulong calls;

/* The address of libc's own function, in whatever type the caller has for it. */
#define NEXT(function) ((__typeof__(&(function))) next_of(#function))

static uintptr_t
next_of(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        abort();
    return (uintptr_t) found;
}

static long
raw(long number, long a, long b, long c)
{
    return NEXT(syscall)(number, a, b, c);
}

enum verdict { GO_ON, END, REFUSE };

static enum verdict
count_call(void)
{
    int mode = atomic_load(&armed_mode);
    unsigned long at = atomic_load(&armed_at);

    if (mode == CRASH_OFF)
        return GO_ON;
    unsigned long n = atomic_fetch_add(&calls, 1) + 1;

    if (mode == CRASH_EXIT && n == at)
        return END;
    if ((mode == CRASH_FAIL && n == at) || (mode == CRASH_FAIL_FROM && n >= at))
        return REFUSE;
    return GO_ON;
}

static void
end_process(void)
{
    /* Nothing is flushed, no handler runs. */
    (void) raw(SYS_exit_group, CRASH_EXIT_STATUS, 0, 0);
}

/* Should the call go on? If not, it has failed. */
static int
may_go_on(void)
{
    switch (count_call()) {
    case END:
        end_process();
        break;
    case REFUSE:
        errno = ENOSPC;
        return 0;
    case GO_ON:
        break;
    }
    return 1;
}

EXPORT void
crash_arm(enum crash_mode mode, unsigned long at)
{
    atomic_store(&calls, 0);
    atomic_store(&armed_at, at);
    atomic_store(&armed_mode, (int) mode);
}

EXPORT unsigned long
crash_disarm(void)
{
    atomic_store(&armed_mode, CRASH_OFF);
    return atomic_load(&calls);
}

__attribute__((constructor)) static void
arm_from_environment(void)
{
    const char *text = getenv("MODELHOST_CRASH_AT");

    if (text)
        crash_arm(CRASH_EXIT, strtoul(text, NULL, 10));
}

/* --- the calls --- */

EXPORT int
rename(const char *from, const char *to)
{
    return may_go_on() ? NEXT(rename)(from, to) : -1;
}

EXPORT int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return may_go_on() ? NEXT(renameat)(from_fd, from, to_fd, to) : -1;
}

EXPORT int
renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return may_go_on() ? NEXT(renameat2)(from_fd, from, to_fd, to, flags) : -1;
}

EXPORT int
unlink(const char *path)
{
    return may_go_on() ? NEXT(unlink)(path) : -1;
}

EXPORT int
unlinkat(int fd, const char *path, int flags)
{
    return may_go_on() ? NEXT(unlinkat)(fd, path, flags) : -1;
}

EXPORT int
mkdir(const char *path, mode_t mode)
{
    return may_go_on() ? NEXT(mkdir)(path, mode) : -1;
}

EXPORT int
mkdirat(int fd, const char *path, mode_t mode)
{
    return may_go_on() ? NEXT(mkdirat)(fd, path, mode) : -1;
}

EXPORT int
fsync(int fd)
{
    (void) fd;
    return may_go_on() ? 0 : -1;
}

EXPORT int
fdatasync(int fd)
{
    (void) fd;
    return may_go_on() ? 0 : -1;
}

EXPORT int
ftruncate(int fd, off_t length)
{
    return may_go_on() ? NEXT(ftruncate)(fd, length) : -1;
}

EXPORT ssize_t
write(int fd, const void *bytes, size_t n)
{
    switch (count_call()) {
    case END:
        (void) raw(SYS_write, fd, (long) bytes, (long) (n / 2));
        end_process();
        break;
    case REFUSE:
        errno = ENOSPC;
        return -1;
    case GO_ON:
        break;
    }
    return NEXT(write)(fd, bytes, n);
}

EXPORT ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return may_go_on() ? NEXT(pwrite)(fd, bytes, n, offset) : -1;
}

/* open(2) counts where it may make or empty a file. */
static int
changes_disk(unsigned long flags)
{
    return (flags & (O_CREAT | O_TRUNC)) != 0;
}

static mode_t
take_mode(int flags, va_list arguments)
{
    return flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
}

EXPORT int
open(const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = take_mode(flags, arguments);

    va_end(arguments);
    if (changes_disk((unsigned long) flags) && !may_go_on())
        return -1;
    return NEXT(open)(path, flags, mode);
}

EXPORT int
openat(int fd, const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = take_mode(flags, arguments);

    va_end(arguments);
    if (changes_disk((unsigned long) flags) && !may_go_on())
        return -1;
    return NEXT(openat)(fd, path, flags, mode);
}

/* openat2(2) has no function in libc. */
EXPORT long
syscall(long number, ...)
{
    va_list arguments;
    long a[6];

    va_start(arguments, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_openat2) {
        struct open_how how;

        memcpy(&how, (const void *) a[2], sizeof(how));
        if (changes_disk(how.flags) && !may_go_on())
            return -1;
    }
    return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

EXPORT int ftruncate64(int fd, off64_t length) __attribute__((alias("ftruncate")));
EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
    __attribute__((alias("pwrite")));
EXPORT int open64(const char *path, int flags, ...) __attribute__((alias("open")));
EXPORT int openat64(int fd, const char *path, int flags, ...) __attribute__((alias("openat")));
