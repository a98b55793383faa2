/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of what is evicted, as a function of what is known of the groups.
 *
 * Both limits are brought to one number, the bytes that must go, because a byte that leaves the
 * cache serves both. A group that is kept (pinned, in use) is never chosen, however much room is
 * wanted: a limit that only kept groups exceed stays exceeded, and the caller can say so. Among
 * groups that were used in the same second the larger goes first, so that fewer have to.
 *
 * Includes nothing of the mirror; any thread. */
#include "evict.h"

uint64_t
evict_need(uint64_t cached_bytes, uint64_t max_bytes, uint64_t free_bytes, uint64_t min_free_bytes)
{
    uint64_t over = max_bytes > 0 && cached_bytes > max_bytes ? cached_bytes - max_bytes : 0;
    uint64_t lacking = free_bytes < min_free_bytes ? min_free_bytes - free_bytes : 0;

    return over > lacking ? over : lacking;
}

static bool
goes_before(const struct evict_group *a, const struct evict_group *b)
{
    if (a->used_at != b->used_at)
        return a->used_at < b->used_at;
    return a->bytes > b->bytes;
}

static struct evict_group *
next_victim(struct evict_group *groups, size_t n)
{
    struct evict_group *best = NULL;

    for (size_t i = 0; i < n; i++)
        if (!groups[i].is_kept && !groups[i].is_chosen && groups[i].bytes > 0 &&
            (!best || goes_before(&groups[i], best)))
            best = &groups[i];
    return best;
}

uint64_t
evict_choose(struct evict_group *groups, size_t n, uint64_t need)
{
    uint64_t chosen = 0;

    for (size_t i = 0; i < n; i++)
        groups[i].is_chosen = false;
    while (chosen < need) {
        struct evict_group *victim = next_victim(groups, n);

        if (!victim)
            break;
        victim->is_chosen = true;
        chosen += victim->bytes;
    }
    return chosen;
}
