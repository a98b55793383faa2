/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses may be connected to: the guard against an upstream, or a redirect, that leads
 * into the machine's own network.
 *
 * The tables are IANA's special-purpose registries, read strictly: whatever is not plainly a public
 * unicast address counts as private. For IPv6 that is said the other way round: only 2000::/3 is
 * given out, less what the table takes away. An address that carries an IPv4 address (mapped,
 * NAT64, 6to4, Teredo) is judged by the one it carries; NAT64 itself must pass, or networks without
 * IPv4 could reach no upstream.
 *
 * Judged is the address that is connected to, not a name, so a name that resolves differently the
 * second time gains nothing.
 *
 * Pure; any thread. It refuses to resolve names. */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct range4 {
    uint32_t first;
    unsigned bits;
};

static const struct range4 private4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8       "this network" (RFC 791) */
    {0x0A000000, 8},  /* 10.0.0.0/8      private (RFC 1918) */
    {0x64400000, 10}, /* 100.64.0.0/10   shared (RFC 6598) */
    {0x7F000000, 8},  /* 127.0.0.0/8     loopback */
    {0xA9FE0000, 16}, /* 169.254.0.0/16  link-local; clouds keep credentials at 169.254.169.254 */
    {0xAC100000, 12}, /* 172.16.0.0/12   private (RFC 1918) */
    {0xC0000000, 24}, /* 192.0.0.0/24    protocol assignments (RFC 6890) */
    {0xC0000200, 24}, /* 192.0.2.0/24    documentation (RFC 5737) */
    {0xC0586300, 24}, /* 192.88.99.0/24  6to4 relays, withdrawn (RFC 7526) */
    {0xC0A80000, 16}, /* 192.168.0.0/16  private (RFC 1918) */
    {0xC6120000, 15}, /* 198.18.0.0/15   benchmarking (RFC 2544) */
    {0xC6336400, 24}, /* 198.51.100.0/24 documentation */
    {0xCB007100, 24}, /* 203.0.113.0/24  documentation */
    {0xE0000000, 4},  /* 224.0.0.0/4     multicast */
    {0xF0000000, 4},  /* 240.0.0.0/4     reserved, and broadcast */
};

struct range6 {
    uint8_t first[16];
    unsigned bits;
};

static const struct range6 unicast6 = {{0x20}, 3};
static const struct range6 private6[] = {
    {{0x20, 0x01}, 23}, /* 2001::/23      protocol assignments; Teredo is taken out before */
    {{0x20, 0x01, 0x0D, 0xB8}, 32}, /* 2001:db8::/32  documentation (RFC 3849) */
    {{0x3F, 0xFF}, 20},             /* 3fff::/20      documentation (RFC 9637) */
};

static const struct range6 mapped6 = {{[10] = 0xFF, [11] = 0xFF}, 96}; /* ::ffff:0:0/96 */
static const struct range6 nat64 = {{0x00, 0x64, 0xFF, 0x9B}, 96};     /* 64:ff9b::/96 (RFC 6052) */
static const struct range6 six_to_four = {{0x20, 0x02}, 16};           /* 2002::/16 (RFC 3056) */
static const struct range6 teredo = {{0x20, 0x01, 0x00, 0x00}, 32};    /* 2001::/32 (RFC 4380) */

static bool
is_in4(uint32_t address, const struct range4 *range)
{
    return (address ^ range->first) >> (32 - range->bits) == 0;
}

static bool
is_private4(uint32_t address)
{
    for (size_t i = 0; i < COUNT_OF(private4); i++) {
        if (is_in4(address, &private4[i]))
            return true;
    }
    return false;
}

static bool
is_in6(const uint8_t address[16], const struct range6 *range)
{
    unsigned bytes = range->bits / 8;
    unsigned rest = range->bits % 8;

    if (memcmp(address, range->first, bytes) != 0)
        return false;
    return rest == 0 || ((address[bytes] ^ range->first[bytes]) >> (8 - rest)) == 0;
}

static uint32_t
read4(const uint8_t *bytes)
{
    return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 |
           bytes[3];
}

static bool
is_private6(const uint8_t address[16])
{
    if (is_in6(address, &mapped6) || is_in6(address, &nat64))
        return is_private4(read4(address + 12));
    if (is_in6(address, &six_to_four))
        return is_private4(read4(address + 2));
    /* Teredo: the relay, and the client's address with its bits turned over. */
    if (is_in6(address, &teredo))
        return is_private4(read4(address + 4)) || is_private4(~read4(address + 12));
    for (size_t i = 0; i < COUNT_OF(private6); i++) {
        if (is_in6(address, &private6[i]))
            return true;
    }
    return !is_in6(address, &unicast6);
}

/* An address and port in one form: IPv6, with IPv4 mapped into it. */
struct plain_address {
    uint8_t bytes[16];
    uint16_t port;
};

static bool
read_plain(const struct sockaddr *address, struct plain_address *ret)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof(in));
        memcpy(ret->bytes, mapped6.first, 12);
        memcpy(ret->bytes + 12, &in.sin_addr, 4);
        ret->port = ntohs(in.sin_port);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof(in6));
        memcpy(ret->bytes, &in6.sin6_addr, 16);
        ret->port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

static bool
is_loopback(const uint8_t address[16])
{
    static const uint8_t loopback6[16] = {[15] = 1};

    if (is_in6(address, &mapped6))
        return address[12] == 127;
    return memcmp(address, loopback6, 16) == 0;
}

bool
address_is_private(const struct sockaddr *address)
{
    struct plain_address plain;

    return !read_plain(address, &plain) || is_private6(plain.bytes);
}

void
address_permission_of(const struct url_parts *url, struct address_permission *ret)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(url->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(url->port)};

    *ret = (struct address_permission){.port = url->port};
    if (strcmp(url->host, "localhost") == 0) {
        ret->is_localhost = true;
    } else if (inet_pton(AF_INET, url->host, &in.sin_addr) == 1) {
        ret->has_literal = true;
        memcpy(&ret->literal, &in, sizeof(in));
    } else if (inet_pton(AF_INET6, url->host, &in6.sin6_addr) == 1) {
        ret->has_literal = true;
        memcpy(&ret->literal, &in6, sizeof(in6));
    }
}

bool
address_is_allowed(const struct address_permission *permission, const struct sockaddr *address)
{
    struct plain_address plain;
    struct plain_address literal;

    if (!read_plain(address, &plain))
        return false;
    if (permission->is_any || !is_private6(plain.bytes))
        return true;
    if (plain.port != permission->port)
        return false;
    if (permission->is_localhost && is_loopback(plain.bytes))
        return true;
    return permission->has_literal &&
           read_plain((const struct sockaddr *) &permission->literal, &literal) &&
           memcmp(plain.bytes, literal.bytes, sizeof(plain.bytes)) == 0;
}
