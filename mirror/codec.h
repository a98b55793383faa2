/* SPDX-License-Identifier: Apache-2.0 */
/* Compressors as streams: bytes in, encoded bytes out, in pieces. They know nothing of files or of
 * the mirror. One thread at a time. */
#ifndef MIRROR_CODEC_H
#define MIRROR_CODEC_H

#include "attrs.h"

#include <modelhost/code.h>
#include <modelhost/form.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec; /* opaque */

/* Where what comes out goes: takes n bytes. Its failure is the call's. */
typedef enum mh_code codec_sink(void *arg, const void *bytes, size_t n, struct mh_fault *fault);

/* Can this build make it? */
bool codec_has(enum mh_encoding encoding);
/* What its files' names end in: "br", "zst", "gz". Static string. */
const char *codec_suffix(enum mh_encoding encoding);

/* Begin a stream of `bytes` bytes, by which effort and window are chosen: what it takes stays below
 * 16 MiB of memory. Returns OK, UNSUPPORTED or NOMEM. *ret is owned by the caller, codec_free(). */
MUST_USE enum mh_code codec_new(enum mh_encoding encoding, uint64_t bytes, struct codec **ret,
                                struct mh_fault *fault);
/* Encode what follows; with is_last the stream is ended. Returns OK, the sink's failure, or IO
 * where the library refuses. */
MUST_USE enum mh_code codec_add(struct codec *codec, const void *bytes, size_t n, bool is_last,
                                codec_sink *sink, void *arg, struct mh_fault *fault);
void codec_free(struct codec *codec); /* NULL is accepted */

#endif
