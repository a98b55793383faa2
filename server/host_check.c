/* SPDX-License-Identifier: Apache-2.0 */
/* Who may act through /-/api/.
 *
 * Two attacks are met here. A foreign page may send requests to us through the user's browser: its
 * Origin is not the Host it asks, and "null" is what sandboxed frames and files send. And a foreign
 * name may be made to resolve to our address (DNS rebinding), so that page and request have one
 * origin: then the Host is a name that we do not answer to.
 *
 * A Host or an Origin that does not parse is foreign. Addresses are compared as numbers, so that
 * "[0:0::1]" is "[::1]"; the octal and short forms that inet_aton() takes are refused.
 *
 * Pure: any thread, no state; nothing is resolved. */
#include "host_check.h"

#include "units.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 255

/* uri-host [ ":" port ], taken apart. */
struct authority {
    char name[NAME_MAX_BYTES + 1]; /* without brackets and without a last dot */
    bool is_bracketed;
    uint64_t port; /* 0: none is said */
};

/* Copy a name of n bytes. false: it is empty, too long, or holds what no name holds. */
static bool
read_name(const char *text, size_t n, struct authority *ret)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    if (!ret->is_bracketed && n > 0 && text[n - 1] == '.')
        n--; /* the root of the DNS, which may be spelled out */
    if (n == 0 || n > NAME_MAX_BYTES)
        return false;
    memcpy(ret->name, text, n);
    ret->name[n] = '\0';
    return ret->is_bracketed || strspn(ret->name, letters) == n;
}

/* ":8080", or nothing. */
static bool
read_port(const char *text, uint64_t *ret)
{
    if (text[0] == '\0')
        return true;
    /* A colon without a port means the scheme's own (RFC 3986 §3.2.3). */
    return text[0] == ':' && (text[1] == '\0' || uint_parse(text + 1, UINT16_MAX, ret));
}

static bool
read_authority(const char *text, struct authority *ret)
{
    struct authority authority = {.is_bracketed = text[0] == '['};
    const char *begin = authority.is_bracketed ? text + 1 : text;
    const char *end = begin + strcspn(begin, authority.is_bracketed ? "]" : ":");

    if (authority.is_bracketed && *end == '\0')
        return false;
    if (!read_name(begin, (size_t) (end - begin), &authority))
        return false;
    if (!read_port(authority.is_bracketed ? end + 1 : end, &authority.port))
        return false;
    *ret = authority;
    return true;
}

/* --- addresses --- */

static bool
is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* An address in the one form in which all are compared: IPv6, IPv4 mapped into it, as a dual-stack
 * socket tells of its connections. */
static bool
read_address(const char *text, struct in6_addr *ret)
{
    struct in6_addr v6 = {.s6_addr = {[10] = 0xFF, [11] = 0xFF}};
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1)
        memcpy(&v6.s6_addr[12], &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, text, &v6) != 1)
        return false;
    *ret = v6;
    return true;
}

static bool
is_same_address(const char *a, const char *b)
{
    struct in6_addr x, y;

    return read_address(a, &x) && read_address(b, &y) && memcmp(&x, &y, sizeof(x)) == 0;
}

/* --- the rules --- */

static bool
is_localhost(const char *name)
{
    static const char localhost[] = "localhost";
    const size_t n = strlen(name);
    const size_t wanted = sizeof(localhost) - 1;

    if (n < wanted || strcasecmp(name + n - wanted, localhost) != 0)
        return false;
    return n == wanted || name[n - wanted - 1] == '.';
}

static bool
is_configured(const struct authority *authority, const char *const *names)
{
    struct authority ours;

    for (; names != NULL && *names != NULL; names++) {
        if (is_same_address(authority->name, *names))
            return true;
        if (read_authority(*names, &ours) && (strcasecmp(ours.name, authority->name) == 0 ||
                                              is_same_address(ours.name, authority->name)))
            return true;
    }
    return false;
}

bool
host_is_ours(const char *host, const char *address, const char *const *names)
{
    struct authority authority;
    struct in6_addr v6;

    if (!read_authority(host, &authority))
        return false;
    if (authority.is_bracketed && inet_pton(AF_INET6, authority.name, &v6) != 1)
        return false;
    return is_localhost(authority.name) || is_loopback(authority.name) ||
           (address != NULL && is_same_address(authority.name, address)) ||
           is_configured(&authority, names);
}

/* Past the scheme, with the port that goes without saying; NULL: another scheme, or "null". */
static const char *
after_scheme(const char *origin, uint64_t *ret_port)
{
    static const struct {
        const char *text;
        uint64_t port;
    } schemes[] = {{"http://", 80}, {"https://", 443}};

    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        const size_t n = strlen(schemes[i].text);

        if (strncasecmp(origin, schemes[i].text, n) == 0) {
            *ret_port = schemes[i].port;
            return origin + n;
        }
    }
    return NULL;
}

bool
origin_is_host(const char *origin, const char *host)
{
    uint64_t usual_port = 0;
    const char *text = after_scheme(origin, &usual_port);
    struct authority theirs, ours;

    if (text == NULL || !read_authority(text, &theirs) || !read_authority(host, &ours))
        return false;
    /* Whether we are behind a TLS proxy is not known here: the Host's usual port follows from the
     * Origin's scheme. */
    if ((theirs.port != 0 ? theirs.port : usual_port) != (ours.port != 0 ? ours.port : usual_port))
        return false;
    return strcasecmp(theirs.name, ours.name) == 0 && theirs.is_bracketed == ours.is_bracketed;
}

enum host_verdict
host_check(const struct host_request *request)
{
    const char *host = request->host;

    if (host != NULL && !host_is_ours(host, request->address, request->names))
        return HOST_FOREIGN;
    if (request->origin == NULL)
        return HOST_OK;
    return host != NULL && origin_is_host(request->origin, host) ? HOST_OK : HOST_ORIGIN_FOREIGN;
}

const char *
host_verdict_text(enum host_verdict verdict)
{
    static const char *const texts[] = {
        [HOST_OK] = "The Host and the Origin are ours.",
        [HOST_FOREIGN] = "The Host field does not name this server; if the name is meant, add it "
                         "to hosts = in the section [server].",
        [HOST_ORIGIN_FOREIGN] = "The Origin field names another page than this server's own; only "
                                "its own pages may use this.",
    };

    return texts[verdict];
}
