/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator: keep-alive connections over loopback, one thread, epoll.
 *
 *   bench-load [-t] [-c CONNECTIONS] [-s SECONDS] [-r RATE] [-m METHOD] [-H 'Name: value'] PORT
 * PATH...
 *
 * Every connection sends one request after another, the paths in turn, and reads each answer whole,
 * in pieces of 256 KiB: a generator that reads in small pieces hides what large answers cost the
 * server. With -r so many requests are sent a second, and no more; the time of each counts from
 * when it was due, so that a server that is late with one answer does not hide how late the next
 * is. -t is TLS 1.3.
 *
 * It prints one line of JSON: requests, body bytes, seconds, microseconds at the median and the
 * 99th percentile, its own processor time (a generator that is busy all the time measures itself),
 * and how many answers were not what they should be (a status other than 200, 206 or 304, or no
 * Content-Length).
 *
 * It talks to 127.0.0.1 only, and stops by itself. It understands just enough HTTP/1.1 for the
 * servers that are measured: an answer has a Content-Length, or no body. */
#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES     (256u * 1024)
#define MAX_HEAD_BYTES  16384
#define MAX_CONNECTIONS 20000
#define MAX_SAMPLES     (4u << 20)
#define MAX_SECONDS     120
#define MAX_RATE        1e6

struct connection {
    struct stream stream;
    struct connection *next_idle; /* of a paced load */
    uint64_t began_ns;
    uint64_t body_left;
    bool in_body;
    bool is_asking;
    size_t head_length;
    char head[MAX_HEAD_BYTES];
};

struct text {
    size_t length;
    char bytes[8192];
};

struct load {
    const char *method;
    bool has_bodies; /* no HEAD */
    const char *header;
    char **paths;
    struct text *texts; /* a request for each path */
    int path_count;
    int next_path;
    uint16_t port;
    bool is_tls;
    int epoll_fd;
    double interval_ns; /* 0: as fast as it goes */
    double due_ns;
    struct connection *idle;
    uint64_t requests;
    uint64_t bytes;
    uint64_t errors;
    uint32_t *samples_us;
    size_t sample_count;
};

static char piece[PIECE_BYTES];

/* The requests are written once: what the client spends on one is missing where the server waits.
 */
static void
write_requests(struct load *load)
{
    load->texts = calloc((size_t) load->path_count, sizeof(load->texts[0]));
    for (int i = 0; load->texts && i < load->path_count; i++) {
        struct text *text = &load->texts[i];
        int n = snprintf(text->bytes, sizeof(text->bytes),
                         "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s\r\n", load->method,
                         load->paths[i], load->port, load->header, *load->header ? "\r\n" : "");

        if (n < 0 || (size_t) n >= sizeof(text->bytes)) {
            fprintf(stderr, "bench-load: a request of more than %zu bytes\n", sizeof(text->bytes));
            exit(2);
        }
        text->length = (size_t) n;
    }
    if (!load->texts)
        die("bench-load");
}

static void
send_request(struct load *load, struct connection *c, uint64_t began_ns)
{
    const struct text *text = &load->texts[load->next_path++ % load->path_count];

    c->began_ns = began_ns;
    c->head_length = 0;
    c->in_body = false;
    c->is_asking = true;
    stream_send(&c->stream, text->bytes, text->length);
}

/* A connection has nothing to do: give it the next request, or let it wait for one. */
static void
rest(struct load *load, struct connection *c)
{
    c->is_asking = false;
    if (load->interval_ns > 0) {
        c->next_idle = load->idle;
        load->idle = c;
    } else {
        send_request(load, c, stream_now_ns());
    }
}

static void
open_connection(struct load *load, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    stream_open(&c->stream, load->port, load->is_tls, 0);
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, c->stream.fd, &event) < 0)
        die("bench-load: epoll_ctl");
}

static void
answer_is_whole(struct load *load, struct connection *c)
{
    uint64_t us = (stream_now_ns() - c->began_ns) / 1000;

    load->requests++;
    if (load->sample_count < MAX_SAMPLES)
        load->samples_us[load->sample_count++] = us < UINT32_MAX ? (uint32_t) us : UINT32_MAX;
    rest(load, c);
}

/* The value of Content-Length in a whole head, or -1: it has none. Line by line, since a search
 * through every byte of a head costs the client as much as its request costs the server. */
static int64_t
content_length(const char *head, size_t n)
{
    static const char name[] = "content-length:";
    const char *end = head + n;
    const char *line = head;

    while ((line = memchr(line, '\n', (size_t) (end - line))) != NULL && ++line < end) {
        if ((line[0] | 0x20) == 'c' && (size_t) (end - line) > sizeof(name) &&
            strncasecmp(line, name, sizeof(name) - 1) == 0)
            return strtoll(line + sizeof(name) - 1, NULL, 10);
    }
    return -1;
}

