/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, by libcurl's own parser, so that what is checked is what is connected to. */
#ifndef MIRROR_URL_H
#define MIRROR_URL_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The parts of an http(s) URL that decisions are made on. */
struct url_parts {
    char scheme[8]; /* "http" or "https" */
    char host[256]; /* lower case; IPv6 without brackets */
    uint16_t port;
    bool has_userinfo;
};

/* Returns OK or BAD_INPUT (not an absolute http or https URL, no host, control bytes, over 8
 * KiB).*/
MUST_USE enum mh_code url_split(const char *url, struct url_parts *ret, struct mh_fault *fault);

/* A mirror's base URL: url_split()'s rules, no query or fragment, ends with '/' (appended to
 * `normal` if it is missing). Appends the normal form. */
MUST_USE enum mh_code url_check_base(const char *url, struct buf *normal, struct mh_fault *fault);

/* Resolve a Location header against the URL that answered (RFC 3986 §5), fragment dropped. Returns
 * OK or BAD_INPUT (not http(s), malformed). *ret is owned by the caller, mem_free(). */
MUST_USE enum mh_code url_resolve(const char *base, const char *location, char **ret,
                                  struct mh_fault *fault);

/* Same scheme, host and port? */
bool url_same_origin(const struct url_parts *a, const struct url_parts *b);

/* The URL without user and password, and with the values of query parameters that look like secrets
 * (names with sig, token, key, secret, password, credential, auth, in any case) replaced by "***".
 * Always fits `size` (cut with "..." at the end). For logs, faults and the API. */
void url_redact(const char *url, char *ret, size_t size);

#endif
