/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups make room. Pure. */
#ifndef MIRROR_EVICT_H
#define MIRROR_EVICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evict_group {
    uint64_t bytes;  /* of all its files, each counted once */
    int64_t used_at; /* seconds since the epoch, the latest of its files */
    bool is_kept;    /* pinned, or in use */
    bool is_chosen;  /* set by evict_choose() */
};

/* How many bytes must go so that at most max_bytes are cached (0: no limit) and min_free_bytes are
 * free. free_bytes UINT64_MAX: not known, which asks for nothing. */
uint64_t evict_need(uint64_t cached_bytes, uint64_t max_bytes, uint64_t free_bytes,
                    uint64_t min_free_bytes);

/* Choose groups, least recently used first and of those the larger, until they hold `need` bytes or
 * none is left that may go. Reorders nothing. Returns what they hold. */
uint64_t evict_choose(struct evict_group *groups, size_t n, uint64_t need);

#endif
