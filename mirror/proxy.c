/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of a proxy by a mirror's setting and the environment's variables (curl(1),
 * "ENVIRONMENT"). Pure functions of their arguments; the caller reads the environment once, before
 * the threads start. Refuses nothing: a malformed proxy URL fails when libcurl is given it. */
#include "proxy.h"

#include <string.h>
#include <strings.h>

static bool
name_matches(const char *name, size_t n, const char *host)
{
    size_t host_length = strlen(host);

    if (n > 0 && name[0] == '.') {
        name++;
        n--;
    }
    if (n == 0 || n > host_length)
        return false;
    const char *tail = host + host_length - n;

    if (strncasecmp(tail, name, n) != 0)
        return false;
    return tail == host || tail[-1] == '.';
}

bool
proxy_is_excepted(const char *no_proxy, const char *host)
{
    if (!no_proxy)
        return false;
    while (*no_proxy) {
        no_proxy += strspn(no_proxy, ", \t");
        size_t n = strcspn(no_proxy, ", \t");

        if (n == 1 && *no_proxy == '*')
            return true;
        if (name_matches(no_proxy, n, host))
            return true;
        no_proxy += n;
    }
    return false;
}

const char *
proxy_for(const struct url_parts *url, const char *configured, const struct proxy_env *env)
{
    const char *proxy = configured;

    if (!proxy || !*proxy)
        proxy = strcmp(url->scheme, "https") == 0 ? env->https_proxy : env->http_proxy;
    if (!proxy || !*proxy)
        proxy = env->all_proxy;
    if (!proxy || !*proxy || proxy_is_excepted(env->no_proxy, url->host))
        return NULL;
    return proxy;
}
