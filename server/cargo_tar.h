/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of models: tar files, by libarchive. cargo_pack.c writes, cargo_unpack.c reads. */
#ifndef SERVER_CARGO_TAR_H
#define SERVER_CARGO_TAR_H

#include "attrs.h"
#include "progress.h"

#include <modelhost/cargo.h>

/* Write a cargo as an archive.
 *
 * cache_fd  the cache directory: the files are read below its objects/; borrowed
 * cargo     with the mtime_ns of its files, which are not written
 * out_fd    written from where it stands; borrowed
 *
 * Every byte is hashed on its way. Returns OK; BUSY (a file is not what the cargo says: it was
 * switched since, or changed from outside); CORRUPT (its length and time are right, and its bytes
 * are not); CANCELLED (pull_was_interrupted()); NO_SPACE, IO, TOO_LARGE or NOMEM. After a failure
 * what was written is no archive. Blocks on the disk. */
MUST_USE enum mh_code cargo_pack(int cache_fd, const struct mh_cargo *cargo, int out_fd,
                                 struct progress *progress, struct mh_fault *fault);

/* Unpack an archive into a stage: its manifest, and every file that that names, by number.
 *
 * in_fd  read from where it stands, to the archive's end; may be a pipe; borrowed
 *
 * Only entries that the manifest names are taken, with the lengths that it tells, once each; links,
 * devices and everything else are refused. Plain tar, or gzip of it. Returns OK; CORRUPT (it is no
 * whole archive of ours); NO_SPACE (also when there is less room than the manifest tells of);
 * UNSUPPORTED; CANCELLED; TOO_LARGE, IO or NOMEM. Blocks. */
MUST_USE enum mh_code cargo_unpack(int in_fd, struct mh_stage *stage, struct progress *progress,
                                   struct mh_fault *fault);

#endif
