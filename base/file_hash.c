/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing a whole file, in blocks that a cache holds.
 *
 * One place for it, because everything that is verified again passes here: a file that was changed
 * from outside, `verify`, and what is carried in and out. It can be stopped between blocks, since a
 * cache may hold more than a stop can wait for. Any thread; it keeps no state. */
#include "file_hash.h"

#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "mem.h"

#include <errno.h>

#define BLOCK_BYTES (256u * 1024)

enum mh_code
file_hash(int fd, bool (*must_stop)(void *arg), void *arg, uint8_t ret_digest[32],
          uint64_t *ret_bytes, struct mh_fault *fault)
{
    scoped(hash_freep) struct hash *hash = hash_new(HASH_SHA256);
    scoped(mem_freep) char *block = mem_calloc(1, BLOCK_BYTES);
    uint64_t at = 0;
    ssize_t n = 1;

    if (!hash || !block)
        return fail(fault, MH_NOMEM, 0, "out of memory for hashing");
    while (n > 0) {
        if (must_stop && must_stop(arg))
            return fail(fault, MH_CANCELLED, 0, "the server is stopping");
        n = fd_pread_full(fd, block, BLOCK_BYTES, at);
        if (n < 0)
            return fail_errno(fault, errno, "cannot read a cached file");
        hash_add(hash, block, (size_t) n);
        at += (uint64_t) n;
    }
    hash_end(hash, ret_digest);
    *ret_bytes = at;
    return MH_OK;
}
