/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a name beneath a directory, and never beside or above it.
 *
 * openat2(2) does it in the kernel, without a race. Where it is missing (Linux before 5.6, a
 * seccomp filter of a container) fd_walk() does the same by hand.
 *
 * A ".." in the name itself is refused in both ways, also where it would stay beneath: names come
 * from clients and manifests, and none that is meant well has one.
 *
 * Any thread. The only state is the answer to "is there openat2?", asked once. */
#include "fd.h"

#include "fd_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A rename or mount somewhere on the way makes openat2 ask for another try. */
#define KERNEL_TRIES 64

static bool
is_parent(const char *component, size_t n)
{
    return n == 2 && component[0] == '.' && component[1] == '.';
}

/* Refuse what could lead out by its text alone. Sets errno. */
static bool
name_is_beneath(const char *name)
{
    if (name[0] == '\0') {
        errno = ENOENT;
        return false;
    }
    if (name[0] == '/') {
        errno = EXDEV;
        return false;
    }
    for (const char *at = name; *at != '\0';) {
        size_t n = strcspn(at, "/");

        if (is_parent(at, n)) {
            errno = EXDEV;
            return false;
        }
        at += n + (at[n] == '/');
    }
    return true;
}

static int
open_by_kernel(int dir_fd, const char *name, int flags, mode_t mode, uint64_t resolve)
{
    /* openat2 refuses a mode that it will not use. */
    bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t) (unsigned) (flags | O_CLOEXEC),
        .mode = makes ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };
    long fd = -1;

    for (int tries = 0; tries < KERNEL_TRIES; tries++) {
        fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int) fd;
}

static bool
kernel_has_openat2(void)
{
    enum { UNKNOWN, PRESENT, MISSING };
    static _Atomic int answer = UNKNOWN;
    int known = atomic_load_explicit(&answer, memory_order_relaxed);

    if (known != UNKNOWN)
        return known == PRESENT;

    int saved = errno;
    int fd = open_by_kernel(AT_FDCWD, ".", O_PATH, 0, 0);

    /* Old seccomp filters answer EPERM to what they do not know. */
    known = fd < 0 && (errno == ENOSYS || errno == EPERM) ? MISSING : PRESENT;
    fd_close(fd);
    errno = saved;
    atomic_store_explicit(&answer, known, memory_order_relaxed);
    return known == PRESENT;
}

int
fd_open_beneath(int dir_fd, const char *name, int flags, mode_t mode)
{
    if (!name_is_beneath(name))
        return -1;
    return kernel_has_openat2() ? open_by_kernel(dir_fd, name, flags, mode, 0)
                                : fd_walk(dir_fd, name, flags, mode, false);
}

int
fd_open_beneath_nolink(int dir_fd, const char *name, int flags, mode_t mode)
{
    if (!name_is_beneath(name))
        return -1;
    return kernel_has_openat2() ? open_by_kernel(dir_fd, name, flags, mode, RESOLVE_NO_SYMLINKS)
                                : fd_walk(dir_fd, name, flags, mode, true);
}
