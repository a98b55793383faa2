/* SPDX-License-Identifier: Apache-2.0 */
/* Staged archives, as the process that writes sees them (include/modelhost/cargo.h). */
#ifndef MIRROR_STAGE_H
#define MIRROR_STAGE_H

#include "attrs.h"

#include <modelhost/cargo.h>

/* Open the stage of a name. *ret_fd: its directory, owned by the caller. BAD_INPUT (no name that a
 * stage could have), NOT_FOUND or IO. */
MUST_USE enum mh_code stage_find(int cache_dir_fd, const char *name, int *ret_fd,
                                 struct mh_fault *fault);
/* Remove the stages whose processes are gone. Failures are for the next time. */
void stage_sweep(int cache_dir_fd);

#endif
