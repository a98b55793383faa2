/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer says of the cache behind it: X-Cache, Cache-Status (RFC 9211), Age. Pure. */
#ifndef SERVER_CACHE_STATUS_H
#define SERVER_CACHE_STATUS_H

#include <modelhost/view.h>

#include <stdint.h>

/* X-Cache: "HIT", "MISS", "REVALIDATED", "UPDATING", "STALE", "OFFLINE". Static string. */
const char *cache_word(enum mh_cache_state state);
/* Cache-Status: "modelhost; hit", "modelhost; fwd=uri-miss" ... without ttl. Static string. */
const char *cache_status_value(enum mh_cache_state state);

/* Age in seconds (RFC 9111 §5.1), at most 2^31 - 1, 0 where the clock ran backwards.
 *
 * validated_at, now  seconds since the epoch */
uint32_t cache_age_s(int64_t validated_at, int64_t now);

#endif
