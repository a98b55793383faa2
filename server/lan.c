/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and names of this machine, for URLs that people open elsewhere and for certificates.
 *
 * IPv4 comes from the interfaces. IPv6 comes from /proc/net/if_inet6, which alone tells the
 * temporary addresses that change every day: a certificate for those would be new every day, too.
 * Which address others most likely reach is the kernel's to say: it is asked which one it would
 * send from, by a datagram socket that is connected and never written to.
 *
 * Any thread; reads the system's tables, sends nothing. */
#include "lan.h"

#include "fault.h"
#include "fd.h"
#include "settings_check.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES_MAX 32
#define INET6_LINES   1024 /* of the kernel's table that are read */

/* Of the kernel's table (linux/if_addr.h). */
#define SIX_TEMPORARY  0x01u
#define SIX_DAD_FAILED 0x08u
#define SIX_DEPRECATED 0x20u
#define SIX_TENTATIVE  0x40u
#define SIX_GLOBAL     0x00u /* the scope; unique local addresses have it, too */

static bool
add(struct strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return list->count >= ADDRESSES_MAX || strings_add(list, text, strlen(text));
}

/* From which address would something be sent to the world? No packet leaves: 192.0.2.1 is for
 * documentation (RFC 5737), and connecting a datagram socket only looks up the route. */
static bool
add_default(struct strings *list)
{
    struct sockaddr_in world = {.sin_family = AF_INET, .sin_port = htons(9)};
    socklen_t n = sizeof(world);
    scoped(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[INET_ADDRSTRLEN];

    (void) inet_pton(AF_INET, "192.0.2.1", &world.sin_addr);
    if (fd < 0 || connect(fd, (const struct sockaddr *) &world, sizeof(world)) < 0 ||
        getsockname(fd, (struct sockaddr *) &world, &n) < 0)
        return true;
    if ((ntohl(world.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET ||
        inet_ntop(AF_INET, &world.sin_addr, text, sizeof(text)) == NULL)
        return true;
    return add(list, text);
}

/* 169.254.0.0/16 is chosen anew at each start of an interface without a network. */
static bool
is_reachable(const struct ifaddrs *interface)
{
    const struct sockaddr_in *address = (const struct sockaddr_in *) interface->ifa_addr;

    return interface->ifa_addr != NULL && interface->ifa_addr->sa_family == AF_INET &&
           (interface->ifa_flags & IFF_UP) != 0 && (interface->ifa_flags & IFF_LOOPBACK) == 0 &&
           (ntohl(address->sin_addr.s_addr) >> 16) != 0xa9fe;
}

static bool
add_four(struct strings *list)
{
    struct ifaddrs *all = NULL;
    bool is_ok = true;

    if (getifaddrs(&all) < 0)
        return true;
    for (const struct ifaddrs *one = all; is_ok && one != NULL; one = one->ifa_next) {
        char text[INET_ADDRSTRLEN];

        if (is_reachable(one) &&
            inet_ntop(AF_INET, &((const struct sockaddr_in *) one->ifa_addr)->sin_addr, text,
                      sizeof(text)) != NULL)
            is_ok = add(list, text);
    }
    freeifaddrs(all);
    return is_ok;
}

/* One line of /proc/net/if_inet6: address, interface, prefix, scope, flags, all hexadecimal. */
static bool
add_six_line(struct strings *list, const char *line)
{
    static const unsigned bad = SIX_TEMPORARY | SIX_DAD_FAILED | SIX_DEPRECATED | SIX_TENTATIVE;
    struct in6_addr address;
    unsigned scope, flags;
    char hex[33], text[INET6_ADDRSTRLEN];

    if (sscanf(line, "%32[0-9a-f] %*x %*x %x %x", hex, &scope, &flags) != 3 || strlen(hex) != 32)
        return true;
    for (size_t i = 0; i < sizeof(address.s6_addr); i++) {
        unsigned byte;

        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return true;
        address.s6_addr[i] = (uint8_t) byte;
    }
    if (scope != SIX_GLOBAL || (flags & bad) != 0 ||
        inet_ntop(AF_INET6, &address, text, sizeof(text)) == NULL)
        return true;
    return add(list, text);
}

static bool
add_six(struct strings *list)
{
    FILE *table = fopen("/proc/net/if_inet6", "re");
    char line[256];
    bool is_ok = true;

    if (table == NULL)
        return true;
    for (size_t i = 0; is_ok && i < INET6_LINES && fgets(line, sizeof(line), table) != NULL; i++)
        is_ok = add_six_line(list, line);
    (void) fclose(table);
    return is_ok;
}

bool
lan_addresses(struct strings *ret)
{
    return add_default(ret) && add_four(ret) && add_six(ret);
}

bool
lan_names(struct strings *ret)
{
    char name[256] = "", local[sizeof(name) + sizeof(".local")];
    struct mh_fault fault;

    if (gethostname(name, sizeof(name) - 1) < 0 || check_host(name, &fault) != MH_OK)
        return true;
    if (!add(ret, name))
        return false;
    (void) snprintf(local, sizeof(local), "%s.local", name); /* fits */
    return strchr(name, '.') != NULL || add(ret, local);
}
