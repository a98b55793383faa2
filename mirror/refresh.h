/* SPDX-License-Identifier: Apache-2.0 */
/* A refresh: asking the upstream about everything of a group, and switching all of it at once.
 *
 *   asking ──► all answered ──┬─ nothing changed: only the metadata is renewed
 *                             ├─ something failed: the old set stays, whole
 *                             └─ changed: the sums of the new set hold ──► staged ──► quiet ──►
 * switch
 *
 * A group is what is connected by shared shards: manifests, their parts, those parts' other
 * manifests. While the new set is fetched and staged, the old one is served. The switch is one
 * commit of the store; for its milliseconds, requests for the group are parked. It waits until no
 * file of the group has been asked for, or is being sent, for `settle`; after `settle_max` new
 * manifest requests are held for at most `settle`, and then it switches. */
#ifndef MIRROR_REFRESH_H
#define MIRROR_REFRESH_H

#include "flight.h"

struct refresh;

/* Begin to refresh the group of an object, unless it is being done, a part of it is arriving, or it
 * failed a moment ago and `force` is not set. host->lock held. Failing to begin is no failure. */
void refresh_start_locked(struct object *object, bool force);

/* Is a version of the object due to be asked about? Then that begins. Never offline. host->lock
 * held. */
bool refresh_if_stale_locked(struct object *object, const struct version *version);

/* A flight of a refresh is over (flight.c). Gives the engine's reference back. */
void refresh_flight_over(struct flight *flight);

/* Once a second, on the fetch thread: switch what is quiet. */
void refresh_tick(struct mh_host *host);

/* The refresh that an object is part of, as long as its upstream has not answered for all of the
 * group; 0: there is none, or what there is waits for quiet. host->lock held. */
uint64_t refresh_asking_locked(const struct object *object);
/* Wait for the end of that. Returns whether the waiter is paused now: not where it is over already.
 * waiter_remove() takes it back, with host->lock held. */
bool refresh_wait_locked(struct object *object, uint64_t asking, struct mh_waiter *waiter);
/* Have all who wait look after their clients. host->lock held. */
void refresh_wake_all_locked(struct mh_host *host);

/* At the end of the host, when its threads are gone. */
void refresh_free_all(struct mh_host *host);

/* Does the last refresh of the object count as failed still? host->lock held. */
bool refresh_has_failed_locked(const struct object *object);

#endif
