/* SPDX-License-Identifier: Apache-2.0 */
/* Under which origin a client reached us.
 *
 * What a page is told to paste, and where the client script leads requests, must be the address
 * that works for whoever asked: the name and port of the request, and not what we listen on, which
 * a proxy, a container or a name in front may hide. Only what can be a host and a port is taken.
 *
 * HTTP threads; nothing waits. */
#include "own_origin.h"

#include "mem.h"

#include <string.h>

/* The host that the client asked, as far as it can be one: a name or address, and a port. */
static size_t
host_of(struct request *rq, const char **ret_host)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";
    const char *host = rq->target.host;
    size_t n = rq->target.host_n;

    if (host == NULL) {
        host = request_field(rq, "Host");
        n = host != NULL ? strlen(host) : 0;
    }
    *ret_host = host;
    return n > 0 && strspn(host, letters) >= n ? n : 0;
}

/* A proxy in front that speaks TLS says so; nobody else's word for it is needed, since whoever
 * sends the field gets the answer. */
static bool
is_secure(struct request *rq)
{
    const char *forwarded = request_field(rq, "X-Forwarded-Proto");

    return rq->listener->is_tls || (forwarded != NULL && strcmp(forwarded, "https") == 0);
}

char *
own_origin(struct request *rq)
{
    const char *scheme = is_secure(rq) ? "https" : "http";
    const char *host;
    const size_t n = host_of(rq, &host);

    return n > 0 ? str_printf("%s://%.*s", scheme, (int) n, host) : str_dup("");
}
