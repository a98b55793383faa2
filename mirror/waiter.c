/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of those who wait.
 *
 * A waiter is embedded in its owner and stands in one list at most; `link` tells whether it does.
 * It is paused before it is in the list and out of it before it is woken, all under the list's
 * lock, so that no wake can come too early, and none twice.
 *
 * Any thread, with the lock that guards the list. pause and wake do not call back. */
#include "waiter.h"

#include <stddef.h>

void
waiter_add(struct mh_waiter **list, struct mh_waiter *waiter)
{
    waiter->pause(waiter);
    waiter->next = *list;
    waiter->link = list;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    *list = waiter;
}

bool
waiter_remove(struct mh_waiter *waiter)
{
    if (!waiter->link)
        return false;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    waiter->link = NULL;
    return true;
}

void
waiter_wake_all(struct mh_waiter **list)
{
    while (*list) {
        struct mh_waiter *waiter = *list;

        (void) waiter_remove(waiter);
        waiter->next = NULL;
        waiter->wake(waiter);
    }
}
