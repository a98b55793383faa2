/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a whole file. */
#ifndef BASE_FILE_HASH_H
#define BASE_FILE_HASH_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stdint.h>

/* Hash a file from its beginning, wherever its offset stands, which is left alone.
 *
 * fd          open for reading; borrowed
 * must_stop   asked with `arg` before every block; true ends it with CANCELLED. NULL: never
 * ret_digest  its sha256
 * ret_bytes   how long it was
 *
 * Returns OK, CANCELLED, IO or NOMEM. Outputs are untouched unless OK. Blocks on the disk. */
MUST_USE enum mh_code file_hash(int fd, bool (*must_stop)(void *arg), void *arg,
                                uint8_t ret_digest[32], uint64_t *ret_bytes,
                                struct mh_fault *fault);

#endif
