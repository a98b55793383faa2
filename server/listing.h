/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of the app as a page. */
#ifndef SERVER_LISTING_H
#define SERVER_LISTING_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#define LISTING_MAX_BYTES ((size_t) 4 << 20)

/* Append a page that lists a directory beneath the root.
 *
 * path   decoded, as target_decode() gives it; borrowed
 * fault  names the path, unless OK or NOT_FOUND
 *
 * In the list is what can be asked for: no hidden file, no link that leads out of the root.
 * Returns OK; NOT_FOUND (not the path of a directory); TOO_LARGE (the page would not fit); DENIED,
 * IO or NOMEM. Any thread; may block on the disk. */
MUST_USE enum mh_code listing_write(int root_fd, const char *path, struct buf *page,
                                    struct mh_fault *fault);

#endif
