/* SPDX-License-Identifier: Apache-2.0 */
/* A growable array of pointers with a ceiling.
 *
 * Callers index `items` themselves: the list only owns the array, and the items when it is ended
 * with a release function. Adding at the ceiling is refused, so that no list grows as an upstream
 * or a client pleases.
 *
 * A list belongs to one thread at a time, or to the lock of whoever holds it. */
#include "list.h"

#include "mem.h"

#include <string.h>

#define LIST_FIRST_ROOM 8

static bool
grow(struct list *list)
{
    size_t room = list->room == 0 ? LIST_FIRST_ROOM : list->room * 2;

    if (list->max > 0 && room > list->max)
        room = list->max;

    void **items = mem_resize(list->items, room, sizeof(*items));

    if (items == NULL)
        return false;
    list->items = items;
    list->room = room;
    return true;
}

bool
list_add(struct list *list, void *item)
{
    if (list->max > 0 && list->count >= list->max)
        return false;
    if (list->count == list->room && !grow(list))
        return false;
    list->items[list->count++] = item;
    return true;
}

void
list_remove_at(struct list *list, size_t index)
{
    if (index >= list->count)
        return;
    list->count--;
    memmove(&list->items[index], &list->items[index + 1],
            (list->count - index) * sizeof(list->items[0]));
}

void
list_done(struct list *list, void (*release)(void *item))
{
    for (size_t i = 0; release != NULL && i < list->count; i++)
        release(list->items[i]);
    mem_free(list->items);
    *list = LIST_INIT(list->max);
}
