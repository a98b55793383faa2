/* SPDX-License-Identifier: Apache-2.0 */
/* A little room that is kept for when there is none.
 *
 * On a full disk the way out is to remove something, and a removal is a commit, whose journal entry
 * takes room. So <cache>/RESERVE is held in hand: blocks that are allocated and never used. An
 * entry that only removes, and cannot be written, is written over them in place, and what is left
 * of them is given back, which is more than the directories need for the renames. The file becomes
 * the entry's by a rename, so that no transfer that waits for room can be quicker.
 *
 * It is made again by the next commit that finds room. Where it cannot be made (no room at the
 * first start, a file system that allocates on every write) a full disk needs a hand from outside,
 * as it would without.
 *
 * Called with the store's commit_lock held, or before the store is handed out. */
#include "store_internal.h"

#include "fd.h"

#include <fcntl.h>
#include <unistd.h>

#define RESERVE_NAME  "RESERVE"
#define RESERVE_BYTES (256 * 1024)

void
reserve_make(const struct store *store)
{
    if (file_exists(store->dir_fd, RESERVE_NAME))
        return;
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(store->dir_fd, RESERVE_NAME, O_WRONLY | O_CREAT | O_EXCL, 0666);

    if (fd >= 0 && posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
        reserve_drop(store);
}

void
reserve_drop(const struct store *store)
{
    /* What stays is only less room. */
    (void) file_unlink(store->dir_fd, RESERVE_NAME);
}

enum mh_code
reserve_write(const struct store *store, const char *path, const void *bytes, size_t n,
              struct mh_fault *fault)
{
    /* The first fault says why we are here, and stands where there is no reserve. */
    if (file_rename(store->dir_fd, RESERVE_NAME, path) < 0)
        return MH_NO_SPACE;
    scoped(fd_closep) int fd = fd_open_beneath_nolink(store->dir_fd, path, O_WRONLY, 0);

    if (fd < 0)
        return MH_NO_SPACE;
    enum mh_code code = fd_pwrite_all(fd, bytes, n, 0, fault);

    /* Zeroes behind the text would make it unreadable. */
    if (code == MH_OK && ftruncate(fd, (off_t) n) < 0)
        return MH_NO_SPACE;
    return code;
}
