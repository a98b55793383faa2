/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3)'s protocol: one datagram to the socket that $NOTIFY_SOCKET names.
 *
 * An address that begins with '@' is in the abstract name space: its first byte is NUL on the wire,
 * and its length counts, not a terminator. Anything but '/' and '@' in front is refused. Sent
 * without blocking: a service manager that does not read its socket must not stop the server.
 */
#include "notify.h"

#include "fault.h"
#include "fd.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum mh_code
notify_send(const char *state, struct mh_fault *fault)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    scoped(fd_closep) int fd = -1;
    size_t n;
    socklen_t length;

    if (name == NULL || name[0] == '\0')
        return MH_OK;
    n = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof address.sun_path)
        return fail(fault, MH_BAD_INPUT, 0,
                    "NOTIFY_SOCKET is '%s', which is not the address of a unix socket", name);
    memcpy(address.sun_path, name, n);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n);

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(fault, MH_IO, errno, "cannot make a socket for '%s': %s", name,
                    strerror(errno));
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *) &address, length) < 0)
        return fail(fault, MH_IO, errno, "cannot notify '%s': %s", name, strerror(errno));
    return MH_OK;
}
