/* SPDX-License-Identifier: Apache-2.0 */
/* Range requests (RFC 9110 §14) against a known length, and what a 206 and a 416 carry. Pure. */
#ifndef SERVER_RANGE_H
#define SERVER_RANGE_H

#include "attrs.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field that lists more ranges than this is ignored: the whole answers any Range (§14.2). */
#define RANGE_MAX_SPANS 64

/* Bytes first .. first + bytes - 1; never empty, never beyond the length. */
struct range_span {
    uint64_t first;
    uint64_t bytes;
};

/* Spans that neither overlap nor touch, in the order in which the client named them; those that did
 * are one span, at the place of the earliest. */
struct range_set {
    size_t count;
    struct range_span spans[RANGE_MAX_SPANS];
};

enum range_verdict {
    RANGE_WHOLE,        /* 200: no field, another unit, malformed, too many, or a file of 0 bytes */
    RANGE_PARTIAL,      /* 206: one span or more */
    RANGE_UNSATISFIABLE /* 416: none of the ranges lies within */
};

/* Judge a Range field.
 *
 * field   its value, or NULL where there is none; whether it may be honoured at all is
 *         conditional_judge()'s to say
 * length  of the selected representation in bytes; must be known
 * ret     set on RANGE_PARTIAL only
 *
 * A file of 0 bytes is always answered whole: no Content-Range can name a part of it, and clients
 * that put a Range on everything want the empty file, not a 416. */
enum range_verdict range_parse(const char *field, uint64_t length, struct range_set *ret);

/* --- Content-Range --- */

#define RANGE_TEXT_SIZE 72

/* "bytes 0-9/100", for one span, and for each part of several. Returns ret. */
const char *range_content_range(const struct range_span *span, uint64_t length,
                                char ret[RANGE_TEXT_SIZE]);
/* Of a 416: an asterisk, a slash and the length. Returns ret. */
const char *range_unsatisfied(uint64_t length, char ret[RANGE_TEXT_SIZE]);

/* --- multipart/byteranges (§14.6): for a set of two spans or more --- */

#define RANGE_BOUNDARY_MAX 70 /* RFC 2046 §5.1.1 */

/* How the parts of one answer are written. Texts are borrowed. */
struct range_parts {
    const char *boundary;     /* 1 to RANGE_BOUNDARY_MAX letters and digits */
    const char *content_type; /* of the whole, e.g. "application/octet-stream" */
    uint64_t length;          /* of the whole, in bytes */
};

/* Append what goes before the bytes of span `index`: delimiter, fields, empty line. */
void range_part_head(const struct range_parts *parts, const struct range_set *set, size_t index,
                     struct buf *out);
/* Append what goes after the last span's bytes. */
void range_parts_end(const struct range_parts *parts, struct buf *out);
/* Content-Length of the answer: what the functions above write and the spans' bytes, to the byte.
 * false: it does not fit 64 bits. */
MUST_USE bool range_parts_bytes(const struct range_parts *parts, const struct range_set *set,
                                uint64_t *ret_bytes);
/* Append the answer's Content-Type: "multipart/byteranges; boundary=...". */
void range_parts_type(const struct range_parts *parts, struct buf *out);

#endif
