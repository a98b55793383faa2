/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: made by us and handed to the HTTP library, so that what is bound, and what an
 * error says of it, is ours to decide. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "attrs.h"
#include "listen_address.h"

#include <modelhost/code.h>

#include <sys/stat.h>

struct listen_socket {
    struct listen_address address; /* as bound: with the port that the kernel chose */
    int fd;                        /* listening, non-blocking, close-on-exec; owned; -1 none */
    int dir_fd; /* of a unix socket: the directory that holds it; owned; -1 none */
    char *name; /* of a unix socket: its name there; owned */
};

#define LISTEN_SOCKET_INIT ((struct listen_socket){.fd = -1, .dir_fd = -1})

/* Listen on an address.
 *
 * ret  on OK, owned by the caller, listen_close()
 *
 * A unix socket's file that nobody answers behind is replaced.
 * Returns OK; UNSUPPORTED (this machine has no IPv6: the caller may go on without); BUSY (in use);
 * DENIED; NOT_FOUND (no such address, no such directory); BAD_INPUT (a file of another kind is in
 * the way) or IO. */
MUST_USE enum mh_code listen_open(const struct listen_address *address, struct listen_socket *ret,
                                  struct mh_fault *fault);

/* Listen on the unix socket `name` in a directory of any path length. The caller vouches that no
 * other process serves it: a socket of that name is replaced. `name` is short (no '/'), `mode` the
 * file's mode, dir_fd is borrowed. Returns as listen_open(). */
MUST_USE enum mh_code listen_open_at(int dir_fd, const char *name, mode_t mode,
                                     struct listen_socket *ret, struct mh_fault *fault);

/* Close, and remove a unix socket's file. What LISTEN_SOCKET_INIT left is accepted. */
void listen_close(struct listen_socket *sock);

#endif
