/* SPDX-License-Identifier: Apache-2.0 */
/* Versions: immutable once made, so that any thread reads them without a lock. What can change
 * about a cached object (when it was last validated or used) lives in struct object. The bytes are
 * opened by place and compared with the recorded size and time (store_open_object()), so a version
 * never pairs its ETag with another's bytes. */
#include "version.h"

#include "clocks.h"
#include "freshness.h"
#include "hash.h"
#include "httpdate.h"
#include "mem.h"

void
version_etag(const uint8_t sha256[32], char ret[VERSION_ETAG_SIZE])
{
    ret[0] = '"';
    hex_encode(sha256, 32, ret + 1);
    ret[65] = '"';
    ret[66] = '\0';
}

int64_t
version_modified_at(const char *last_modified)
{
    int64_t at;

    if (!last_modified || !httpdate_parse(last_modified, clock_wall_s(), &at))
        return -1;
    return at;
}

struct version *
version_new(struct meta *meta, char *place)
{
    struct version *version = mem_new(struct version);

    if (!version || !place) {
        meta_done(meta);
        mem_free(place);
        mem_free(version);
        return NULL;
    }
    atomic_init(&version->refs, 1);
    version->meta = *meta;
    *meta = (struct meta){0};
    version->place = place;
    version_etag(version->meta.sha256, version->etag);
    version->is_immutable = cache_control_has(version->meta.cache_control, "immutable") ||
                            freshness_is_addressed(version->meta.target);
    version->modified_at = version_modified_at(version->meta.last_modified);
    return version;
}

struct version *
version_ref(struct version *version)
{
    (void) atomic_fetch_add_explicit(&version->refs, 1, memory_order_relaxed);
    return version;
}

void
version_unref(struct version *version)
{
    if (!version || atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel) != 1)
        return;
    meta_done(&version->meta);
    mem_free(version->place);
    mem_free(version);
}
