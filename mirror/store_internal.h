/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share. All paths are relative to the cache directory and begin with
 * the name of one of its own folders, so one descriptor serves for all of them. */
#ifndef MIRROR_STORE_INTERNAL_H
#define MIRROR_STORE_INTERNAL_H

#include "attrs.h"
#include "map.h"
#include "store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* More than any metadata needs; less than would hurt. */
#define STORE_MAX_META_BYTES  (64u << 20)
#define STORE_MAX_ENTRY_BYTES (256u << 20)

struct store {
    char *dir;      /* as it was given, for sentences */
    int dir_fd;     /* the cache directory */
    int lock_fd;    /* LOCK, held */
    int journal_fd; /* journal/LOCK: exclusive while a commit is applied */
    /* Where it may not be written to (store_readonly.c); else NULL and 0. */
    char *read_only_why;
    int read_only_error;  /* errno */
    struct map *hidden;   /* paths that an unfinished publish is about, as a set */
    size_t max_component; /* longest file name of this file system, in bytes */
    char boot_id[40];

    pthread_mutex_t commit_lock; /* one commit at a time */
    /* commit_lock: */
    uint64_t sequence;   /* of the last journal entry */
    bool has_unfinished; /* an entry could neither be applied nor taken back: redo it first */

    /* Readers of objects/ and meta/ in this process share it; a commit holds it for its renames. A
     * pointer, because readers have a const store. */
    pthread_rwlock_t *switch_lock;
};

/* Make the folders that are not there: at the start, and when somebody has removed them. */
MUST_USE enum mh_code store_make_layout(const struct store *store, struct mh_fault *fault);

/* --- store_files.c: files beneath the cache directory, by path; symbolic links are refused --- */

/* rename(2), unlink(2), lstat(2). 0, or -1 with errno. */
int file_rename(int dir_fd, const char *from, const char *to);
int file_unlink(int dir_fd, const char *path);
int file_stat(int dir_fd, const char *path, struct stat *ret);
/* Is there a regular file? */
bool file_exists(int dir_fd, const char *path);
/* Make or replace a file and begin to write it out; fsync it with file_sync(). */
MUST_USE enum mh_code file_write(int dir_fd, const char *path, const void *bytes, size_t n,
                                 struct mh_fault *fault);
/* fsync a file or a directory; ret_st: its state after that, or NULL. */
MUST_USE enum mh_code file_sync(int dir_fd, const char *path, struct stat *ret_st,
                                struct mh_fault *fault);
/* Let the kernel begin to write a file out, so that many can be synced for the price of a few. */
void file_begin_writeout(int dir_fd, const char *path);
/* Remove the empty directories above a path, but not the cache's own folders. */
void file_prune(int dir_fd, const char *path);
/* Call `visit` with every name in a directory but "." and "..", until it returns false. Entries may
 * be removed meanwhile. OK, or a code of fail_errno(). */
MUST_USE enum mh_code file_list(int dir_fd, const char *path,
                                bool (*visit)(void *arg, const char *name), void *arg,
                                struct mh_fault *fault);

/* The directories that a commit has touched, each to be synced once: a map used as a set. */
/* Note the directory of `path`, and those above it that do not exist yet, with the one they will be
 * made in. false: no memory. */
MUST_USE bool sync_set_add(const struct store *store, struct map *set, const char *path);
/* Sync them, each before those that are in it, and partial/, where files come from, last: a file
 * that has left one directory for sure must be in another that is there for sure. */
MUST_USE enum mh_code sync_set_sync(const struct store *store, const struct map *set,
                                    struct mh_fault *fault);

/* "objects/<mirror>/<place>" and "meta/<mirror>/<place>.json", owned by the caller; NULL: no
 * memory. */
char *store_object_path(const char *mirror, const char *place);
char *store_meta_path(const char *mirror, const char *place);

/* --- store_journal.c: what is to happen, on disk --- */

/* One change to one path. Exactly one of these: bytes are moved here from `from`; `text` is
 * written; neither: what is here is removed. */
