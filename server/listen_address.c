/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on, as people write them.
 *
 * An address is numeric, a star, localhost, or a unix socket's path. Without an address it is
 * loopback: a server that fetches from the network on request is not opened to the network by
 * leaving something out. Addresses are kept in their canonical form, so that two spellings of one
 * address give one text.
 *
 * Refused: names other than localhost, which could resolve to anything later; URLs; zones; a path
 * longer than the kernel's sun_path. Every refusal says what to write instead.
 *
 * Pure: any thread, no state, no allocation; nothing is resolved or opened. */
#include "listen_address.h"

#include "fault.h"
#include "units.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

_Static_assert(LISTEN_PATH_SIZE == sizeof(((struct sockaddr_un *) NULL)->sun_path),
               "a path that fits must fit sun_path");

#define LOOPBACK "127.0.0.1"
static const char unix_prefix[] = "unix:";

enum mh_code
listen_port_parse(const char *text, uint16_t *ret, struct mh_fault *fault)
{
    uint64_t port;

    if (!uint_parse(text, UINT16_MAX, &port))
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is no port: write a number from 1 to 65535, or 0 for any free one", text);
    *ret = (uint16_t) port;
    return MH_OK;
}

static enum mh_code
parse_unix(const char *text, struct listen_address *ret, struct mh_fault *fault)
{
    const char *path = text + sizeof(unix_prefix) - 1;
    const size_t n = strlen(path);

    if (path[0] != '/' || path[1] == '\0')
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' does not name a socket by an absolute path: write unix:/path", text);
    if (n >= LISTEN_PATH_SIZE)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the socket path '%s' has %zu bytes, and the kernel takes %d: choose a shorter "
                    "one",
                    path, n, LISTEN_PATH_SIZE - 1);
    *ret = (struct listen_address){.kind = LISTEN_UNIX};
    memcpy(ret->path, path, n + 1);
    return MH_OK;
}

/* The canonical form of a numeric address. */
static bool
set_host(struct listen_address *address, const char *host)
{
    const int family = address->kind == LISTEN_IPV4 ? AF_INET : AF_INET6;
    struct in6_addr binary; /* room for either */

    return inet_pton(family, host, &binary) == 1 &&
           inet_ntop(family, &binary, address->host, sizeof(address->host)) != NULL;
}

/* The host part of n bytes; brackets are part of it. false: it is no address that we take. */
static bool
parse_host(const char *text, size_t n, struct listen_address *ret)
{
    char host[INET6_ADDRSTRLEN] = {0};
    const bool is_bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';

    if (is_bracketed) {
        text++;
        n -= 2;
    }
    if (n >= sizeof(host))
        return false;
    memcpy(host, text, n);
    ret->is_every = !is_bracketed && strcmp(host, "*") == 0;
    ret->kind = is_bracketed || ret->is_every ? LISTEN_IPV6 : LISTEN_IPV4;
    if (ret->is_every)
        return set_host(ret, "::");
    if (!is_bracketed && (n == 0 || strcasecmp(host, "localhost") == 0))
        return set_host(ret, LOOPBACK);
    return set_host(ret, host);
}

static bool
is_bare_ipv6(const char *text)
{
    struct in6_addr binary;

    return inet_pton(AF_INET6, text, &binary) == 1;
}

/* Is the text an address that only lacks its port? */
static bool
is_host_alone(const char *text)
{
    struct listen_address address;

    return text[0] != '\0' && parse_host(text, strlen(text), &address);
}

/* Say what was meant by something that is no address. */
static enum mh_code
refuse(const char *text, struct mh_fault *fault)
{
    if (strstr(text, "://") != NULL)
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is a URL: write an address and a port, as 127.0.0.1:8080", text);
    if (is_bare_ipv6(text))
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' lacks brackets: write an IPv6 address and its port as [::1]:8080", text);
    if (is_host_alone(text))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' has no port: write %s:8080", text, text);
    if (text[0] == '/')
        return fail(fault, MH_BAD_INPUT, 0, "'%s' looks like a socket's path: write unix:%s", text,
                    text);
    if (strchr(text, '%') != NULL)
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' names a zone, which is not supported: write [::]:8080 for all", text);
    return fail(fault, MH_BAD_INPUT, 0,
                "'%s' is no address to listen on: write 127.0.0.1:8080, [::1]:8080, *:8080 for "
                "every address, or unix:/path",
                text);
}

