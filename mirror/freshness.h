/* SPDX-License-Identifier: Apache-2.0 */
/* How long a cached object may be served without asking the upstream again. Pure. */
#ifndef MIRROR_FRESHNESS_H
#define MIRROR_FRESHNESS_H

#include "attrs.h"

#include <stdbool.h>
#include <stdint.h>

enum freshness {
    FRESHNESS_FRESH,
    FRESHNESS_STALE,    /* to be revalidated, and served meanwhile */
    FRESHNESS_IMMUTABLE /* what the URL names can never change */
};

struct freshness_input {
    bool is_immutable;    /* freshness_is_addressed(), or the upstream says so */
    int64_t validated_at; /* seconds since the epoch */
    int64_t now;
    int64_t revalidate_s; /* the mirror's setting: an age, MH_REVALIDATE_ALWAYS or _NEVER */
};

/* immutable (RFC 8246) and content-addressed URLs are never asked again; a clock that went back
 * makes nothing stale. The upstream's max-age is not followed: the setting says how often to ask.
 */
enum freshness freshness_of(const struct freshness_input *input);

/* Does the URL name its content: a "/resolve/<40 hex>/" revision, an exact "@1.2.3" package
 * version, a digest of 16 or more hex digits as a query's v=, hash=, h= or rev= ? */
bool freshness_is_addressed(const char *target);

/* A cache-control directive, by name, without regard to case; quoted strings are passed over. */
bool cache_control_has(const char *cache_control, const char *directive);

#endif
