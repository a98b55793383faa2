/* SPDX-License-Identifier: Apache-2.0 */
/* Making room without being told to. */
#ifndef MIRROR_MANAGE_H
#define MIRROR_MANAGE_H

#include "host_internal.h"

#include <modelhost/manage.h>

/* Evict down to the limits soon, on a work thread, if that is not being done already. Without
 * locks; returns at once. */
void manage_make_room(struct mh_host *host);

/* Evict so much that `bytes` more find room, and what the limits want besides.
 *
 * Returns OK (something was evicted); NO_SPACE (all that may go would not be enough: nothing was
 * evicted); BUSY, CANCELLED, IO or NOMEM. Work threads; blocks on the disk. */
MUST_USE enum mh_code manage_evict(struct mh_host *host, uint64_t bytes, struct mh_fault *f);

/* Is anything of the object, or of the model that it is the manifest of, cached for its own sake? A
 * removed manifest is remembered for a while, and the shards that it shared with another model are
 * that one's alone. host->lock held. */
bool manage_has_own_file_locked(const struct object *object);

#endif
