/* SPDX-License-Identifier: Apache-2.0 */
/* Moving a pulled model out of a temporary cache to where somebody wants it. */
#ifndef SERVER_PULL_PLACE_H
#define SERVER_PULL_PLACE_H

#include "attrs.h"

#include <modelhost/code.h>

/* Move every file below a directory into another one of the same file system.
 *
 * from_fd        the directory whose tree is moved
 * manifest_name  the manifest's path in it; it is moved last
 * to_fd          the directory that gets the tree; missing directories are made
 * to_name        what the manifest is called there, without '/'
 *
 * Nothing is moved if anything is in the way of any file; existing files are replaced. Directories
 * are synced, so that a manifest that is there has its files. Returns OK; BUSY (a directory or file
 * is in the way); BAD_INPUT (to_name is that of another file of the model); NOT_FOUND (there is no
 * such manifest); or the codes of fail_errno(). */
MUST_USE enum mh_code place_model(int from_fd, const char *manifest_name, int to_fd,
                                  const char *to_name, struct mh_fault *fault);

/* Remove a directory with everything in it. What cannot be removed stays, silently: it is a
 * temporary directory, and there is nothing better to do. */
void remove_tree(int dir_fd, const char *name);

#endif
