/* SPDX-License-Identifier: Apache-2.0 */
/* The cache directory (design §5): where bytes and metadata lie, and how they come to lie there.
 *
 *   FORMAT  LOCK  RESERVE  USES  objects/<mirror>/<place>  meta/<mirror>/<place>.json
 *   partial/  journal/  encoded/
 *
 * Everything that changes objects/ or meta/ is a commit: one journal entry, written and fsynced
 * before the first rename, redone at the next start if it was interrupted, removed when all of it
 * is on disk. The store knows nothing of flights, models or the network, and keeps no index.
 *
 * Any thread. Commits take the store's own lock and block on the disk. */
#ifndef MIRROR_STORE_H
#define MIRROR_STORE_H

#include "attrs.h"
#include "meta.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_FORMAT 1

/* Open for writing: makes the layout, checks FORMAT, takes LOCK (BUSY names the holder's pid),
 * redoes the journal. A directory that is there and may not be written to is opened for reading:
 * then all that would change something is DENIED. *ret is owned by the caller, store_close(). */
MUST_USE enum mh_code store_open(const char *cache_dir, struct store **ret, struct mh_fault *fault);
/* OK, or DENIED: it was opened for reading, and the fault says why and what to do. */
MUST_USE enum mh_code store_check_writable(const struct store *store, struct mh_fault *fault);
void store_close(struct store *store); /* NULL is accepted */
int store_dir_fd(const struct store *store);

/* Read an object's metadata from disk: the plain place first, then the hashed one; a file whose
 * recorded name differs is not the object's.
 *
 * mirror, name  of the object; url: its upstream URL, which the hashed place is made of
 * ret_meta      on OK, owned by the caller, meta_done()
 * ret_place     on OK, the place, owned by the caller, mem_free()
 *
 * Returns OK, NOT_FOUND, CORRUPT (unreadable metadata: treated as absent by callers that say so),
 * IO or NOMEM. */
MUST_USE enum mh_code store_read_meta(const struct store *store, const char *mirror,
                                      const char *name, const char *url, struct meta *ret_meta,
                                      char **ret_place, struct mh_fault *fault);

/* Open an object's bytes, if they are what its metadata says (size and mtime).
 * Returns OK; NOT_FOUND; CORRUPT (size or mtime differ: verify before serving); IO. *ret_fd is
 * owned by the caller. */
MUST_USE enum mh_code store_open_object(const struct store *store, const char *mirror,
                                        const char *place, const struct meta *meta, int *ret_fd,
                                        struct mh_fault *fault);

/* A transfer in progress: partial/<id>.part, and <id>.json beside it which says what it is. */
#define STORE_ID_SIZE 65
/* The id of an object's transfer: 64 hex digits that follow from the mirror's and its name. */
void store_partial_id(const char *mirror, const char *name, char ret[STORE_ID_SIZE]);
/* Open (make) the partial file for reading and writing. */
MUST_USE enum mh_code store_partial_open(const struct store *store, const char *id, int *ret_fd,
                                         struct mh_fault *fault);
/* A second file beside it, empty, that its encoded bytes are decoded to. */
MUST_USE enum mh_code store_partial_open_plain(const struct store *store, const char *id,
                                               int *ret_fd, struct mh_fault *fault);
/* That file takes the partial file's place. Returns OK, IO or NOMEM. */
MUST_USE enum mh_code store_partial_take_plain(const struct store *store, const char *id,
                                               struct mh_fault *fault);
/* The note beside it, for resuming. */
struct partial_note {
    char *url;  /* what was asked */
    char *etag; /* validators, or NULL */
    char *last_modified;
    uint64_t total;   /* UINT64_MAX: unknown */
    uint64_t synced;  /* bytes known to be on disk */
    char boot_id[40]; /* of the boot that wrote it: in the same boot the file's length counts */
};
MUST_USE enum mh_code store_partial_write_note(const struct store *store, const char *id,
                                               const struct partial_note *note,
                                               struct mh_fault *fault);
/* NOT_FOUND if there is none or it is unreadable. */
MUST_USE enum mh_code store_partial_read_note(const struct store *store, const char *id,
                                              struct partial_note *ret, struct mh_fault *fault);
void partial_note_done(struct partial_note *note);
void store_partial_remove(const struct store *store, const char *id);
const char *store_boot_id(const struct store *store);

/* One step of a commit. */
enum store_action {
    STORE_PUBLISH, /* the partial file becomes the object's bytes, meta its metadata */
    STORE_META,    /* only the metadata is replaced */
    STORE_REMOVE   /* bytes and metadata go */
};
struct store_step {
    enum store_action action;
    const char *mirror;
    const char *partial_id; /* PUBLISH: already written whole; fsynced by the commit */
    const char *url;   /* PUBLISH: the object's upstream URL, the same that store_read_meta() is
                          given:   the hashed place is made of it. NULL: meta->url */
    struct meta *meta; /* PUBLISH and META: what is recorded; name, target, url are needed. PUBLISH
                          fills in mtime_ns. REMOVE: unused */
    char *place; /* PUBLISH: filled in, owned by the caller (mem_free()). META, REMOVE: the place;
                    borrowed */
};

/* Make all steps happen, or none: fsyncs the partial files, chooses places (a collision with a
 * directory goes to the hashed place; a directory of metadata too), writes the entry, applies it,
 * syncs the directories, removes the entry. Once OK is returned it survives power loss. A place
 * that is published and removed in one commit stays; to publish or record it twice is a mistake.
 *
 * Returns OK; NO_SPACE, IO, DENIED or NOMEM; CORRUPT (a partial file is not as long as its metadata
 * says); BAD_INPUT (a step lacks something, or two publish the same place). On failure nothing has
 * changed. */
MUST_USE enum mh_code store_commit(struct store *store, struct store_step *steps, size_t count,
                                   struct mh_fault *fault);

/* Walk all metadata of a mirror, in no particular order. `visit` takes the meta over by nulling
 * what it keeps (it may move the struct out and zero it) and returns false to stop. Unreadable
 * files are told to `broken` (may be NULL) and passed over. */
struct store_scan {
    void *arg;
    bool (*visit)(void *arg, const char *mirror, const char *place, struct meta *meta);
    void (*broken)(void *arg, const char *mirror, const char *place, const struct mh_fault *fault);
};
MUST_USE enum mh_code store_scan_mirror(const struct store *store, const char *mirror,
                                        const struct store_scan *scan, struct mh_fault *fault);

/* Bytes free for us on the cache's file system; UINT64_MAX if it cannot be told. */
uint64_t store_free_bytes(const struct store *store);

#endif
