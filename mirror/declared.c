/* SPDX-License-Identifier: Apache-2.0 */
/* The hash that an upstream declares for what it sends.
 *
 * Declarations are read from the strongest to the weakest, and the first that can be read in full
 * counts: one that is malformed declares nothing, and must not hide a good one behind it. A digest
 * that a header names outright (RFC 9530, x-goog-hash) is a promise. An ETag is only shaped like
 * one: 64 hex digits are a sha256 at the hosts of models, 32 are an md5 at the buckets, unless a
 * '-' says that it was uploaded in parts. A weak tag promises no bytes at all.
 *
 * Pure; any thread. It refuses to compare: it does not see the bytes. */
#include "declared.h"

#include <string.h>

#define SHA256_BYTES 32
#define MD5_BYTES    16

static void
declare(struct declared *ret, enum hash_kind kind, const uint8_t *digest, const char *source)
{
    ret->is_known = true;
    ret->kind = kind;
    memcpy(ret->digest, digest, hash_bytes(kind));
    ret->source = source;
}

/* The value of `key` in a list "a=1, b=2;p=3": up to the next ',' or ';', without blanks around. */
static const char *
find_item(const char *list, const char *key, size_t *ret_n)
{
    size_t key_length = strlen(key);

    while (*list) {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, ",;");

        if (n > key_length && strncmp(list, key, key_length) == 0 && list[key_length] == '=') {
            n -= key_length + 1;
            list += key_length + 1;
            while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
                n--;
            *ret_n = n;
            return list;
        }
        list += strcspn(list, ",");
    }
    return NULL;
}

static bool
decode_base64(const char *text, size_t n, uint8_t *ret, size_t bytes)
{
    char copy[64];

    if (n >= sizeof(copy))
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return base64_decode(copy, ret, bytes);
}

/* RFC 9530 §2 and §3: a dictionary of byte sequences, "sha-256=:BASE64:". */
static bool
read_digest_field(const char *field, const char *source, struct declared *ret)
{
    uint8_t digest[SHA256_BYTES];
    size_t n = 0;
    const char *value = field ? find_item(field, "sha-256", &n) : NULL;

    if (!value || n < 2 || value[0] != ':' || value[n - 1] != ':')
        return false;
    if (!decode_base64(value + 1, n - 2, digest, sizeof(digest)))
        return false;
    declare(ret, HASH_SHA256, digest, source);
    return true;
}

/* A strong tag that holds exactly as many hex digits as the digest has. */
static bool
read_tag(const char *tag, enum hash_kind kind, const char *source, struct declared *ret)
{
    uint8_t digest[HASH_MAX_BYTES];
    char digits[2 * SHA256_BYTES + 1];
    size_t n = tag ? strlen(tag) : 0;
    size_t wanted = 2 * hash_bytes(kind);

    if (n != wanted + 2 || wanted >= sizeof(digits) || tag[0] != '"' || tag[n - 1] != '"')
        return false;
    memcpy(digits, tag + 1, wanted);
    digits[wanted] = '\0';
    if (!hex_decode(digits, digest, hash_bytes(kind)))
        return false;
    declare(ret, kind, digest, source);
    return true;
}

static bool
read_goog_hash(const char *field, struct declared *ret)
{
    uint8_t digest[MD5_BYTES];
    size_t n = 0;
    const char *value = field ? find_item(field, "md5", &n) : NULL;

    if (!value || !decode_base64(value, n, digest, sizeof(digest)))
        return false;
    declare(ret, HASH_MD5, digest, "x-goog-hash");
    return true;
}

void
declared_read(const struct declared_headers *headers, struct declared *ret)
{
    *ret = (struct declared){.is_known = false};
    if (read_digest_field(headers->repr_digest, "Repr-Digest", ret) ||
        read_digest_field(headers->content_digest, "Content-Digest", ret) ||
        read_tag(headers->x_linked_etag, HASH_SHA256, "X-Linked-Etag", ret) ||
        read_tag(headers->etag, HASH_SHA256, "ETag", ret) ||
        read_goog_hash(headers->x_goog_hash, ret))
        return;
    (void) read_tag(headers->etag, HASH_MD5, "ETag", ret);
}
