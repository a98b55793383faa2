/* SPDX-License-Identifier: Apache-2.0 */
/* What is done when the disk is full: evict, and go on. */
#ifndef MIRROR_ROOM_H
#define MIRROR_ROOM_H

#include "flight.h"

/* Make room for `bytes` more.
 *
 * must_evict  the file system may say that there is room, but it was tried: a quota, inodes
 *
 * Returns OK: it is worth trying again; NO_SPACE: nothing that is unpinned and unused would help,
 * and nothing was evicted; CANCELLED, IO or NOMEM. Work threads; blocks on the disk. */
MUST_USE enum mh_code room_make(struct mh_host *host, uint64_t bytes, bool must_evict,
                                struct mh_fault *f);

/* store_commit(), made again after room was made where there was none. */
MUST_USE enum mh_code room_commit(struct mh_host *host, struct store_step *steps, size_t count,
                                  struct mh_fault *f);

/* A flight's transfer was stopped by a full disk: make room and ask for the rest, or fail it and
 * give back what it holds. The flight's work thread, with nothing being asked. */
void room_for_flight(struct flight *flight);

#endif
