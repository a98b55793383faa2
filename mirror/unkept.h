/* SPDX-License-Identifier: Apache-2.0 */
/* Cache-Control: no-store. What its upstream forbids to keep is served to those who ask for it
 * while it arrives, each wave of them by one download, and is not kept afterwards.
 *
 * A model is kept whole or not at all: where one file of it must not be kept, none is. */
#ifndef MIRROR_UNKEPT_H
#define MIRROR_UNKEPT_H

#include "flight.h"

/* The head of an object's own flight is in. Models that are not to be kept after all are marked.
 * Returns whether people are to be told: the first time. host->lock held. */
bool unkept_note_head_locked(struct object *object, bool is_no_store);
void unkept_tell(const struct object *object);

/* A model is not to be kept: what is cached of it goes, and what is arriving does not stay.
 * host->lock held. */
void unkept_mark_locked(struct model *model);

/* Is the object not to be kept, for its own sake or for that of a model it is in? host->lock held.
 */
bool unkept_is_locked(const struct object *object);

/* A flight has passed all checks, and its bytes are not published: concludes it. Its clients read
 * on. Work thread, no locks. */
void unkept_conclude(struct flight *flight);

#endif
