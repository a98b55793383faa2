/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in URLs, as clients and manifests send them (RFC 3986 §2.1, §3.3). Pure.
 *
 * A path is decoded once. A slash that was escaped (%2F) stays escaped in the decoded form, so that
 * segments are what the sender meant; so do an escaped NUL and backslash, which are refused. */
#ifndef BASE_URLPATH_H
#define BASE_URLPATH_H

#include "attrs.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

enum urlpath_verdict {
    URLPATH_OK,
    URLPATH_BAD_ESCAPE,  /* '%' without two hex digits */
    URLPATH_NUL,         /* %00 */
    URLPATH_BACKSLASH,   /* raw or %5C */
    URLPATH_CONTROL,     /* raw or escaped byte below 0x20, or 0x7F */
    URLPATH_DOT_SEGMENT, /* "." or ".." after decoding, escaped slashes counting as slashes */
    URLPATH_RELATIVE,    /* does not begin with '/' */
    URLPATH_DOTFILE /* a segment begins with '.' and is not ".well-known": fine to decode, not to
                       serve */
};

/* Check and decode a path.
 *
 * path    raw path without query, n bytes; need not be NUL-terminated
 * decoded if not NULL, gets the decoded path appended: every escape decoded but %2F, which becomes
 *         "%2F", and every literal '%' becomes "%25" (so that the result is unambiguous)
 *
 * Returns the first thing that is wrong, DOTFILE last of all. On a verdict other than OK and
 * DOTFILE `decoded` holds a part of the path. */
enum urlpath_verdict urlpath_decode(const char *path, size_t n, struct buf *decoded);

/* A sentence's end for a verdict: "has a broken percent escape". */
const char *urlpath_verdict_text(enum urlpath_verdict verdict);

/* Where the path ends: offset of the first '?' or '#', or the length. */
size_t urlpath_length(const char *target);

/* Append bytes with everything outside unreserved / "/" / sub-delims / ":" / "@" escaped as %XX. */
void urlpath_encode(struct buf *buf, const char *bytes, size_t n);

#endif
