/* SPDX-License-Identifier: Apache-2.0 */
/* The request target (RFC 9112 §3.2): taken apart, still percent-encoded, and its path decoded
 * once. Pure. */
#ifndef SERVER_TARGET_H
#define SERVER_TARGET_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>

#define TARGET_MAX_BYTES 8192

enum target_verdict {
    TARGET_OK,
    TARGET_ASTERISK, /* "*", which belongs to OPTIONS alone */
    TARGET_EMPTY,
    TARGET_TOO_LONG, /* 414 */
    TARGET_CONTROL,  /* a byte below 0x20, or 0x7F */
    TARGET_SPACE,
    TARGET_FRAGMENT, /* a '#': a client keeps it to itself */
    TARGET_FORM      /* neither a path nor an http(s) URL */
};

/* All borrowed from the raw target, but for an absolute-form target without a path, whose `text`
 * and `path` are a static "/". */
struct target {
    const char *text; /* path and query to the end, NUL-terminated: for mh_view_open() */
    const char *path; /* still encoded; begins with '/' */
    size_t path_n;
    const char *query; /* without the '?'; NULL where there is none */
    size_t query_n;
    const char *host; /* host and port of an absolute-form target, which stand in for the Host field
                         (RFC 9112 §3.2.2); NULL where the target has none */
    size_t host_n;
};

/* Take a raw target apart. *ret is set on TARGET_OK only. */
enum target_verdict target_split(const char *raw, struct target *ret);

/* HTTP status of a verdict: 400 or 414. Not for TARGET_OK and TARGET_ASTERISK. */
unsigned target_status_of(enum target_verdict verdict);
/* What is wrong, as a whole sentence with its cure. Static string. */
const char *target_verdict_text(enum target_verdict verdict);

/* Decode the path, as urlpath_decode() does.
 *
 * decoded  the decoded path is appended; borrowed
 *
 * Returns OK; NOT_FOUND (a dotfile: it is not said whether there is one); BAD_INPUT (answer 400);
 * NOMEM. Unless OK the sentence names the path. */
MUST_USE enum mh_code target_decode(const struct target *target, struct buf *decoded,
                                    struct mh_fault *fault);

#endif
