/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets.
 *
 * What is written is what is bound: an IPv6 socket takes no IPv4 unless the address is "*", so that
 * "0.0.0.0:8080 [::]:8080" is two sockets and not a conflict. A unix socket's path may have 107
 * bytes; a cache directory may be deeper than that, so listen_open_at() goes through the
 * directory's descriptor in /proc. A socket file outlives the process that made it; whether it is
 * stale is found out by connecting to it, and only a socket is ever removed.
 *
 * Main thread only, at start and stop. Nothing here accepts connections. */
#include "listen.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096

static enum mh_code
fail_bind(struct mh_fault *fault, int error, const struct listen_address *address)
{
    char text[LISTEN_TEXT_SIZE];

    listen_address_text(address, text);
    if (error == EADDRINUSE)
        return fail(fault, MH_BUSY, error,
                    "cannot listen on '%s': another program does; stop it, or choose another port "
                    "by -p PORT or listen =",
                    text);
    if (error == EACCES && address->kind != LISTEN_UNIX)
        return fail(fault, MH_DENIED, error,
                    "cannot listen on '%s': ports below 1024 are for root; choose another by -p "
                    "PORT",
                    text);
    if (error == EADDRNOTAVAIL)
        return fail(fault, MH_NOT_FOUND, error,
                    "cannot listen on '%s': this machine has no such address", text);
    return fail_errno(fault, error, "cannot listen on '%s'", text);
}

/* --- TCP --- */

/* Does the error say that the machine has no IPv6 at all? A container without it has the protocol
 * but not even the loopback address. */
static bool
is_lack_of_ipv6(int error, const struct listen_address *address)
{
    if (error == EAFNOSUPPORT || error == EPROTONOSUPPORT)
        return true;
    return error == EADDRNOTAVAIL && listen_address_is_loopback(address);
}

static int
bind_tcp(const struct listen_address *address)
{
    int on = 1, v6only = address->is_every ? 0 : 1;
    struct sockaddr_storage name;
    socklen_t name_n = listen_address_sockaddr(address, &name);
    scoped(fd_closep) int fd =
        socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -1;
    if (name.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *) &name, name_n) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        return -1;
    return fd_take(&fd);
}

/* The port that the kernel chose. */
static bool
learn_port(int fd, struct listen_address *address)
{
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t name_n = sizeof(name);

    if (getsockname(fd, (struct sockaddr *) &name, &name_n) < 0)
        return false;
    if (name.ss_family == AF_INET)
        listen_address_set_port(address, ntohs(((struct sockaddr_in *) &name)->sin_port));
    if (name.ss_family == AF_INET6)
        listen_address_set_port(address, ntohs(((struct sockaddr_in6 *) &name)->sin6_port));
    return true;
}

static enum mh_code
open_tcp(const struct listen_address *wanted, struct listen_socket *ret, struct mh_fault *fault)
{
    struct listen_address address = *wanted;
    char text[LISTEN_TEXT_SIZE];
    scoped(fd_closep) int fd = bind_tcp(&address);

    if (fd < 0 && address.is_every && is_lack_of_ipv6(errno, &address)) {
        address.kind = LISTEN_IPV4;
        (void) snprintf(address.host, sizeof(address.host), "0.0.0.0"); /* fits */
        fd = bind_tcp(&address);
    }
    if (fd < 0 && address.kind == LISTEN_IPV6 && is_lack_of_ipv6(errno, &address))
        return fail(fault, MH_UNSUPPORTED, errno, "'%s' is skipped: this machine has no IPv6",
                    listen_address_text(&address, text));
    if (fd < 0)
        return fail_bind(fault, errno, &address);
    if (!learn_port(fd, &address))
        return fail_errno(fault, errno, "cannot tell the port of '%s'",
                          listen_address_text(&address, text));

    *ret = (struct listen_socket){.address = address, .fd = fd_take(&fd), .dir_fd = -1};
    return MH_OK;
}

/* --- unix sockets --- */

/* Is there a socket file that nobody listens behind? */
static bool
is_stale(const struct sockaddr_un *name)
{
    scoped(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    return connect(fd, (const struct sockaddr *) name, sizeof(*name)) < 0 && errno == ECONNREFUSED;
}

static int
bind_unix(const struct sockaddr_un *name, mode_t mode)
{
    scoped(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    /* The file takes its mode from the socket, so that it is never open wider, even for a moment.
     */
    if (mode != 0 && fchmod(fd, mode) < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *) name, sizeof(*name)) < 0 ||
        listen(fd, LISTEN_BACKLOG) < 0)
        return -1;
    return fd_take(&fd);
}

