/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy a request goes through. Decided here and not by libcurl, so that the address guard
 * knows whether a connection leads to the proxy or to the upstream. Pure. */
#ifndef MIRROR_PROXY_H
#define MIRROR_PROXY_H

#include "attrs.h"
#include "url.h"

#include <stdbool.h>

/* What the environment says, as curl(1) reads it: http_proxy in lower case only. NULL: not set. */
struct proxy_env {
    const char *http_proxy;
    const char *https_proxy;
    const char *all_proxy;
    const char *no_proxy;
};

/* The proxy for a URL, borrowed from the arguments; NULL: connect directly. configured: the
 * mirror's own setting, or NULL; it too gives way to no_proxy. "" is no proxy. */
const char *proxy_for(const struct url_parts *url, const char *configured,
                      const struct proxy_env *env);

/* Does a no_proxy list name the host? "*", or names separated by commas or blanks; a name matches
 * itself and what ends in "." and it; a leading dot is passed over. */
bool proxy_is_excepted(const char *no_proxy, const char *host);

#endif
