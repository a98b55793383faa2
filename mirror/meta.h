/* SPDX-License-Identifier: Apache-2.0 */
/* An object's metadata, as it stands in meta/<mirror>/<place>.json, and its text form. Pure. */
#ifndef MIRROR_META_H
#define MIRROR_META_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part that a manifest names, kept in the manifest's metadata so that a start need not parse it.
 */
struct meta_part {
    char *name;   /* the part's name in the same mirror (name.h) */
    char *target; /* its raw target below the mirror */
    uint32_t group;
};

struct meta {
    char *name;   /* of the object in its mirror; meta of another name at this place is not its */
    char *target; /* raw target below the mirror, query included: what is asked upstream */
    char *url;    /* the upstream URL it came from, redacted */
    uint64_t bytes;
    int64_t mtime_ns; /* of the file in objects/, when it was published */
    uint8_t sha256[32];
    char *etag;          /* the upstream's validators; NULL where there were none */
    char *last_modified; /* its text */
    char *generation;    /* x-goog-generation */
    char *content_type;
    char *cache_control;
    int64_t fetched_at;   /* seconds since the epoch */
    int64_t validated_at; /* when the upstream last vouched for it */
    int64_t vouched_at;   /* the same by the upstream's own clock (Date); 0: it did not say */
    int64_t used_at;      /* last use as of the last time this was written */
    bool is_pinned;
    /* Manifests only: */
    char *format; /* "tfjs", or NULL: not a manifest */
    struct meta_part *parts;
    size_t part_count;
    uint64_t *group_bytes; /* or UINT64_MAX: unknown */
    size_t group_count;
};

void meta_done(struct meta *meta); /* frees what it points to and zeroes it */
/* A deep copy. OK or NOMEM; *ret is untouched on failure. */
MUST_USE enum mh_code meta_copy(const struct meta *meta, struct meta *ret);
/* Append the JSON text. The buffer's flag tells of failure. */
void meta_write(const struct meta *meta, struct buf *buf);
/* Read the JSON text. OK, CORRUPT (what is missing or wrong) or NOMEM. */
MUST_USE enum mh_code meta_read(const char *text, size_t n, struct meta *ret,
                                struct mh_fault *fault);

#endif
