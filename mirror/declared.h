/* SPDX-License-Identifier: Apache-2.0 */
/* The hash that an upstream declares for what it sends, from its headers. Pure. */
#ifndef MIRROR_DECLARED_H
#define MIRROR_DECLARED_H

#include "attrs.h"
#include "hash.h"

#include <stdbool.h>
#include <stdint.h>

struct declared {
    bool is_known;
    enum hash_kind kind; /* HASH_SHA256 or HASH_MD5 */
    uint8_t digest[HASH_MAX_BYTES];
    const char *source; /* static: "x-goog-hash", "ETag" ... */
};

/* Headers of a final 200 or 206 answer; each value may be NULL. The strongest declaration wins:
 * Repr-Digest, Content-Digest (only of a 200) and X-Linked-Etag sha256, then an ETag that is 64 hex
 * digits, then x-goog-hash md5, then an ETag that is 32 hex digits without '-' (strong ones only;
 * an S3 multipart tag has a '-'). A malformed header declares nothing. */
struct declared_headers {
    const char *repr_digest;
    const char *content_digest;
    const char *x_linked_etag;
    const char *etag;
    const char *x_goog_hash; /* several lines joined by ", " */
};
void declared_read(const struct declared_headers *headers, struct declared *ret);

#endif
