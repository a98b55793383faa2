/* SPDX-License-Identifier: Apache-2.0 */
/* The watch over files that are being sent.
 *
 * The kernel sends a large file straight from its descriptor. Where the file shrinks meanwhile, the
 * HTTP library gets nothing from sendfile(2), takes that for a full socket, and waits: its client
 * would hang until the idle timeout, with a length that can no longer be kept. So every answer that
 * leaves by a descriptor stands in a list of its HTTP thread, and once a second somebody looks
 * whether the files are still as long as was promised. Where one is not, the socket is shut down,
 * and the client sees a cut body as what it is.
 *
 * A list's lock is wanted by its own thread and once a second by the sweep. The descriptor belongs
 * to the response, which may be gone before its request is over: the number is trusted only as long
 * as it is of the same file.
 *
 * It knows neither the HTTP library nor where files come from. */
#include "sending.h"

#include "fd.h"
#include "httpd.h"
#include "mem.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct sending_list {
    struct sending_list *next; /* of the server; server->sending_lock */
    pthread_mutex_t lock;
    struct sending *first; /* lock */
};

/* A process has one server, and an HTTP thread belongs to one listener of it. */
static _Thread_local struct sending_list *own;

struct sent_file
sent_file_of(int fd, uint64_t end)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return SENT_FILE_NONE;
    return (struct sent_file){.fd = fd,
                              .device = st.st_dev,
                              .inode = st.st_ino,
                              .changed_ns = stat_mtime_ns(&st),
                              .end = end};
}

bool
sent_file_is_same(const struct sent_file *file)
{
    struct stat st;

    return fstat(file->fd, &st) == 0 && stat_mtime_ns(&st) == file->changed_ns &&
           (uint64_t) st.st_size >= file->end;
}

static struct sending_list *
own_list(struct server *server)
{
    struct sending_list *list = own;

    if (list != NULL)
        return list;
    list = mem_new(struct sending_list);
    if (list == NULL)
        return NULL;
    (void) pthread_mutex_init(&list->lock, NULL); /* cannot fail without attributes */
    (void) pthread_mutex_lock(&server->sending_lock);
    list->next = server->sending;
    server->sending = list;
    (void) pthread_mutex_unlock(&server->sending_lock);
    own = list;
    return list;
}

void
sending_begin(struct server *server, struct sending *sending, const struct sent_file *file,
              int socket)
{
    struct sending_list *list = file->fd >= 0 ? own_list(server) : NULL;

    if (list == NULL)
        return;
    sending->list = list;
    sending->file = *file;
    sending->socket = socket;
    (void) pthread_mutex_lock(&list->lock);
    sending->next = list->first;
    sending->link = &list->first;
    if (sending->next != NULL)
        sending->next->link = &sending->next;
    list->first = sending;
    (void) pthread_mutex_unlock(&list->lock);
}

void
sending_end(struct sending *sending)
{
    struct sending_list *list = sending->list;

    if (list == NULL)
        return;
    (void) pthread_mutex_lock(&list->lock);
    *sending->link = sending->next;
    if (sending->next != NULL)
        sending->next->link = sending->link;
    (void) pthread_mutex_unlock(&list->lock);
    sending->list = NULL;
}

static bool
has_shrunk(const struct sent_file *file)
{
    struct stat st;

    return fstat(file->fd, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode &&
           (uint64_t) st.st_size < file->end;
}

void
sending_sweep(struct server *server)
{
    (void) pthread_mutex_lock(&server->sending_lock);
    for (struct sending_list *list = server->sending; list != NULL; list = list->next) {
        (void) pthread_mutex_lock(&list->lock);
        for (struct sending *one = list->first; one != NULL; one = one->next) {
            if (has_shrunk(&one->file))
                (void) shutdown(one->socket, SHUT_RDWR);
        }
        (void) pthread_mutex_unlock(&list->lock);
    }
    (void) pthread_mutex_unlock(&server->sending_lock);
}

void
sending_free_all(struct server *server)
{
    while (server->sending != NULL) {
        struct sending_list *list = server->sending;

        server->sending = list->next;
        (void) pthread_mutex_destroy(&list->lock);
        mem_free(list);
    }
}