enum mh_code
listen_address_parse(const char *text, struct listen_address *ret, struct mh_fault *fault)
{
    struct listen_address address = {0};
    const char *colon = strrchr(text, ':');
    const char *port = colon != NULL ? colon + 1 : text;
    const size_t host_n = colon != NULL ? (size_t) (colon - text) : 0;
    enum mh_code code;

    if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0)
        return parse_unix(text, ret, fault);
    /* Without a colon it is a port, or it is nothing. */
    if (colon == NULL && (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0'))
        return refuse(text, fault);
    if (!parse_host(text, host_n, &address))
        return refuse(text, fault);
    code = listen_port_parse(port, &address.port, fault);
    if (code != MH_OK) {
        fault_prepend(fault, "'%s'", text);
        return code;
    }
    *ret = address;
    return MH_OK;
}

void
listen_address_set_port(struct listen_address *address, uint16_t port)
{
    if (address->kind != LISTEN_UNIX)
        address->port = port;
}

bool
listen_address_is_loopback(const struct listen_address *address)
{
    switch (address->kind) {
    case LISTEN_UNIX:
        return true;
    case LISTEN_IPV4:
        return strncmp(address->host, "127.", 4) == 0;
    case LISTEN_IPV6:
        return strcmp(address->host, "::1") == 0;
    }
    return false;
}

/* The longest texts fit: a bracketed address with scheme, port and slash has less than 80 bytes, a
 * path with its prefix 112. An empty scheme writes the address alone. */
static const char *
format(const struct listen_address *address, const char *scheme, char ret[LISTEN_TEXT_SIZE])
{
    const bool is_ipv6 = address->kind == LISTEN_IPV6;
    const bool is_url = scheme[0] != '\0';

    if (address->kind == LISTEN_UNIX)
        (void) snprintf(ret, LISTEN_TEXT_SIZE, "%s%s", unix_prefix, address->path);
    else
        (void) snprintf(ret, LISTEN_TEXT_SIZE, "%.16s%s%s%s%s:%u%s", scheme, is_url ? "://" : "",
                        is_ipv6 ? "[" : "", address->host, is_ipv6 ? "]" : "",
                        (unsigned) address->port, is_url ? "/" : "");
    return ret;
}

const char *
listen_address_text(const struct listen_address *address, char ret[LISTEN_TEXT_SIZE])
{
    if (!address->is_every)
        return format(address, "", ret);
    (void) snprintf(ret, LISTEN_TEXT_SIZE, "*:%u", (unsigned) address->port);
    return ret;
}

const char *
listen_address_url(const struct listen_address *address, const char *scheme,
                   char ret[LISTEN_TEXT_SIZE])
{
    return format(address, scheme, ret);
}

socklen_t
listen_address_sockaddr(const struct listen_address *address, struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    *ret = (struct sockaddr_storage){0};
    switch (address->kind) {
    case LISTEN_IPV4:
        (void) inet_pton(AF_INET, address->host, &v4.sin_addr); /* parsed before */
        memcpy(ret, &v4, sizeof(v4));
        return sizeof(v4);
    case LISTEN_IPV6:
        (void) inet_pton(AF_INET6, address->host, &v6.sin6_addr); /* parsed before */
        memcpy(ret, &v6, sizeof(v6));
        return sizeof(v6);
    case LISTEN_UNIX:
        memcpy(local.sun_path, address->path, sizeof(local.sun_path));
        memcpy(ret, &local, sizeof(local));
        return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(address->path) + 1);
    }
    return 0;
}