struct change {
    char *to;
    char *from;
    char *text;
    /* With `from`: the file that is meant. Another of that name is somebody else's. */
    uint64_t bytes;
    int64_t mtime_ns;
    /* While it is being applied (store_commit.c): */
    char *aside;  /* where what was here waits until the commit is over */
    char *source; /* what is renamed to `to`: from, or the written text */
    bool is_aside;
    bool is_placed;
};
void change_done(struct change *change);

/* "journal/<sequence><suffix>", or "journal/<sequence>.<index><suffix>" with an index that is not
 * SIZE_MAX. Owned by the caller. NULL: no memory. */
char *journal_path(uint64_t sequence, size_t index, const char *suffix);

/* Write the entry under a temporary name and sync it. */
MUST_USE enum mh_code journal_prepare(const struct store *store, uint64_t sequence,
                                      const struct change *changes, size_t count,
                                      struct mh_fault *fault);
/* The point of no return but by journal_retire(): the entry gets its name, and is on disk. On
 * failure it is not there. */
MUST_USE enum mh_code journal_commit(const struct store *store, uint64_t sequence,
                                     struct mh_fault *fault);
/* Remove the entry. */
MUST_USE enum mh_code journal_retire(const struct store *store, uint64_t sequence, bool sync,
                                     struct mh_fault *fault);
/* Keep processes that only read out while entries are applied. */
void journal_lock(const struct store *store);
void journal_unlock(const struct store *store);
/* Do what every entry says, in order, and clear the journal. Idempotent at every point. Sets
 * store->sequence. CORRUPT names an entry that cannot be read. */
MUST_USE enum mh_code journal_redo(struct store *store, struct mh_fault *fault);

/* Add the paths of all changes of all entries to a set. */
MUST_USE enum mh_code journal_list_pending(const struct store *store, struct map *paths,
                                           struct mh_fault *fault);

/* --- store_readonly.c --- */

/* The cache may not be written to, as `why` says: make do with reading. */
MUST_USE enum mh_code readonly_open(struct store *store, const struct mh_fault *why,
                                    struct mh_fault *fault);
/* Is the path's state unknown, for an unfinished publish? Then it counts as absent. */
bool store_is_hidden(const struct store *store, const char *path);

/* --- store_reserve.c: room for a removal on a full disk --- */

/* Make it, if it is not there. A failure is tolerated. */
void reserve_make(const struct store *store);
/* Give its room back. */
void reserve_drop(const struct store *store);
/* Write a new file over the reserve's blocks; the reserve is gone then. NO_SPACE, with `fault` left
 * as it is: there is none. */
MUST_USE enum mh_code reserve_write(const struct store *store, const char *path, const void *bytes,
                                    size_t n, struct mh_fault *fault);

/* --- store_plan.c: the first half of a commit --- */

/* At most: two changes of the step itself, and two removals at the object's other place. */
#define COMMIT_CHANGES_PER_STEP 4

struct commit {
    struct store *store;
    uint64_t sequence;
    struct store_step *steps;
    size_t step_count;
    char **places; /* one for each PUBLISH; handed to the steps at the end */
    int64_t *mtimes;
    struct change *changes;
    size_t change_count;
    struct map *claims;  /* path -> claim_file or claim_directory */
    struct map *touched; /* directories to sync */
};

/* Choose places, sync the partial files, write the metadata to journal/, list the changes. */
MUST_USE enum mh_code commit_plan(struct commit *commit, struct mh_fault *fault);
/* Nothing of the plan has happened: remove what it made. */
void commit_unplan(const struct commit *commit);
/* Remove directories that were made for nothing, or are empty now. */
void commit_prune(const struct commit *commit);

/* --- store_partial.c --- */

/* The bytes have been published: remove the note alone. */
void partial_remove_note(const struct store *store, const char *id);
/* Remove what nobody can go on with. Called once, with LOCK held. */
MUST_USE enum mh_code partial_sweep(const struct store *store, struct mh_fault *fault);

#endif
