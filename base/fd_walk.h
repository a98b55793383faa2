/* SPDX-License-Identifier: Apache-2.0 */
/* What fd_beneath.c falls back to where the kernel has no openat2. */
#ifndef BASE_FD_WALK_H
#define BASE_FD_WALK_H

#include "attrs.h"

#include <stdbool.h>
#include <sys/types.h>

/* Open a name beneath a directory, component by component. The name is not empty, does not begin
 * with '/' and has no "..". Returns a descriptor owned by the caller, or -1 with openat2's errno:
 * EXDEV for a link that leads out, ELOOP for too many links, or any where they are refused. */
int fd_walk(int dir_fd, const char *name, int flags, mode_t mode, bool refuses_links);

#endif
