/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer says of the cache behind it.
 *
 * One row per state. X-Cache is the de-facto word. Cache-Status is RFC 9211: `hit` where this
 * request was answered without going forward, `fwd` with its reason where it went, never both. That
 * what is served is stale is said by `detail`, since the field is sent without ttl: UPDATING and
 * STALE are answered from the cache at once, whatever is asked of the upstream beside them.
 * A state that the table does not know is a bug of ours, and asserted.
 *
 * Pure: any thread, no state. */
#include "cache_status.h"

#include "attrs.h"

#include <assert.h>
#include <stddef.h>

static const struct {
    const char *word;
    const char *status;
} table[] = {
    [MH_CACHE_HIT] = {"HIT", "modelhost; hit"},
    [MH_CACHE_MISS] = {"MISS", "modelhost; fwd=uri-miss"},
    [MH_CACHE_REVALIDATED] = {"REVALIDATED", "modelhost; fwd=stale; fwd-status=304"},
    [MH_CACHE_UPDATING] = {"UPDATING", "modelhost; hit; detail=updating"},
    [MH_CACHE_STALE] = {"STALE", "modelhost; hit; detail=stale"},
    [MH_CACHE_OFFLINE] = {"OFFLINE", "modelhost; hit; detail=offline"},
};

const char *
cache_word(enum mh_cache_state state)
{
    assert((size_t) state < COUNT_OF(table));
    return table[state].word;
}

const char *
cache_status_value(enum mh_cache_state state)
{
    assert((size_t) state < COUNT_OF(table));
    return table[state].status;
}

uint32_t
cache_age_s(int64_t validated_at, int64_t now)
{
    if (validated_at <= 0 || now <= validated_at)
        return 0;
    /* Recipients must not be sent more than they can hold (RFC 9111 §1.2.2). */
    return now - validated_at > INT32_MAX ? INT32_MAX : (uint32_t) (now - validated_at);
}
