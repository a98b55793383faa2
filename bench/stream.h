/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to 127.0.0.1, in the clear or under TLS 1.3, for the measuring programs. */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream {
    int fd;
    void *tls; /* SSL *, or NULL */
};

void die(const char *what);   /* says errno, and ends the process with status 1 */
uint64_t stream_now_ns(void); /* monotonic */
/* Connect, and shake hands under TLS (with AES-128-GCM, the same for every server; its certificate
 * is not checked). Blocks; dies where it cannot. receive_bytes: SO_RCVBUF, 0 for the system's. */
void stream_open(struct stream *stream, uint16_t port, bool is_tls, int receive_bytes);
void stream_close(struct stream *stream);
/* Send all of a short request; dies where it cannot. */
void stream_send(struct stream *stream, const void *bytes, size_t n);
/* Read what is there, up to `size` bytes. 0: closed; -1: nothing is there (EAGAIN) or it broke. A
 * TLS stream must be read until then: the rest may be in memory already. */
ssize_t stream_receive(struct stream *stream, void *buffer, size_t size);

#endif
