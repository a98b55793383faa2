/* SPDX-License-Identifier: Apache-2.0 */
/* The set of an object's keys.
 *
 * Only hashes are kept, so that the cost is eight bytes or so for a key of any length. Two
 * different keys of one object can therefore be taken for duplicates: with n keys in one object the
 * odds are n^2 / 2^65, one in 3e13 for a thousand keys and one in 3e7 for the million that the
 * scanner allows. The hash is keyed anew by each process, so nobody can make such a text, and one
 * that met it reads well after a restart. The error is to the safe side: a good text is refused, a
 * bad one never taken.
 *
 * Most objects have a few members, so a set begins as a row that is searched from end to end, and
 * turns into a table when it outgrows that. A set belongs to one thread. */
#include "json_keys.h"

#include "mem.h"

#include <stdbool.h>

#define ROW_ROOM 16

/* Where a hash is, or the free slot where it belongs. The table is never full. */
static size_t
table_find(const uint64_t *slots, size_t room, uint64_t hash)
{
    size_t at = hash & (room - 1);

    while (slots[at] != 0 && slots[at] != hash)
        at = (at + 1) & (room - 1);
    return at;
}

static bool
row_has(const struct json_keys *keys, uint64_t hash)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->slots[i] == hash)
            return true;
    return false;
}

/* Move everything into a larger table. */
static bool
grow(struct json_keys *keys)
{
    size_t room = keys->room == 0 ? ROW_ROOM : keys->room * 4;
    uint64_t *slots = mem_calloc(room, sizeof(*slots));

    if (slots == NULL)
        return false;
    /* A row that is grown is full, so that none of its slots is left from an earlier object. */
    for (size_t i = 0; i < keys->room; i++)
        if (keys->slots[i] != 0)
            slots[table_find(slots, room, keys->slots[i])] = keys->slots[i];
    mem_free(keys->slots);
    keys->slots = slots;
    keys->room = room;
    return true;
}

enum json_keys_verdict
json_keys_add(struct json_keys *keys, uint64_t hash)
{
    if (hash == 0)
        hash = 1; /* 0 is a free slot */

    bool is_row = keys->room <= ROW_ROOM;

    if (is_row && row_has(keys, hash))
        return JSON_KEYS_SEEN;
    if (keys->count >= (is_row ? keys->room : keys->room / 4 * 3) && !grow(keys))
        return JSON_KEYS_NOMEM;
    if (keys->room <= ROW_ROOM) {
        keys->slots[keys->count++] = hash;
        return JSON_KEYS_NEW;
    }

    size_t at = table_find(keys->slots, keys->room, hash);

    if (keys->slots[at] == hash)
        return JSON_KEYS_SEEN;
    keys->slots[at] = hash;
    keys->count++;
    return JSON_KEYS_NEW;
}

void
json_keys_clear(struct json_keys *keys)
{
    if (keys->room > ROW_ROOM)
        json_keys_done(keys);
    keys->count = 0;
}

void
json_keys_done(struct json_keys *keys)
{
    mem_free(keys->slots);
    *keys = (struct json_keys){0};
}
