/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from strings to pointers (uthash, which stays in map.c). Not locked. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "attrs.h"

#include <stdbool.h>
#include <stddef.h>

struct map; /* opaque */

struct map *map_new(void);
void map_free(struct map *map); /* not the values; NULL is accepted */
void *map_get(const struct map *map, const char *key);
/* The key is copied. An entry of that key is replaced. false when memory runs out. value is not
 * NULL. */
MUST_USE bool map_set(struct map *map, const char *key, void *value);
/* Returns the value that was there, or NULL. */
void *map_remove(struct map *map, const char *key);
size_t map_count(const struct map *map);

/* Walk in order of insertion: `for (struct map_entry *e = map_first(m); e; e = map_next(e))`.
 * Removing the current entry is allowed after map_next() was taken. */
struct map_entry;
struct map_entry *map_first(const struct map *map);
struct map_entry *map_next(const struct map_entry *entry);
const char *map_key(const struct map_entry *entry);
void *map_value(const struct map_entry *entry);

#endif
