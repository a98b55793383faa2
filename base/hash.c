/* SPDX-License-Identifier: Apache-2.0 */
/* Running digests, by GnuTLS, which uses the processor's instructions; hex and base64 beside them,
 * because digests come and go in them.
 *
 * A digest that cannot be computed must never look like one that was: where GnuTLS refuses a kind
 * (MD5 in FIPS mode) hash_new() gives NULL, and where it fails later, which it does only when it is
 * broken, the program ends. Decoding is exact: the length, the padding and the unused bits must be
 * right.
 *
 * A running digest belongs to one thread at a time. */
#include "hash.h"

#include "mem.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    gnutls_digest_algorithm_t algorithm;
    size_t bytes;
} kinds[] = {
    [HASH_SHA256] = {GNUTLS_DIG_SHA256, 32},
    [HASH_MD5] = {GNUTLS_DIG_MD5, 16},
    [HASH_SHA1] = {GNUTLS_DIG_SHA1, 20},
    [HASH_SHA512] = {GNUTLS_DIG_SHA512, 64},
};

struct hash {
    gnutls_hash_hd_t handle;
};

size_t
hash_bytes(enum hash_kind kind)
{
    return kinds[kind].bytes;
}

struct hash *
hash_new(enum hash_kind kind)
{
    struct hash *hash = mem_new(struct hash);

    if (hash != NULL && gnutls_hash_init(&hash->handle, kinds[kind].algorithm) < 0) {
        mem_free(hash);
        return NULL;
    }
    return hash;
}

void
hash_free(struct hash *hash)
{
    if (hash == NULL)
        return;
    gnutls_hash_deinit(hash->handle, NULL);
    mem_free(hash);
}

void
hash_freep(struct hash **hash)
{
    hash_free(*hash);
}

void
hash_add(struct hash *hash, const void *bytes, size_t n)
{
    if (n > 0 && gnutls_hash(hash->handle, bytes, n) < 0)
        abort();
}

void
hash_end(struct hash *hash, uint8_t *ret)
{
    gnutls_hash_output(hash->handle, ret); /* also resets */
}

void
hash_sha256(const void *bytes, size_t n, uint8_t ret[32])
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, n > 0 ? bytes : "", n, ret) < 0)
        abort();
}

void
hex_encode(const uint8_t *bytes, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *ret++ = digits[bytes[i] >> 4];
        *ret++ = digits[bytes[i] & 15];
    }
    *ret = '\0';
}

/* The place of a character in an alphabet, or -1. */
static int
digit_value(const char *alphabet, char c)
{
    const char *found = c == '\0' ? NULL : strchr(alphabet, c);

    return found == NULL ? -1 : (int) (found - alphabet);
}

static int
hex_value(char c)
{
    int value = digit_value("0123456789abcdefABCDEF", c);

    return value < 16 ? value : value - 6;
}

bool
hex_decode(const char *text, uint8_t *ret, size_t n)
{
    if (strlen(text) != 2 * n)
        return false;
    for (size_t i = 0; i < 2 * n; i++)
        if (hex_value(text[i]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t) ((unsigned) hex_value(text[2 * i]) << 4 |
                            (unsigned) hex_value(text[2 * i + 1]));
    return true;
}

static int
base64_value(char c)
{
    return digit_value("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", c);
}

/* Characters before the padding, if the length, the alphabet, the padding and the bits that the
 * last character leaves over are those of n bytes; otherwise false. */
static bool
base64_is_of(const char *text, size_t n, size_t *ret_digits)
{
    size_t length = (n + 2) / 3 * 4;
    size_t padding = (3 - n % 3) % 3;

    if (n > SIZE_MAX / 2 || strlen(text) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (i < length - padding ? base64_value(text[i]) < 0 : text[i] != '=')
            return false;
    *ret_digits = length - padding;

    int unused = padding == 2 ? 15 : padding == 1 ? 3 : 0;

    return unused == 0 || (base64_value(text[*ret_digits - 1]) & unused) == 0;
}

bool
base64_decode(const char *text, uint8_t *ret, size_t n)
{
    size_t digits;
    uint32_t bits = 0;
    unsigned held = 0;

    if (!base64_is_of(text, n, &digits))
        return false;
    for (size_t i = 0; i < digits; i++) {
        bits = bits << 6 | (uint32_t) base64_value(text[i]);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *ret++ = (uint8_t) (bits >> held);
        }
    }
    return true;
}
