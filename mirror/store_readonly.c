/* SPDX-License-Identifier: Apache-2.0 */
/* A cache that may not be written to: what it holds is read, and nothing else is promised.
 *
 * No LOCK is taken, so somebody who may write can do so at the same time. Reading is safe beside
 * that, because bytes are compared with the metadata that describes them whenever they are opened.
 *
 * A publish that was interrupted cannot be finished from here, and half of it may be in place. Its
 * entry lists all that it is about, and all of that is hidden: to this process it is not in the
 * cache. Where a writer is alive (it holds LOCK), its entries are no such thing: once it has let go
 * of journal/LOCK, what they list is in place.
 *
 * Called before the store is handed out; blocks on the disk, and shortly on a writer. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

static bool
has_writer(const struct store *store)
{
    scoped(fd_closep) int fd = fd_open_beneath_nolink(store->dir_fd, "LOCK", O_RDONLY, 0);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

enum mh_code
readonly_open(struct store *store, const struct mh_fault *why, struct mh_fault *fault)
{
    store->read_only_error = why->foreign;
    store->read_only_why = str_dup(why->sentence);
    store->hidden = map_new();
    if (!store->read_only_why || !store->hidden)
        return fail(fault, MH_NOMEM, 0, "out of memory for the cache");
    scoped(fd_closep) int fd = fd_open_beneath_nolink(store->dir_fd, "journal/LOCK", O_RDONLY, 0);

    /* Without a journal nobody has ever published. */
    while (fd >= 0 && flock(fd, LOCK_SH) < 0 && errno == EINTR)
        continue;
    if (has_writer(store))
        return MH_OK;
    enum mh_code code = journal_list_pending(store, store->hidden, fault);

    return code == MH_NOT_FOUND ? MH_OK : code;
}

bool
store_is_hidden(const struct store *store, const char *path)
{
    return store->hidden && map_get(store->hidden, path);
}

enum mh_code
store_check_writable(const struct store *store, struct mh_fault *fault)
{
    if (!store->read_only_why)
        return MH_OK;
    return fail(fault, MH_DENIED, store->read_only_error,
                "the cache '%s' is read-only for this process (%s): make it writable for its user, "
                "or choose another directory with --cache-dir",
                store->dir, store->read_only_why);
}
