/* SPDX-License-Identifier: Apache-2.0 */
/* Managing what is cached: removing, pinning, verifying, making room. */
#ifndef MODELHOST_MANAGE_H
#define MODELHOST_MANAGE_H

#include <modelhost/code.h>
#include <modelhost/host.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mh_action {
    MH_ACTION_REMOVE, /* models leave the cache; shards that another cached manifest names stay */
    MH_ACTION_PIN,    /* the models' groups are never evicted */
    MH_ACTION_UNPIN,
    MH_ACTION_VERIFY, /* every file is hashed again; what is bad leaves the cache */
    MH_ACTION_GC      /* evict down to the limits, least recently used groups first */
};

/* Down to where GC evicts. */
struct mh_limits {
    uint64_t max_bytes;      /* the cache's size; 0: no limit */
    uint64_t min_free_bytes; /* what the file system keeps free; 0: no limit */
};
/* Those that the host was opened with. */
void mh_host_limits(const struct mh_host *host, struct mh_limits *ret);

/* What was done with one model; of VERIFY also one for each bad file, with its failure. */
struct mh_done {
    char *path;
    uint32_t files;
    uint64_t bytes;
    enum mh_code code; /* OK; CORRUPT or NOT_FOUND: of a file that is bad or missing */
    struct mh_fault fault;
};

/* Carry out an action, wholly or not at all.
 *
 * paths     local paths of models, as in requests; VERIFY without any means every model, GC takes
 *           none
 * ret_done  on OK, an array of *ret_n in the order of the work, ended by mh_done_free()
 *
 * Waits until the cache has been looked through. Returns OK; NOT_FOUND (a model is not cached: the
 * fault names it); BAD_INPUT (a shard is named, or a path is malformed); BUSY (it is arriving or
 * being revalidated); CANCELLED (the host stops); IO, NO_SPACE or NOMEM. On failure nothing has
 * changed. Bad files are no failure of VERIFY itself. Any thread; blocks on the disk. */
MH_MUST_USE enum mh_code mh_manage(struct mh_host *host, enum mh_action action,
                                   const char *const *paths, size_t n, struct mh_done **ret_done,
                                   size_t *ret_n, struct mh_fault *fault);
/* GC with limits of the caller's, for this once. Otherwise as mh_manage(). */
MH_MUST_USE enum mh_code mh_gc(struct mh_host *host, const struct mh_limits *limits,
                               struct mh_done **ret_done, size_t *ret_n, struct mh_fault *fault);
void mh_done_free(struct mh_done *done, size_t n);

/* Wait until the cache has been looked through. OK, or CANCELLED (the host stops). Blocks. */
MH_MUST_USE enum mh_code mh_host_wait_scanned(struct mh_host *host, struct mh_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
