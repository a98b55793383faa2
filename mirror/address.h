/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses an upstream may resolve to. Pure. */
#ifndef MIRROR_ADDRESS_H
#define MIRROR_ADDRESS_H

#include "attrs.h"
#include "url.h"

#include <stdbool.h>
#include <sys/socket.h>

/* Is this address anything but a public unicast one: loopback, private (RFC 1918, RFC 4193),
 * link-local, shared (RFC 6598), unspecified, multicast, broadcast, documentation, benchmarking,
 * 6to4/NAT64/Teredo and IPv4-mapped forms of those, reserved? Families other than INET and INET6
 * count as private. (IANA special-purpose registries.) */
bool address_is_private(const struct sockaddr *address);

/* An upstream that names a literal address, or "localhost", is its own permission: for that address
 * and port. */
struct address_permission {
    bool is_any;       /* allow_private = on */
    bool is_localhost; /* any loopback address, on `port` */
    bool has_literal;  /* `literal`, on `port` */
    struct sockaddr_storage literal;
    uint16_t port;
};

/* What the URL's host permits. Never fails: a name permits nothing. */
void address_permission_of(const struct url_parts *url, struct address_permission *ret);

/* May a connection to this address and port be made? */
bool address_is_allowed(const struct address_permission *permission,
                        const struct sockaddr *address);

#endif
