/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying models from one cache to another: what an archive's manifest says, what of a cache goes
 * into one, and how its files come into a cache.
 *
 * An archive is a tar file. Its first entry is MH_CARGO_NAME, the cargo as JSON; the others are the
 * files that it names, each at "<mirror>/<place>", as in the cache's objects/. This library knows
 * the cargo; packing and unpacking are its user's. */
#ifndef MODELHOST_CARGO_H
#define MODELHOST_CARGO_H

#include <modelhost/code.h>
#include <modelhost/host.h>
#include <modelhost/manage.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MH_CARGO_NAME     "MODELHOST.json" /* no mirror can be called that: their names are small */
#define MH_CARGO_VERSION  1
#define MH_CARGO_MAX_TEXT ((size_t) 32 << 20)

/* One file. All strings are owned by the cargo. */
struct mh_cargo_file {
    char *path;   /* in the archive, and below objects/; checked: relative, no "..", unique */
    char *target; /* raw target below the mirror: its identity */
    char *url;    /* where it came from, without credentials */
    char *content_type;
    char *etag; /* the upstream's validators; NULL where there were none, as content_type */
    char *last_modified;
    char *generation;
    char *cache_control;
    uint64_t bytes;
    uint8_t sha256[32];
    int64_t mtime_ns; /* of the cached file; 0: not told, as in archives */
};

struct mh_cargo {
    struct mh_cargo_file *files; /* in the order of their paths */
    size_t count;
    uint64_t bytes; /* of all files */
};

void mh_cargo_done(struct mh_cargo *cargo); /* frees what it points to and zeroes it */

/* The time that a file of an archive bears, in seconds since the epoch: the upstream's where it
 * told one, else one that follows from the content, so that servers that make an ETag of time and
 * length never give two contents the same. Pure. */
int64_t mh_cargo_time(const struct mh_cargo_file *file);

/* Its JSON text; owned by the caller, free(). The same cargo gives the same text. mtime_ns is
 * written where it is told. Returns OK, NOMEM, or TOO_LARGE (over MH_CARGO_MAX_TEXT). Pure. */
MH_MUST_USE enum mh_code mh_cargo_write(const struct mh_cargo *cargo, char **ret_text,
                                        size_t *ret_n, struct mh_fault *fault);
/* Read it back. Nothing in it is believed: OK; CORRUPT (what is wrong, by file); UNSUPPORTED (a
 * newer version); TOO_LARGE; NOMEM. *ret is untouched on failure; ended by mh_cargo_done(). Pure.
 */
MH_MUST_USE enum mh_code mh_cargo_read(const char *text, size_t n, struct mh_cargo *ret,
                                       struct mh_fault *fault);

/* What of a cache makes up models: each file once, whichever of them share it.
 *
 * paths  local paths of models
 *
 * Returns OK; NOT_FOUND (a model is not cached, or lacks files: the fault names them); CORRUPT (its
 * lengths do not add up); BAD_INPUT (a shard is named); BUSY (it is arriving); UNSUPPORTED (a name
 * that JSON cannot hold); CANCELLED or NOMEM. Any thread; waits until the cache has been looked
 * through. */
MH_MUST_USE enum mh_code mh_cargo_list(struct mh_host *host, const char *const *paths, size_t n,
                                       struct mh_cargo *ret, struct mh_fault *fault);

/* A place in the cache directory where an archive is unpacked before it is imported. Any process
 * may have one, beside the one that writes: what lies in it is not in the cache. One that its
 * process left behind is removed by the next that is opened, and by the next mh_host_open(). */
struct mh_stage;

/* cache_dir_fd: borrowed for the call. *ret is owned by the caller, mh_stage_close(). OK, NO_SPACE,
 * DENIED, IO or NOMEM. */
MH_MUST_USE enum mh_code mh_stage_open(int cache_dir_fd, struct mh_stage **ret,
                                       struct mh_fault *fault);
/* Removes it with all that is still in it. NULL is accepted. */
void mh_stage_close(struct mh_stage *stage);
const char *mh_stage_name(const struct mh_stage *stage); /* for mh_import() */
/* Make a file in it: MH_CARGO_NAME, or the index of a file of the cargo, in decimal. It will belong
 * to the cache directory's owner. *ret_fd is owned by the caller. */
MH_MUST_USE enum mh_code mh_stage_make(const struct mh_stage *stage, const char *name, int *ret_fd,
                                       struct mh_fault *fault);
uint64_t mh_stage_free_bytes(const struct mh_stage *stage); /* UINT64_MAX: it cannot be told */

/* Bring staged files into the cache, all of them or none.
 *
 * stage     its name; the files are taken out of it, whatever is returned
 * ret_done  on OK one entry for each model, ended by mh_done_free()
 *
 * Everything is checked as if it came from an upstream: hashes, what the bytes look like, JSON, the
 * manifests' sums; every file that a manifest names must be there. Files that are cached already
 * stay as they are; others replace what is cached when nobody is in the middle of loading it, as a
 * refresh does, by one commit.
 *
 * Returns OK; CORRUPT; BAD_INPUT (no mirror of that name is configured, or a malformed stage);
 * BUSY (a file is being fetched or revalidated; a cached model that is not in the archive shares a
 * file whose content would change); NO_SPACE; UNSUPPORTED; NOT_FOUND (no such stage); CANCELLED,
 * IO, DENIED or NOMEM. Any thread; blocks on the disk, and for at most settle_max and settle. */
MH_MUST_USE enum mh_code mh_import(struct mh_host *host, const char *stage,
                                   struct mh_done **ret_done, size_t *ret_n,
                                   struct mh_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
