/* SPDX-License-Identifier: Apache-2.0 */
/* A long, narrow link: two network namespaces, joined by a delay line of our own.
 *
 *   bench-link [-d ONE_WAY_MS] [-r MBIT_PER_S] [-q QUEUE_KB]
 *
 * Makes two namespaces, a TUN device "slow0" in each, and carries packets between them. Each
 * direction is paced to the rate by a queue that drops at its tail, and is late by the delay. It
 * prints "ready PID FD FD": others enter by `nsenter --net=/proc/PID/fd/FD` and configure the
 * devices. For every line on its input it prints one line of JSON: what was carried and dropped in
 * each direction since the line before. At the end of its input it ends, and with it and those who
 * entered go devices and namespaces: nothing is left behind, whatever happens.
 *
 * Not netem, which not every kernel has; what is counted are IP bytes, headers included. One
 * thread; needs the rights of root and /dev/net/tun, and says so where it has them not. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_PACKET 2048u
#define MAX_QUEUED 32768u /* packets; the queue's bytes are the limit that counts */

struct packet {
    uint64_t leaves_ns;
    size_t n;
    char bytes[MAX_PACKET];
};

/* One direction: a ring of packets, in the order in which they leave. */
struct direction {
    int from_fd;
    int to_fd;
    struct packet *ring;
    size_t first;
    size_t count;
    uint64_t free_at_ns; /* when the last queued packet will have been sent */
    uint64_t packets;
    uint64_t bytes;
    uint64_t dropped;
};

struct shape {
    uint64_t delay_ns;
    double ns_per_byte;
    uint64_t queue_ns; /* the queue's size, as the time that it takes to send it */
};

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t
now_ns(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* A new namespace, which this process is in afterwards, with a TUN device. */
static int
make_end(int *ret_namespace)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

    if (unshare(CLONE_NEWNET) < 0)
        die("bench-link: a network namespace");
    /* Not close-on-exec: others open it by /proc/PID/fd. */
    *ret_namespace = open("/proc/self/ns/net", O_RDONLY);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (*ret_namespace < 0 || fd < 0)
        die("bench-link: /dev/net/tun");
    (void) snprintf(request.ifr_name, sizeof(request.ifr_name), "slow0");
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        die("bench-link: a TUN device");
    return fd;
}

/* Queue one packet, or drop it where the queue is full. */
static void
enqueue(struct direction *way, const struct shape *shape, const char *bytes, size_t n)
{
    uint64_t now = now_ns();
    uint64_t begins = way->free_at_ns > now ? way->free_at_ns : now;

    if (begins - now > shape->queue_ns || way->count == MAX_QUEUED) {
        way->dropped++;
        return;
    }
    struct packet *packet = &way->ring[(way->first + way->count++) % MAX_QUEUED];

    way->free_at_ns = begins + (uint64_t) ((double) n * shape->ns_per_byte);
    packet->leaves_ns = way->free_at_ns + shape->delay_ns;
    packet->n = n;
    memcpy(packet->bytes, bytes, n);
    way->packets++;
    way->bytes += n;
}

static void
take_in(struct direction *way, const struct shape *shape)
{
    char bytes[MAX_PACKET];
    ssize_t n;

    while ((n = read(way->from_fd, bytes, sizeof(bytes))) > 0)
        enqueue(way, shape, bytes, (size_t) n);
    /* EIO: the device is not up yet, or not any more. */
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EIO)
        die("bench-link: read");
}

/* Give out what is due. Returns when the next is, or UINT64_MAX. */
static uint64_t
give_out(struct direction *way)
{
    while (way->count > 0) {
        const struct packet *packet = &way->ring[way->first];

        if (packet->leaves_ns > now_ns())
            return packet->leaves_ns;
        /* A device that takes no packet loses it, as links do. */
        if (write(way->to_fd, packet->bytes, packet->n) < 0)
            way->dropped++;
        way->first = (way->first + 1) % MAX_QUEUED;
        way->count--;
    }
    return UINT64_MAX;
}

/* Answer a line on the input. Returns false at its end. */
static bool
tell(struct direction ways[2])
{
    char line[64];

    if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
        return false;
    printf("{");
    for (int i = 0; i < 2; i++) {
        printf("%s\"%s\": {\"packets\": %llu, \"bytes\": %llu, \"dropped\": %llu}", i ? ", " : "",
               i ? "down" : "up", (unsigned long long) ways[i].packets,
               (unsigned long long) ways[i].bytes, (unsigned long long) ways[i].dropped);
        ways[i].packets = ways[i].bytes = ways[i].dropped = 0;
    }
    printf("}\n");
    (void) fflush(stdout);
    return true;
}

static void
carry(struct direction ways[2], const struct shape *shape)
{
    bool goes_on = true;

    while (goes_on) {
        uint64_t up = give_out(&ways[0]), down = give_out(&ways[1]);
        uint64_t next = up < down ? up : down, now = now_ns();
        uint64_t wait = next == UINT64_MAX ? 1000000000u : next > now ? next - now : 0;
        struct timespec timeout = {.tv_sec = (time_t) (wait / 1000000000u),
                                   .tv_nsec = (long) (wait % 1000000000u)};
        struct pollfd fds[] = {{.fd = ways[0].from_fd, .events = POLLIN},
                               {.fd = ways[1].from_fd, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};

        if (ppoll(fds, 3, &timeout, NULL) < 0 && errno != EINTR)
            die("bench-link: ppoll");
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                take_in(&ways[i], shape);
        if (fds[2].revents)
            goes_on = tell(ways);
    }
}

int
main(int argc, char **argv)
{
    double delay_ms = 25, mbit = 200, queue_kb = 1250;
    int namespaces[2], fds[2], option;

    while ((option = getopt(argc, argv, "d:r:q:")) != -1) {
        if (option == 'd')
            delay_ms = strtod(optarg, NULL);
        else if (option == 'r')
            mbit = strtod(optarg, NULL);
        else if (option == 'q')
            queue_kb = strtod(optarg, NULL);
        else
            return 2;
    }
    if (optind != argc || !(delay_ms >= 0 && delay_ms <= 1000) || !(mbit >= 1 && mbit <= 1000) ||
        !(queue_kb >= 10 && queue_kb <= 40000)) {
        fprintf(stderr, "usage: bench-link [-d ONE_WAY_MS] [-r MBIT_PER_S] [-q QUEUE_KB]\n");
        return 2;
    }
    const struct shape shape = {.delay_ns = (uint64_t) (delay_ms * 1e6),
                                .ns_per_byte = 8e3 / mbit,
                                .queue_ns = (uint64_t) (queue_kb * 1e3 * 8e3 / mbit)};

    for (int i = 0; i < 2; i++)
        fds[i] = make_end(&namespaces[i]);
    struct direction ways[2] = {{.from_fd = fds[0], .to_fd = fds[1]},
                                {.from_fd = fds[1], .to_fd = fds[0]}};

    for (int i = 0; i < 2; i++)
        if (!(ways[i].ring = calloc(MAX_QUEUED, sizeof(*ways[i].ring))))
            die("bench-link");
    /* On time is all that it has to be. Where it may not, the check beforehand tells. */
    (void) prctl(PR_SET_TIMERSLACK, 1000UL);
    (void) setpriority(PRIO_PROCESS, 0, -15);
    printf("ready %d %d %d\n", (int) getpid(), namespaces[0], namespaces[1]);
    (void) fflush(stdout);
    carry(ways, &shape);
    return 0;
}
