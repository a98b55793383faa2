/* SPDX-License-Identifier: Apache-2.0 */
/* One immutable state of an object: its metadata and where its bytes lie. Counted; the index, kept
 * answers and views share it. */
#ifndef MIRROR_VERSION_H
#define MIRROR_VERSION_H

#include "attrs.h"
#include "meta.h"
#include "store.h"

#include <stdatomic.h>
#include <stdint.h>

#define VERSION_ETAG_SIZE 68

struct version {
    atomic_uint refs;
    struct meta meta;
    char *place;
    char etag[VERSION_ETAG_SIZE]; /* strong, quoted */
    int64_t modified_at;          /* Last-Modified, or -1 */
    bool is_immutable;            /* its URL or its upstream says that it never changes */
};

/* Takes what `meta` points to (it is zeroed) and `place`, also when it returns NULL for want of
 * memory. The caller owns one reference. */
struct version *version_new(struct meta *meta, char *place);
struct version *version_ref(struct version *version);
void version_unref(struct version *version); /* NULL is accepted */

/* The ETag of bytes with this sha256. */
void version_etag(const uint8_t sha256[32], char ret[VERSION_ETAG_SIZE]);
/* A Last-Modified header in seconds since the epoch; -1: none, or malformed. */
int64_t version_modified_at(const char *last_modified);

#endif
