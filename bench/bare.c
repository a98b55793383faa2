/* SPDX-License-Identifier: Apache-2.0 */
/* The limit: what the kernel and one epoll loop cost, and nothing else.
 *
 *   bench-bare memory|sendfile DIR
 *
 * Serves the files of DIR (which it opens, and for `memory` reads, at start) on a free port of
 * 127.0.0.1, printed as "listening on http://127.0.0.1:PORT/". `memory` sends head and body with
 * one sendmsg, `sendfile` the head with MSG_MORE and the body by sendfile(2). It parses no more of
 * a request than its method and path, knows one header (If-None-Match: 304), and is of no other
 * use. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FILES   64
#define MAX_REQUEST 8192

struct file {
    char name[272];
    int fd;
    char *bytes;
    size_t length;
    char head[256];
    size_t head_length;
};

struct client {
    int fd;
    size_t request_length;
    const struct file *file; /* being sent */
    size_t head_sent;
    off_t body_sent;
    bool has_body;
    char request[MAX_REQUEST];
};

static struct file files[MAX_FILES];
static size_t file_count;
static bool uses_sendfile;
static int epoll_fd;

static const char not_modified[] = "HTTP/1.1 304 Not Modified\r\nETag: \"bare\"\r\n\r\n";
static const char not_found[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

static void
load_file(int dir, const char *name)
{
    struct file *file = &files[file_count];
    struct stat st;

    file->fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode) || file_count == MAX_FILES)
        return;
    (void) snprintf(file->name, sizeof(file->name), "/%s", name);
    file->length = (size_t) st.st_size;
    file->bytes = malloc(file->length + 1);
    if (!file->bytes || pread(file->fd, file->bytes, file->length, 0) != (ssize_t) file->length) {
        perror("bench-bare");
        exit(1);
    }
    file->head_length = (size_t) snprintf(
        file->head, sizeof(file->head),
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nETag: \"bare\"\r\n"
        "Content-Length: %zu\r\n\r\n",
        file->length);
    file_count++;
}

static const struct file *
find_file(const char *path, size_t n)
{
    for (size_t i = 0; i < file_count; i++)
        if (strncmp(files[i].name, path, n) == 0 && files[i].name[n] == '\0')
            return &files[i];
    return NULL;
}

static void
watch(struct client *client, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    (void) epoll_ctl(epoll_fd, how, client->fd, &event);
}

static void
hang_up(struct client *client)
{
    (void) close(client->fd);
    free(client);
}

/* Send as much as goes. Returns 1: whole, 0: blocked, -1: gone. */
static int
send_some(struct client *client)
{
    const struct file *file = client->file;

    while (client->head_sent < file->head_length ||
           (client->has_body && (size_t) client->body_sent < file->length)) {
        ssize_t n;

        if (uses_sendfile && client->head_sent == file->head_length) {
            n = sendfile(client->fd, file->fd, &client->body_sent,
                         file->length - (size_t) client->body_sent);
        } else {
            struct iovec iov[2] = {
                {(char *) file->head + client->head_sent, file->head_length - client->head_sent},
                {file->bytes + client->body_sent, file->length - (size_t) client->body_sent}};
            bool with_body = client->has_body && !uses_sendfile;
            struct msghdr message = {.msg_iov = iov, .msg_iovlen = with_body ? 2 : 1};

            n = sendmsg(client->fd, &message,
                        MSG_NOSIGNAL | (uses_sendfile && client->has_body ? MSG_MORE : 0));
            if (n > 0) {
                size_t head = (size_t) n < iov[0].iov_len ? (size_t) n : iov[0].iov_len;

                client->head_sent += head;
                client->body_sent += (off_t) ((size_t) n - head);
            }
        }
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        if (n == 0) /* the file is shorter than it was */
            return -1;
    }
    client->file = NULL;
    return 1;
}

/* One request is in client->request. Returns as send_some() does. */
static int
answer(struct client *client)
{
    char *path = strchr(client->request, ' ');
    bool is_head = strncmp(client->request, "HEAD ", 5) == 0;
    const struct file *file = path ? find_file(path + 1, strcspn(path + 1, " ?")) : NULL;
    const char *plain = NULL;

    if (!file)
        plain = not_found;
    else if (strcasestr(client->request, "\r\nif-none-match:"))
        plain = not_modified;
    if (plain)
        return send(client->fd, plain, strlen(plain), MSG_NOSIGNAL) < 0 ? -1 : 1;
    client->file = file;
    client->head_sent = 0;
    client->body_sent = 0;
    client->has_body = !is_head;
    return send_some(client);
}

static void
readable(struct client *client)
{
    ssize_t n = recv(client->fd, client->request + client->request_length,
                     MAX_REQUEST - 1 - client->request_length, 0);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            hang_up(client);
        return;
    }
    client->request_length += (size_t) n;
    client->request[client->request_length] = '\0';
    if (!strstr(client->request, "\r\n\r\n"))
        return;
    client->request_length = 0;
    int sent = answer(client);

    if (sent < 0)
        hang_up(client);
    else if (sent == 0)
        watch(client, EPOLLOUT, EPOLL_CTL_MOD);
}

static void
writable(struct client *client)
{
    int sent = send_some(client);

    if (sent < 0)
        hang_up(client);
    else if (sent == 1)
        watch(client, EPOLLIN, EPOLL_CTL_MOD);
}

static void
accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = calloc(1, sizeof(*client));
        int one = 1;

        if (!client) {
            (void) close(fd);
            continue;
        }
        client->fd = fd;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        watch(client, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static int
listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
        listen(fd, 1024) < 0 || getsockname(fd, (struct sockaddr *) &address, &length) < 0) {
        perror("bench-bare");
        exit(1);
    }
    printf("listening on http://127.0.0.1:%u/\n", ntohs(address.sin_port));
    (void) fflush(stdout);
    return fd;
}

int
main(int argc, char **argv)
{
    struct epoll_event events[256];
    struct dirent *entry;

    if (argc != 3) {
        fprintf(stderr, "usage: bench-bare memory|sendfile DIR\n");
        return 2;
    }
    /* sendfile(2) has no MSG_NOSIGNAL: a client that leaves in the middle would end this process.
     */
    (void) signal(SIGPIPE, SIG_IGN);
    uses_sendfile = strcmp(argv[1], "sendfile") == 0;
    DIR *dir = opendir(argv[2]);

    if (!dir) {
        perror(argv[2]);
        return 1;
    }
    while ((entry = readdir(dir)))
        load_file(dirfd(dir), entry->d_name);
    (void) closedir(dir);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_somewhere();
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    (void) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, 256, -1);

        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;

            if (!client)
                accept_all(listener);
            else if (events[i].events & EPOLLOUT)
                writable(client);
            else
                readable(client);
        }
    }
}
