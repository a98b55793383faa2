/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and files, by directory descriptor and name. No name given here may leave its
 * directory: a leading '/' and any ".." are refused (EXDEV), as are symbolic links that lead out,
 * by the kernel (openat2 RESOLVE_BENEATH), or by a walk over the components where openat2 is
 * missing. All descriptors are close-on-exec. Functions that return bool or int set errno. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

void fd_close(int fd);   /* -1 is accepted; keeps errno */
void fd_closep(int *fd); /* for scoped() */
int fd_take(int *fd);    /* returns it and sets the variable to -1 */

/* open(2) beneath a directory. `name` may have several components. Returns -1 with errno. Symbolic
 * links are followed as long as they stay beneath. */
int fd_open_beneath(int dir_fd, const char *name, int flags, mode_t mode);
/* The same, refusing symbolic links altogether (ELOOP): for our own trees. */
int fd_open_beneath_nolink(int dir_fd, const char *name, int flags, mode_t mode);

/* Make every directory on the way to `name`'s last component (which is not made). Mode 0777 less
 * the umask. Returns OK or a code of fail_errno(); ENOTDIR (a file is in the way) gives BUSY. */
MUST_USE enum mh_code fd_make_parents(int dir_fd, const char *name, struct mh_fault *fault);
/* Make a directory and its parents by path (absolute or relative to the working directory). */
MUST_USE enum mh_code fd_make_dirs(const char *path, struct mh_fault *fault);
/* Remove the empty directories above `name`, upwards, up to but not including dir_fd's own. */
void fd_prune_parents(int dir_fd, const char *name);
/* fsync the directory that holds `name`, and all directories above it, dir_fd's own included. */
MUST_USE enum mh_code fd_sync_parents(int dir_fd, const char *name, struct mh_fault *fault);

/* Write or read all of n bytes, through EINTR and short counts. */
MUST_USE enum mh_code fd_write_all(int fd, const void *bytes, size_t n, struct mh_fault *fault);
MUST_USE enum mh_code fd_pwrite_all(int fd, const void *bytes, size_t n, uint64_t offset,
                                    struct mh_fault *fault);
/* Returns bytes read, fewer than n only at the end of the file, or -1 with errno. */
ssize_t fd_pread_full(int fd, void *bytes, size_t n, uint64_t offset);

/* The whole of a small file, NUL-terminated, owned by the caller (mem_free()).
 * Returns OK, NOT_FOUND, TOO_LARGE (over max), IO, DENIED or NOMEM. */
MUST_USE enum mh_code fd_read_file(int dir_fd, const char *name, size_t max, char **ret_text,
                                   size_t *ret_n, struct mh_fault *fault);
/* What a temporary file's name begins with: a crash can leave one. */
#define FD_TEMP_PREFIX ".tmp-"
/* Replace a file as a whole: temporary name beside it, write, optionally fsync, rename. The
 * directory must exist, and is not synced. Mode less the umask. */
MUST_USE enum mh_code fd_replace_file(int dir_fd, const char *name, const void *bytes, size_t n,
                                      mode_t mode, bool sync, struct mh_fault *fault);

/* A file's modification time in nanoseconds since the epoch. */
int64_t stat_mtime_ns(const struct stat *st);

#endif
