/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed 64-bit hash (SipHash-1-3) for tables whose keys a client or an upstream chooses: without
 * the process's random key nobody can make them collide. Not for anything that is stored or sent.
 */
#ifndef BASE_KEYHASH_H
#define BASE_KEYHASH_H

#include "attrs.h"

#include <stddef.h>
#include <stdint.h>

/* A running hash: plain data, nothing to release. */
struct keyhash {
    uint64_t v[4];
    uint64_t tail;  /* bytes that do not fill a word yet, lowest first */
    uint64_t count; /* bytes so far */
};

/* Begin with the process's key, drawn at the first use. */
void keyhash_begin(struct keyhash *hash);
/* Begin with a given key: for tests. */
void keyhash_begin_with(struct keyhash *hash, uint64_t key0, uint64_t key1);
void keyhash_add(struct keyhash *hash, const void *bytes, size_t n);
/* The value of what was added. The hash must be begun again afterwards. */
uint64_t keyhash_end(struct keyhash *hash);

/* All of it at once. */
uint64_t keyhash_of(const void *bytes, size_t n);

#endif