/* Split at the last slash: the directory is opened, the rest is the name. */
static int
open_parent(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    scoped(mem_freep) char *parent = NULL;

    if (slash == NULL || slash[1] == '\0') {
        errno = EINVAL;
        return -1;
    }
    parent = str_dup_n(path, slash == path ? 1 : (size_t) (slash - path));
    if (parent == NULL) {
        errno = ENOMEM;
        return -1;
    }
    *ret_name = slash + 1;
    return open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static enum mh_code
check_in_the_way(int dir_fd, const char *name, const char *path, struct mh_fault *fault)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? MH_OK : fail_errno(fault, errno, "cannot look at '%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return fail(fault, MH_BAD_INPUT, 0,
                    "cannot listen on '%s': a file that is no socket is in the way; move it or "
                    "choose another path",
                    path);
    return MH_BUSY;
}

static enum mh_code
open_unix(const struct listen_address *address, struct listen_socket *ret, struct mh_fault *fault)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    const char *name = NULL;
    scoped(fd_closep) int dir_fd = open_parent(address->path, &name);
    scoped(fd_closep) int fd = -1;
    scoped(mem_freep) char *kept_name = NULL;
    enum mh_code code;

    if (dir_fd < 0)
        return fail_errno(fault, errno, "cannot open the directory of '%s'", address->path);
    (void) listen_address_sockaddr(address, &storage); /* a unix address: its size is known */
    code = check_in_the_way(dir_fd, name, address->path, fault);
    if (code == MH_BUSY) {
        if (!is_stale((const struct sockaddr_un *) &storage))
            return fail_bind(fault, EADDRINUSE, address);
        if (unlinkat(dir_fd, name, 0) < 0)
            return fail_errno(fault, errno, "cannot replace '%s'", address->path);
    } else if (code != MH_OK) {
        return code;
    }
    kept_name = str_dup(name);
    if (kept_name == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    fd = bind_unix((const struct sockaddr_un *) &storage, 0);
    if (fd < 0)
        return fail_bind(fault, errno, address);

    *ret = (struct listen_socket){.address = *address,
                                  .fd = fd_take(&fd),
                                  .dir_fd = fd_take(&dir_fd),
                                  .name = ptr_take(&kept_name)};
    return MH_OK;
}

enum mh_code
listen_open_at(int dir_fd, const char *name, mode_t mode, struct listen_socket *ret,
               struct mh_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    scoped(fd_closep) int own_dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    scoped(fd_closep) int fd = -1;
    scoped(mem_freep) char *kept_name = str_dup(name);
    enum mh_code code;
    int n;

    if (own_dir_fd < 0)
        return fail_errno(fault, errno, "cannot keep the directory of '%s'", name);
    if (kept_name == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    n = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", own_dir_fd,
                 name);
    if (n < 0 || (size_t) n >= sizeof(address.sun_path))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is too long for a socket's name", name);

    code = check_in_the_way(own_dir_fd, name, name, fault);
    if (code == MH_BUSY && unlinkat(own_dir_fd, name, 0) < 0)
        return fail_errno(fault, errno, "cannot replace the socket '%s'", name);
    if (code != MH_OK && code != MH_BUSY)
        return code;
    fd = bind_unix(&address, mode);
    if (fd < 0)
        return fail_errno(fault, errno, "cannot listen on the socket '%s'", name);

    *ret = (struct listen_socket){.address = {.kind = LISTEN_UNIX},
                                  .fd = fd_take(&fd),
                                  .dir_fd = fd_take(&own_dir_fd),
                                  .name = ptr_take(&kept_name)};
    return MH_OK;
}

/* --- both --- */

enum mh_code
listen_open(const struct listen_address *address, struct listen_socket *ret, struct mh_fault *fault)
{
    if (address->kind == LISTEN_UNIX)
        return open_unix(address, ret, fault);
    return open_tcp(address, ret, fault);
}

void
listen_close(struct listen_socket *sock)
{
    fd_close(sock->fd);
    /* It may be gone already: somebody cleaned up. */
    if (sock->name != NULL)
        (void) unlinkat(sock->dir_fd, sock->name, 0);
    fd_close(sock->dir_fd);
    mem_free(sock->name);
    *sock = LISTEN_SOCKET_INIT;
}