/* A head of n bytes is whole: how long is the body? "HTTP/1.1 200 " stands at its begin. */
static uint64_t
read_head(struct load *load, const char *head, size_t n)
{
    int status = n > 12 ? (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0') : 0;
    int64_t length;

    if (status != 200 && status != 206 && status != 304)
        load->errors++;
    if (status == 304 || !load->has_bodies)
        return 0;
    length = content_length(head, n);
    if (length < 0)
        load->errors++;
    return length < 0 ? 0 : (uint64_t) length;
}

/* Find the end of the head in what has come: a whole head mostly comes at once, and is read where
 * it lies. Returns how many of the n bytes belong to it. */
static size_t
take_head(struct load *load, struct connection *c, size_t n)
{
    const char *head = piece;
    size_t length = n;
    size_t kept = c->head_length;
    const char *end;

    if (kept > 0) {
        length = n < MAX_HEAD_BYTES - kept ? n : MAX_HEAD_BYTES - kept;
        memcpy(c->head + kept, piece, length);
        head = c->head;
        length += kept;
    }
    end = memmem(head, length, "\r\n\r\n", 4);
    if (end) {
        length = (size_t) (end - head) + 4;
        c->body_left = read_head(load, head, length);
        c->in_body = true;
        return length - kept;
    }
    if (length >= MAX_HEAD_BYTES) {
        fprintf(stderr, "bench-load: a head of more than %d bytes\n", MAX_HEAD_BYTES);
        exit(1);
    }
    if (kept == 0)
        memcpy(c->head, piece, n);
    c->head_length = length;
    return n;
}

/* Take n bytes of `piece`. */
static void
take_bytes(struct load *load, struct connection *c, size_t n)
{
    size_t at = c->in_body ? 0 : take_head(load, c, n);

    if (!c->in_body)
        return;
    c->body_left -= n - at < c->body_left ? n - at : c->body_left;
    load->bytes += n - at;
    if (c->body_left == 0)
        answer_is_whole(load, c);
}

/* A server may close after so many requests; between two answers it is no error. */
static void
closed(struct load *load, struct connection *c)
{
    bool was_asking = c->is_asking;

    if (was_asking && (c->head_length > 0 || c->in_body))
        load->errors++;
    stream_close(&c->stream);
    open_connection(load, c);
    if (was_asking)
        send_request(load, c, c->began_ns);
}

static void
readable(struct load *load, struct connection *c)
{
    ssize_t n;

    do {
        n = stream_receive(&c->stream, piece, sizeof(piece));
        if (n > 0)
            take_bytes(load, c, (size_t) n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            closed(load, c);
    } while (n > 0 && c->stream.tls);
}

/* Send what is due; returns how long to wait for the next. */
static uint64_t
send_due(struct load *load)
{
    double now = (double) stream_now_ns();

    while (load->interval_ns > 0 && load->idle && load->due_ns <= now) {
        struct connection *c = load->idle;

        load->idle = c->next_idle;
        send_request(load, c, (uint64_t) load->due_ns);
        load->due_ns += load->interval_ns;
    }
    return load->idle && load->due_ns > now ? (uint64_t) (load->due_ns - now) : 100000000u;
}

static int
by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}

static double
processor_seconds(void)
{
    struct rusage used;

    (void) getrusage(RUSAGE_SELF, &used);
    return (double) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void
print_result(struct load *load, double seconds, double processor)
{
    size_t n = load->sample_count;

    qsort(load->samples_us, n, sizeof(uint32_t), by_value);
    printf("{\"requests\": %llu, \"bytes\": %llu, \"seconds\": %.4f, \"p50_us\": %u, "
           "\"p99_us\": %u, \"client_cpu\": %.4f, \"errors\": %llu}\n",
           (unsigned long long) load->requests, (unsigned long long) load->bytes, seconds,
           n ? load->samples_us[n / 2] : 0, n ? load->samples_us[n * 99 / 100] : 0, processor,
           (unsigned long long) load->errors);
}

static void
run(struct load *load, struct connection *connections, int count, double seconds)
{
    struct epoll_event events[256];

    /* All are open before the time begins: a handshake is not what is measured. */
    for (int i = 0; i < count; i++)
        open_connection(load, &connections[i]);
    double processor = processor_seconds();
    uint64_t began = stream_now_ns();
    uint64_t until = began + (uint64_t) (seconds * 1e9);

    load->due_ns = (double) began;
    for (int i = 0; i < count; i++)
        rest(load, &connections[i]);
    while (stream_now_ns() < until) {
        uint64_t wait_ns = send_due(load);
        struct timespec timeout = {.tv_nsec = (long) (wait_ns < 100000000u ? wait_ns : 100000000u)};
        int ready = epoll_pwait2(load->epoll_fd, events, 256, &timeout, NULL);

        for (int i = 0; i < ready; i++)
            readable(load, events[i].data.ptr);
    }
    print_result(load, (double) (stream_now_ns() - began) / 1e9, processor_seconds() - processor);
}

int
main(int argc, char **argv)
{
    struct load load = {.method = "GET", .header = ""};
    int count = 8;
    double seconds = 1, rate = 0;
    int option;

    while ((option = getopt(argc, argv, "tc:s:r:m:H:")) != -1) {
        if (option == 't')
            load.is_tls = true;
        else if (option == 'c')
            count = (int) strtol(optarg, NULL, 10);
        else if (option == 's')
            seconds = strtod(optarg, NULL);
        else if (option == 'r')
            rate = strtod(optarg, NULL);
        else if (option == 'm')
            load.method = optarg;
        else if (option == 'H')
            load.header = optarg;
        else
            return 2;
    }
    if (argc - optind < 2 || count < 1 || count > MAX_CONNECTIONS || !(seconds <= MAX_SECONDS) ||
        !(rate >= 0 && rate <= MAX_RATE)) {
        fprintf(stderr, "usage: bench-load [-t] [-c N] [-s SECONDS] [-r RATE] [-m METHOD] "
                        "[-H HEADER] PORT PATH...\n");
        return 2;
    }
    load.interval_ns = rate > 0 ? 1e9 / rate : 0;
    load.port = (uint16_t) strtoul(argv[optind], NULL, 10);
    load.paths = argv + optind + 1;
    load.path_count = argc - optind - 1;
    load.has_bodies = strcmp(load.method, "HEAD") != 0;
    write_requests(&load);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load.samples_us = calloc(MAX_SAMPLES, sizeof(uint32_t));
    struct connection *connections = calloc((size_t) count, sizeof(*connections));

    if (load.epoll_fd < 0 || !load.samples_us || !connections)
        die("bench-load");
    run(&load, connections, count, seconds);
    return 0;
}
