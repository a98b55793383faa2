/* SPDX-License-Identifier: Apache-2.0 */
/* A crowd of clients that want little: idle keep-alive connections, or slow downloads.
 *
 *   bench-crowd [-t] idle|slow COUNT PORT PATH...
 *
 * `idle`: each connection asks once, reads the answer whole, and rests. `slow`: each asks for one
 * path after another and reads 8 KiB at a time, twice a second, from a small window, so that the
 * server waits for it. When all have had their first bytes (or, idle, all of them) it prints
 * "ready". It goes on until its input ends, and then prints how many were hung up on.
 *
 * 127.0.0.1 only. One thread. */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_COUNT     20000
#define SLOW_BYTES    8192u
#define SLOW_EVERY_NS 500000000u
#define SLOW_WINDOW   (32 * 1024)
#define FIRST_WAIT_MS 20000
#define MAX_HEAD      16384

struct member {
    struct stream stream;
    uint64_t left; /* of the answer's body */
    uint64_t next_ns;
    bool is_gone;
};

struct crowd {
    uint16_t port;
    bool is_tls;
    bool is_slow;
    char **paths;
    int path_count;
    int next_path;
    int gone;
};

static char buffer[MAX_HEAD];

static void
ask(struct crowd *crowd, struct member *m)
{
    char request[8192];
    const char *path = crowd->paths[crowd->next_path++ % crowd->path_count];
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
                     path, crowd->port);

    if (n < 0 || (size_t) n >= sizeof(request))
        die("bench-crowd: a request is too long");
    stream_send(&m->stream, request, (size_t) n);
}

/* Wait for bytes and read them. Returns how many; dies after a long silence. */
static size_t
read_some(struct member *m, void *bytes, size_t size)
{
    for (;;) {
        ssize_t n = stream_receive(&m->stream, bytes, size);
        struct pollfd fd = {.fd = m->stream.fd, .events = POLLIN};

        if (n > 0)
            return (size_t) n;
        if (n == 0 || errno != EAGAIN || poll(&fd, 1, FIRST_WAIT_MS) < 1)
            die("bench-crowd: a first answer did not come");
    }
}

/* Read an answer's head, and set what is left of its body. */
static void
read_head(struct member *m)
{
    size_t n = 0;
    char *end = NULL;

    while (!end) {
        if (n + 1 >= sizeof(buffer))
            die("bench-crowd: a head is too long");
        n += read_some(m, buffer + n, sizeof(buffer) - 1 - n);
        buffer[n] = '\0';
        end = strstr(buffer, "\r\n\r\n");
    }
    const char *length = strcasestr(buffer, "\r\ncontent-length:");

    if (strncmp(buffer, "HTTP/1.1 200", 12) != 0 || !length || length > end) {
        fprintf(stderr, "bench-crowd: an answer is not 200 with its length: %.40s\n", buffer);
        exit(1);
    }
    m->left = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
    m->left -= n - (size_t) (end + 4 - buffer);
}

static void
gather(struct crowd *crowd, struct member *members, int count)
{
    uint64_t now = stream_now_ns();

    for (int i = 0; i < count; i++) {
        struct member *m = &members[i];

        stream_open(&m->stream, crowd->port, crowd->is_tls, crowd->is_slow ? SLOW_WINDOW : 0);
        ask(crowd, m);
        read_head(m);
        while (!crowd->is_slow && m->left > 0)
            m->left -= read_some(m, buffer, sizeof(buffer));
        m->next_ns = now + (uint64_t) i * SLOW_EVERY_NS / (uint64_t) count;
    }
}

/* A little more of one download; the next one begins where it ends. */
static void
sip(struct crowd *crowd, struct member *m)
{
    size_t want = m->left < SLOW_BYTES ? (size_t) m->left : SLOW_BYTES;
    ssize_t n = stream_receive(&m->stream, buffer, want);

    if (n > 0) {
        m->left -= (uint64_t) n;
        if (m->left == 0) {
            ask(crowd, m);
            read_head(m);
        }
    } else if (n == 0 || errno != EAGAIN) {
        m->is_gone = true;
        crowd->gone++;
    }
}

/* Everybody whose time has come; returns milliseconds until the next may be. */
static int
sip_all(struct crowd *crowd, struct member *members, int count)
{
    uint64_t now = stream_now_ns();

    for (int i = 0; i < count; i++) {
        struct member *m = &members[i];

        if (m->is_gone || m->next_ns > now)
            continue;
        m->next_ns = now + SLOW_EVERY_NS;
        sip(crowd, m);
    }
    return 5;
}

int
main(int argc, char **argv)
{
    bool is_tls = argc > 1 && strcmp(argv[1], "-t") == 0;
    char **rest = argv + 1 + is_tls;
    int count = argc - is_tls >= 5 ? (int) strtol(rest[1], NULL, 10) : 0;

    if (count < 1 || count > MAX_COUNT ||
        (strcmp(rest[0], "idle") != 0 && strcmp(rest[0], "slow") != 0)) {
        fprintf(stderr, "usage: bench-crowd [-t] idle|slow COUNT PORT PATH...\n");
        return 2;
    }
    struct crowd crowd = {.is_tls = is_tls,
                          .is_slow = strcmp(rest[0], "slow") == 0,
                          .port = (uint16_t) strtoul(rest[2], NULL, 10),
                          .paths = rest + 3,
                          .path_count = argc - is_tls - 4};
    struct member *members = calloc((size_t) count, sizeof(*members));
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    if (!members)
        die("bench-crowd");
    gather(&crowd, members, count);
    printf("ready\n");
    (void) fflush(stdout);
    for (int wait = 0; poll(&input, 1, wait) == 0;)
        wait = crowd.is_slow ? sip_all(&crowd, members, count) : -1;
    for (int i = 0; !crowd.is_slow && i < count; i++) {
        ssize_t n = stream_receive(&members[i].stream, buffer, sizeof(buffer));

        crowd.gone += n >= 0 || errno != EAGAIN;
    }
    printf("{\"gone\": %d}\n", crowd.gone);
    return 0;
}
