/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on, as people write them. Pure: nothing is resolved. */
#ifndef SERVER_LISTEN_ADDRESS_H
#define SERVER_LISTEN_ADDRESS_H

#include "attrs.h"

#include <modelhost/code.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum listen_kind { LISTEN_IPV4, LISTEN_IPV6, LISTEN_UNIX };

#define LISTEN_PATH_SIZE 108 /* of sun_path */

struct listen_address {
    enum listen_kind kind;
    char
        host[INET6_ADDRSTRLEN]; /* canonical numeric address without brackets; "" for LISTEN_UNIX */
    uint16_t port;              /* 0: the kernel chooses; 0 for LISTEN_UNIX */
    bool is_every; /* "*": kind is LISTEN_IPV6 and host "::"; the socket takes IPv4 too (IPV6_V6ONLY
                      off), and where there is no IPv6 it is 0.0.0.0 */
    char path[LISTEN_PATH_SIZE]; /* absolute; "" but for LISTEN_UNIX */
};

/* Read an address.
 *
 * text  "127.0.0.1:8080" · "[::1]:8080" · "localhost:8080" (127.0.0.1) · "*:8080" (every address) ·
 *       ":8080" and "8080" (127.0.0.1: nothing is opened to the network without being named) ·
 *       "unix:/path"
 *
 * Returns OK, or BAD_INPUT with a sentence that says what was meant. */
MUST_USE enum mh_code listen_address_parse(const char *text, struct listen_address *ret,
                                           struct mh_fault *fault);

/* Read a port, as -p gives it: 0 to 65535. Returns OK or BAD_INPUT. */
MUST_USE enum mh_code listen_port_parse(const char *text, uint16_t *ret, struct mh_fault *fault);
/* Replace the port; a unix socket has none and stays as it is. */
void listen_address_set_port(struct listen_address *address, uint16_t port);

/* Only this machine can reach it: 127.0.0.0/8, ::1, or a unix socket. */
bool listen_address_is_loopback(const struct listen_address *address);

#define LISTEN_TEXT_SIZE 128
/* What listen_address_parse() reads back to the same: "[::1]:8080". Returns ret. */
const char *listen_address_text(const struct listen_address *address, char ret[LISTEN_TEXT_SIZE]);
/* For people to open: "http://127.0.0.1:8080/", "http://[::1]:8080/", "unix:/path". The scheme is
 * "http" or "https". Returns ret. */
const char *listen_address_url(const struct listen_address *address, const char *scheme,
                               char ret[LISTEN_TEXT_SIZE]);

/* For bind(2). Returns the length of what was filled in. */
socklen_t listen_address_sockaddr(const struct listen_address *address,
                                  struct sockaddr_storage *ret);

#endif
