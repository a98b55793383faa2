/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of those who wait (include/modelhost/view.h), each guarded by a lock of its owner's, which
 * is held in all of these. */
#ifndef MIRROR_WAITER_H
#define MIRROR_WAITER_H

#include <modelhost/view.h>

#include <stdbool.h>

/* Pause a waiter, and remember it. */
void waiter_add(struct mh_waiter **list, struct mh_waiter *waiter);
/* Forget one. Returns whether it was waiting. */
bool waiter_remove(struct mh_waiter *waiter);
/* Forget and wake all. */
void waiter_wake_all(struct mh_waiter **list);

#endif
