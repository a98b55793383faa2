/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings (RFC 9110 §8.4): what a body is wrapped in, and taking gzip off. */
#ifndef MIRROR_CODING_H
#define MIRROR_CODING_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>

enum coding {
    CODING_IDENTITY,
    CODING_GZIP,
    CODING_OTHER /* br, zstd, deflate, several on top of each other: not taken off here */
};
/* field: the value of Content-Encoding, several lines joined by ", "; NULL: there was none. */
enum coding coding_of(const char *field);

struct gunzip; /* opaque */

/* NULL: no memory. Holds about 40 KiB. */
struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip *gunzip); /* NULL is accepted */
void gunzip_freep(struct gunzip **gunzip);

/* Decode some more.
 *
 * bytes, n  in: what is left of the input, *n > 0; out: what is left of it after this step
 * out       room for `size` decoded bytes, size > 0
 * ret_n     on OK, decoded bytes; may be 0
 *
 * Returns OK, CORRUPT (no gzip, broken, or something follows that is none) or NOMEM. A step that
 * fills `out` may have more to give though *n is 0: call again until less than `size` comes.
 * Members that follow each other are one body (RFC 1952 §2.2). */
MUST_USE enum mh_code gunzip_step(struct gunzip *gunzip, const unsigned char **bytes, size_t *n,
                                  unsigned char *out, size_t size, size_t *ret_n,
                                  struct mh_fault *f);
/* Did the input so far end where a member ends, its checksum and length being right? */
bool gunzip_is_whole(const struct gunzip *gunzip);

#endif
