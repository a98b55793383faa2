/* SPDX-License-Identifier: Apache-2.0 */
/* Running digests, by GnuTLS (which uses the processor's instructions). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hash_kind { HASH_SHA256, HASH_MD5, HASH_SHA1, HASH_SHA512 };
#define HASH_MAX_BYTES 64

struct hash; /* opaque */

/* Digest length in bytes. */
size_t hash_bytes(enum hash_kind kind);
/* NULL when memory runs out, or the system's policy forbids the kind (MD5 under FIPS). */
struct hash *hash_new(enum hash_kind kind);
void hash_free(struct hash *hash); /* NULL is accepted */
void hash_freep(struct hash **hash);
void hash_add(struct hash *hash, const void *bytes, size_t n);
/* Write the digest of what has been added and begin anew. ret has hash_bytes(kind) bytes. */
void hash_end(struct hash *hash, uint8_t *ret);
void hash_sha256(const void *bytes, size_t n, uint8_t ret[32]);

/* Lower-case hex, NUL-terminated: ret has 2 * n + 1 bytes. */
void hex_encode(const uint8_t *bytes, size_t n, char *ret);
/* Exactly 2 * n hex digits of either case, then the end of the string. */
MUST_USE bool hex_decode(const char *text, uint8_t *ret, size_t n);
/* Standard base64 with padding that decodes to exactly n bytes. */
MUST_USE bool base64_decode(const char *text, uint8_t *ret, size_t n);

#endif
