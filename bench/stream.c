/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the measuring programs: a socket, and OpenSSL where TLS is measured.
 *
 * What a generator costs must not be what is measured: under TLS it reads ahead in pieces as large
 * as those in the clear, and only one cipher is offered, so that the servers differ in what they do
 * and not in what they chose. Blocking while opening, never afterwards. One thread. */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_AHEAD_BYTES (256u * 1024)

void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
die_tls(const char *what)
{
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

uint64_t
stream_now_ns(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static SSL_CTX *
tls_context(void)
{
    static SSL_CTX *context;

    if (context)
        return context;
    context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1)
        die_tls("TLS cannot be set up");
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD_BYTES);
    return context;
}

static SSL *
shake_hands(int fd)
{
    SSL *tls = SSL_new(tls_context());

    if (!tls || SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1)
        die_tls("the TLS handshake failed");
    return tls;
}

void
stream_open(struct stream *stream, uint16_t port, bool is_tls, int receive_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        die("socket");
    /* Before connecting: the window that is announced follows from it. */
    if (receive_bytes)
        (void) setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    if (connect(stream->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
        die("connect");
    (void) setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    stream->tls = is_tls ? shake_hands(stream->fd) : NULL;
    if (ioctl(stream->fd, FIONBIO, &one) < 0)
        die("FIONBIO");
}

void
stream_close(struct stream *stream)
{
    SSL_free(stream->tls);
    (void) close(stream->fd);
}

void
stream_send(struct stream *stream, const void *bytes, size_t n)
{
    ssize_t sent = stream->tls ? SSL_write(stream->tls, bytes, (int) n)
                               : send(stream->fd, bytes, n, MSG_NOSIGNAL);

    if (sent != (ssize_t) n)
        die("sending a request");
}

ssize_t
stream_receive(struct stream *stream, void *buffer, size_t size)
{
    if (!stream->tls)
        return recv(stream->fd, buffer, size, 0);
    size_t n = 0;

    ERR_clear_error();
    if (SSL_read_ex(stream->tls, buffer, size, &n) == 1)
        return (ssize_t) n;
    int error = SSL_get_error(stream->tls, 0);

    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
    return -1;
}
