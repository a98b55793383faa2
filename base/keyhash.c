/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3 (Aumasson and Bernstein, https://www.aumasson.jp/siphash/siphash.pdf), the variant
 * with one round per word and three at the end, as hash tables use it.
 *
 * It takes its input in pieces, because the JSON scanner meets a key's bytes one by one when the
 * text arrives so. The key is drawn once per process from the kernel; where the kernel cannot give
 * it, an address and a clock stand in: weaker, and still no reason to refuse to start. The values
 * mean nothing outside the process. Any thread. */
#include "keyhash.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void
draw_process_key(void)
{
    if (getrandom(process_key, sizeof(process_key), GRND_NONBLOCK) == (ssize_t) sizeof(process_key))
        return;

    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    process_key[0] = (uint64_t) now.tv_nsec * 0x9E3779B97F4A7C15u;
    process_key[1] = (uint64_t) (uintptr_t) &now ^ (uint64_t) now.tv_sec;
}

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void
round_once(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void
take_word(struct keyhash *hash, uint64_t word)
{
    hash->v[3] ^= word;
    round_once(hash->v);
    hash->v[0] ^= word;
}

void
keyhash_begin_with(struct keyhash *hash, uint64_t key0, uint64_t key1)
{
    *hash = (struct keyhash){
        .v = {key0 ^ 0x736F6D6570736575u, key1 ^ 0x646F72616E646F6Du, key0 ^ 0x6C7967656E657261u,
              key1 ^ 0x7465646279746573u},
    };
}

void
keyhash_begin(struct keyhash *hash)
{
    pthread_once(&process_key_once, draw_process_key);
    keyhash_begin_with(hash, process_key[0], process_key[1]);
}

/* Eight bytes, lowest first, whatever the machine's order. */
static inline uint64_t
read_word(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void
take_byte(struct keyhash *hash, uint8_t byte)
{
    hash->tail |= (uint64_t) byte << (8 * (hash->count & 7));
    if ((++hash->count & 7) == 0) {
        take_word(hash, hash->tail);
        hash->tail = 0;
    }
}

void
keyhash_add(struct keyhash *hash, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    for (; n > 0 && (hash->count & 7) != 0; n--)
        take_byte(hash, *p++);
    for (; n >= 8; n -= 8, p += 8, hash->count += 8)
        take_word(hash, read_word(p));
    for (; n > 0; n--)
        take_byte(hash, *p++);
}

uint64_t
keyhash_end(struct keyhash *hash)
{
    uint64_t *v = hash->v;

    take_word(hash, hash->tail | hash->count << 56);
    v[2] ^= 0xFF;
    round_once(v);
    round_once(v);
    round_once(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
keyhash_of(const void *bytes, size_t n)
{
    struct keyhash hash;

    keyhash_begin(&hash);
    keyhash_add(&hash, bytes, n);
    return keyhash_end(&hash);
}
