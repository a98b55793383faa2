/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a name beneath a directory where the kernel has no openat2.
 *
 * The name is walked component by component: each directory on the way is held by its own
 * descriptor, symbolic links are read and followed here, never by the kernel, and ".." inside a
 * link goes back to the descriptor that the walk came from, not to what the file system says the
 * parent is. So a directory that is moved away in mid-walk cannot lead out either. Links are
 * counted, and depth is bounded, because the descriptors are held all at once.
 *
 * Any thread; no state. */
#include "fd_walk.h"

#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define WALK_MAX_LINKS 40 /* as the kernel's */
#define WALK_MAX_DEPTH 128

struct walk {
    int dirs[WALK_MAX_DEPTH]; /* dirs[0] is the caller's, borrowed; the others are ours */
    size_t depth;             /* of the directory that the walk stands in */
    unsigned links;           /* followed so far */
    bool refuses_links;
    char *text;     /* what is being walked: the name, or a link's target and what followed it */
    const char *at; /* in text: the rest of the way */
};

static int
walk_fail(int error)
{
    errno = error;
    return -1;
}

static void
walk_done(struct walk *walk)
{
    for (; walk->depth > 0; walk->depth--)
        fd_close(walk->dirs[walk->depth]);
    mem_free(walk->text);
}

static bool
is_link(int dir_fd, const char *component)
{
    int saved = errno;
    struct stat st;
    bool answer = fstatat(dir_fd, component, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);

    errno = saved;
    return answer;
}

/* Put a link's target in front of the rest of the way. Returns 0, or -1 with errno. */
static int
walk_into_link(struct walk *walk, const char *component)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(walk->dirs[walk->depth], component, target, sizeof(target));

    if (n < 0)
        return -1;
    if (walk->refuses_links || ++walk->links > WALK_MAX_LINKS)
        return walk_fail(ELOOP);
    if (n == (ssize_t) sizeof(target) || (size_t) n + strlen(walk->at) >= PATH_MAX)
        return walk_fail(ENAMETOOLONG);
    if (target[0] == '/')
        return walk_fail(EXDEV);

    char *text = str_printf("%.*s%s", (int) n, target, walk->at);

    if (text == NULL)
        return walk_fail(ENOMEM);
    mem_free(walk->text);
    walk->text = text;
    walk->at = text;
    return 0;
}

/* One step into a directory on the way. Returns 0, or -1 with errno. */
static int
walk_down(struct walk *walk, const char *component)
{
    int here = walk->dirs[walk->depth];

    if (walk->depth + 1 == WALK_MAX_DEPTH)
        return walk_fail(ENAMETOOLONG);

    int fd = openat(here, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0) {
        walk->dirs[++walk->depth] = fd;
        return 0;
    }
    return errno == ENOTDIR && is_link(here, component) ? walk_into_link(walk, component) : -1;
}

static int
walk_up(struct walk *walk)
{
    if (walk->depth == 0)
        return walk_fail(EXDEV);
    fd_close(walk->dirs[walk->depth--]);
    return 0;
}

/* The last component. Returns the descriptor, -1 with errno, or -1 with *ret_goes_on: it is a link
 * to be followed. A link is never followed by the kernel here: it would not stop at our border. */
static int
walk_last(struct walk *walk, const char *component, int flags, mode_t mode, bool *ret_goes_on)
{
    int here = walk->dirs[walk->depth];
    int fd = openat(here, component, flags | O_NOFOLLOW | O_CLOEXEC, mode);

    if ((flags & O_NOFOLLOW) != 0)
        return fd;
    if (fd >= 0 && (flags & O_PATH) == 0)
        return fd;
    /* O_PATH opens the link itself; O_DIRECTORY says ENOTDIR of it; all else says ELOOP. */
    if ((fd < 0 && errno != ELOOP && errno != ENOTDIR) || !is_link(here, component))
        return fd;
    fd_close(fd);
    *ret_goes_on = walk_into_link(walk, component) == 0;
    return -1;
}

/* Cut the next component off the way. Returns 0, or -1 with errno. */
static int
walk_next(struct walk *walk, char component[NAME_MAX + 1], bool *ret_is_last)
{
    walk->at += strspn(walk->at, "/");

    size_t n = strcspn(walk->at, "/");

    if (n > NAME_MAX)
        return walk_fail(ENAMETOOLONG);
    memcpy(component, walk->at, n);
    component[n] = '\0';
    walk->at += n;
    *ret_is_last = walk->at[strspn(walk->at, "/")] == '\0';
    return 0;
}

static int
walk_run(struct walk *walk, int flags, mode_t mode)
{
    char component[NAME_MAX + 1];
    bool is_last = false;

    for (;;) {
        if (walk_next(walk, component, &is_last) < 0)
            return -1;

        bool goes_up = strcmp(component, "..") == 0;
        bool stays = goes_up || component[0] == '\0' || strcmp(component, ".") == 0;
        bool goes_on = false;

        if (goes_up && walk_up(walk) < 0)
            return -1;
        if (is_last) {
            /* A slash after the last component wants a directory. */
            int more = *walk->at == '/' ? O_DIRECTORY : 0;
            int fd = walk_last(walk, stays ? "." : component, flags | more, mode, &goes_on);

            if (!goes_on)
                return fd;
        } else if (!stays && walk_down(walk, component) < 0) {
            return -1;
        }
    }
}

int
fd_walk(int dir_fd, const char *name, int flags, mode_t mode, bool refuses_links)
{
    struct walk walk = {.dirs = {dir_fd}, .refuses_links = refuses_links, .text = str_dup(name)};

    if (walk.text == NULL)
        return walk_fail(ENOMEM);
    walk.at = walk.text;

    int fd = walk_run(&walk, flags, mode);
    int saved = errno;

    walk_done(&walk);
    errno = saved;
    return fd;
}
