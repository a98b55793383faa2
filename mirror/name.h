/* SPDX-License-Identifier: Apache-2.0 */
/* From a request target to an object's identity, and to the place where its bytes lie. Pure.
 *
 * An object's key is "<mirror>/<name>". The name is the decoded path below the mirror, so that the
 * objects/ tree is the upstream's own layout, with two things kept escaped: a slash that was
 * escaped stays "%2F", and '%' itself is "%25". A query follows as "%3F" and its raw text with '%'
 * and '/' escaped in the same way, less the parameters that the mirror ignores. Decoding gives back
 * the URL.
 *
 * The place is the name, unless no file system could hold it: a component over NAME_MAX_BYTES, an
 * empty component ("a//b", a trailing slash), or a whole over NAME_MAX_TOTAL. Such a name, and one
 * that collides with a directory in objects/ or meta/ (which the store finds out), lives at
 * "%/<sha256 of the URL>". */
#ifndef MIRROR_NAME_H
#define MIRROR_NAME_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_BYTES  240  /* of a component */
#define NAME_MAX_TOTAL  2048 /* of the whole name */
#define NAME_PLACE_SIZE 68   /* "%/" + 64 hex digits + NUL */

/* Decode a target below a mirror.
 *
 * below         raw target after the mirror's path (no leading '/'), with its query; borrowed
 * query_ignore  NULL-terminated parameter names, or NULL
 * name          the name is appended
 *
 * A fragment is cut off; an empty query, also one that is empty once the ignored parameters are
 * gone, is none. Returns OK, BAD_INPUT (urlpath_decode()'s verdicts; an empty path; blanks or
 * control bytes in the query), NOT_FOUND (a dotfile) or NOMEM. */
MUST_USE enum mh_code name_from_target(const char *below, const char *const *query_ignore,
                                       struct buf *name, struct mh_fault *fault);

/* The inverse: append the target (escaped path, '?', query) that a name stands for.
 * name_from_target(name_to_target(n)) == n for every name. */
void name_to_target(const char *name, struct buf *target);

/* Length of the name's path: up to its query ("%3F"), or all of it. */
size_t name_path_length(const char *name);

/* The name as UTF-8 text, for metadata and the journal: bytes that are no UTF-8 are written as %80
 * to %FF, which no name contains. Every string is accepted. */
void name_to_text(const char *name, struct buf *text);
/* The inverse. */
void name_from_text(const char *text, struct buf *name);

/* Can the name be a path in objects/ as it is? */
bool name_is_plain(const char *name);

/* Where a name that is not plain, or collides, lives: "%/<sha256 of url>". */
void name_hashed_place(const char *url, char ret[NAME_PLACE_SIZE]);

/* Join a manifest's path entry to the manifest's own target, as TF.js does: everything up to the
 * last '/' of the path, then the entry, then the manifest's query from its last '?'. (A '/' in a
 * query would move TF.js' prefix; here the path ends at the first '?'.)
 *
 * manifest  the manifest's raw target below the mirror, with its query
 * entry     a path from weightsManifest, unescaped JSON text
 * target    the raw target below the mirror is appended, escaped where a browser would escape
 *
 * Returns OK, or BAD_INPUT with a sentence: an absolute path, "..", a scheme or host, '?', '#',
 * a backslash, control bytes, a dotfile, over 1024 bytes, empty, a '%' that begins no escape. "./x"
 * is allowed and means "x". */
MUST_USE enum mh_code name_join(const char *manifest, const char *entry, struct buf *target,
                                struct mh_fault *fault);

#endif
