/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from strings to pointers, over uthash, which is included nowhere else.
 *
 * The keys are what clients ask for and what manifests name, so the hash is keyed: nobody outside
 * can choose names that fall into one bucket. uthash ends the program when memory runs out unless
 * it is told not to; here the entry is left out and map_set() says false. An entry and its key are
 * one block. Entries are kept in order of insertion; replacing a value keeps the entry's place.
 *
 * No lock: a map belongs to the lock of whoever holds it. Values are never touched. */
#include "map.h"

#include "keyhash.h"
#include "mem.h"

#include <string.h>

#define HASH_NONFATAL_OOM              1
#define uthash_nonfatal_oom(entry)     ((entry)->is_lost = true)
#define uthash_malloc(n)               mem_calloc(n, 1)
#define uthash_free(block, n)          mem_free(block)
#define HASH_FUNCTION(key, n, ret_sum) ((ret_sum) = (unsigned) keyhash_of(key, n))

#include <uthash.h>

struct map_entry {
    UT_hash_handle hh;
    void *value;
    bool is_lost; /* uthash had no memory to take it in */
    char key[];
};

struct map {
    struct map_entry *entries;
};

struct map *
map_new(void)
{
    return mem_new(struct map);
}

void
map_free(struct map *map)
{
    struct map_entry *entry;
    struct map_entry *next;

    if (map == NULL)
        return;
    HASH_ITER(hh, map->entries, entry, next)
    {
        HASH_DEL(map->entries, entry);
        mem_free(entry);
    }
    mem_free(map);
}

static struct map_entry *
find(const struct map *map, const char *key)
{
    struct map_entry *entry;

    HASH_FIND_STR(map->entries, key, entry);
    return entry;
}

void *
map_get(const struct map *map, const char *key)
{
    const struct map_entry *entry = find(map, key);

    return entry == NULL ? NULL : entry->value;
}

bool
map_set(struct map *map, const char *key, void *value)
{
    struct map_entry *entry = find(map, key);

    if (entry != NULL) {
        entry->value = value;
        return true;
    }

    size_t n = strlen(key);

    entry = mem_calloc(1, sizeof(*entry) + n + 1);
    if (entry == NULL)
        return false;
    entry->value = value;
    memcpy(entry->key, key, n + 1);
    HASH_ADD_KEYPTR(hh, map->entries, entry->key, n, entry);
    if (entry->is_lost) {
        mem_free(entry);
        return false;
    }
    return true;
}

void *
map_remove(struct map *map, const char *key)
{
    struct map_entry *entry = find(map, key);

    if (entry == NULL)
        return NULL;

    void *value = entry->value;

    HASH_DEL(map->entries, entry);
    mem_free(entry);
    return value;
}

size_t
map_count(const struct map *map)
{
    return HASH_COUNT(map->entries);
}

struct map_entry *
map_first(const struct map *map)
{
    return map->entries;
}

struct map_entry *
map_next(const struct map_entry *entry)
{
    return entry->hh.next;
}

const char *
map_key(const struct map_entry *entry)
{
    return entry->key;
}

void *
map_value(const struct map_entry *entry)
{
    return entry->value;
}
