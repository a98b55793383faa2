/* SPDX-License-Identifier: Apache-2.0 */
/* A first pull that may have met a change: does the manifest still hold?
 *
 *   a shard is newer than the manifest's answer ─► the manifest is asked again, once
 *     ├─ the same: the shards that waited may complete
 *     └─ changed, or gone: their clients are cut, and the set starts over, as soon as nobody can
 *        still be loading the old one
 *
 * While it is asked, no shard of the model completes. */
#ifndef MIRROR_RECHECK_H
#define MIRROR_RECHECK_H

#include "flight.h"

/* The head of an object's own flight is in. Asks for the manifest of every unfinished model that
 * the object is newer than.
 *
 * changed_at  when the upstream says that these bytes came to be, seconds since the epoch by its
 *             clock; INT64_MIN: it does not say
 *
 * Returns OK or NOMEM. host->lock held. */
MUST_USE enum mh_code recheck_begin_locked(struct object *object, int64_t changed_at,
                                           struct mh_fault *f);

/* Must the object wait for such an answer? host->lock held. */
bool recheck_holds_locked(const struct object *object);
/* The model is replaced or forgotten: nobody waits for its sake any more. host->lock held. */
void recheck_release_locked(struct model *model);

/* A flight of a set that starts over has ended, and what it brought is gone: begin what the new set
 * lacks. host->lock held. */
void recheck_follow_locked(struct object *object);

/* Let go on what has waited long enough. The fetch thread; about once a second. */
void recheck_tick(struct mh_host *host);

/* The flight that asked is over (flight.c). Gives the engine's reference back. */
void recheck_flight_over(struct flight *flight);

#endif
