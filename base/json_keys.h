/* SPDX-License-Identifier: Apache-2.0 */
/* The set of an object's keys, as 64-bit hashes: how the scanner finds duplicates. */
#ifndef BASE_JSON_KEYS_H
#define BASE_JSON_KEYS_H

#include "attrs.h"

#include <stddef.h>
#include <stdint.h>

/* A zeroed one is an empty set. */
struct json_keys {
    uint64_t *slots; /* a plain row while it is short, then an open hash table; 0: free */
    size_t room;
    size_t count;
};

enum json_keys_verdict { JSON_KEYS_NEW, JSON_KEYS_SEEN, JSON_KEYS_NOMEM };

/* Put a key's hash in. */
enum json_keys_verdict json_keys_add(struct json_keys *keys, uint64_t hash);
/* Empty it for the next object; a large table is given back. */
void json_keys_clear(struct json_keys *keys);
void json_keys_done(struct json_keys *keys);

#endif
