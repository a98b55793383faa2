/* SPDX-License-Identifier: Apache-2.0 */
/* A growable array of pointers with a ceiling. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "attrs.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
    void **items;
    size_t count;
    size_t room;
    size_t max; /* ceiling of count; 0: none */
};

#define LIST_INIT(max_) ((struct list){.max = (max_)})

MUST_USE bool list_add(struct list *list, void *item); /* false: the ceiling, or memory */
void list_remove_at(struct list *list, size_t index);  /* keeps the order */
/* Frees the array, and every item by `release` where it is not NULL. */
void list_done(struct list *list, void (*release)(void *item));

#endif
