/* SPDX-License-Identifier: Apache-2.0 */
/* Places of hosts.
 *
 * Browsers judge the address that a name led to; here there is only the name, so that a public name
 * for a private address is taken for public. Names of a local network are those that no public name
 * server answers for: without a dot, or under the suffixes that are set aside for it (RFC 6762,
 * RFC 8375, and .internal).
 *
 * Pure; any thread. */
#include "place.h"

#include "mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_SIZE 256

/* The host, without brackets and port. Returns whether there is one that fits. */
static bool
host_of(const char *url, char ret[HOST_SIZE])
{
    const char *host = strstr(url, "://");
    size_t n;

    if (host == NULL)
        return false;
    host += 3;
    if (host[0] == '[')
        n = strcspn(++host, "]");
    else
        n = strcspn(host, ":/?#");
    if (n == 0 || n >= HOST_SIZE)
        return false;
    memcpy(ret, host, n);
    ret[n] = '\0';
    return true;
}

static enum place
place_of_four(uint32_t address)
{
    static const struct {
        uint32_t first;
        unsigned bits;
        enum place place;
    } rows[] = {
        {0x7f000000, 8, PLACE_HERE},   {0x0a000000, 8, PLACE_LOCAL},  {0xac100000, 12, PLACE_LOCAL},
        {0xc0a80000, 16, PLACE_LOCAL}, {0xa9fe0000, 16, PLACE_LOCAL}, {0x64400000, 10, PLACE_LOCAL},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (address >> (32 - rows[i].bits) == rows[i].first >> (32 - rows[i].bits))
            return rows[i].place;
    }
    return PLACE_PUBLIC;
}

static enum place
place_of_six(const struct in6_addr *address)
{
    const uint8_t *bytes = address->s6_addr;

    if (IN6_IS_ADDR_LOOPBACK(address))
        return PLACE_HERE;
    if (IN6_IS_ADDR_V4MAPPED(address))
        return place_of_four((uint32_t) bytes[12] << 24 | (uint32_t) bytes[13] << 16 |
                             (uint32_t) bytes[14] << 8 | bytes[15]);
    return (bytes[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(address) ? PLACE_LOCAL : PLACE_PUBLIC;
}

static bool
ends_with(const char *host, const char *suffix)
{
    const size_t n = strlen(host), suffix_n = strlen(suffix);

    return n >= suffix_n && strcasecmp(host + n - suffix_n, suffix) == 0;
}

static enum place
place_of_name(const char *name)
{
    static const char *const local[] = {".local", ".home.arpa", ".internal", ".lan"};

    if (strcasecmp(name, "localhost") == 0 || ends_with(name, ".localhost"))
        return PLACE_HERE;
    for (size_t i = 0; i < COUNT_OF(local); i++) {
        if (ends_with(name, local[i]))
            return PLACE_LOCAL;
    }
    return strchr(name, '.') == NULL ? PLACE_LOCAL : PLACE_PUBLIC;
}

enum place
place_of_url(const char *url)
{
    char host[HOST_SIZE];
    struct in_addr four;
    struct in6_addr six;

    if (!host_of(url, host))
        return PLACE_PUBLIC;
    if (inet_pton(AF_INET, host, &four) == 1)
        return place_of_four(ntohl(four.s_addr));
    if (inet_pton(AF_INET6, host, &six) == 1)
        return place_of_six(&six);
    return place_of_name(host);
}
