/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are being sent by descriptor, and the watch over those that shrink meanwhile. */
#ifndef SERVER_SENDING_H
#define SERVER_SENDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server;
struct sending_list;

/* Which file an answer is sent from. A plain value. */
struct sent_file {
    int fd;       /* borrowed from the response; -1: the answer is not sent from a file */
    dev_t device; /* of the file, so that a descriptor's number that was given away is seen */
    ino_t inode;
    int64_t changed_ns; /* its mtime, in nanoseconds since 1970 */
    uint64_t end;       /* bytes of the file that the answer needs, from its begin */
};

#define SENT_FILE_NONE ((struct sent_file){.fd = -1})

/* What a request holds while its answer is being sent from a file. Zero: nothing. */
struct sending {
    struct sending *next;
    struct sending **link; /* what points to it */
    struct sending_list *list;
    struct sent_file file;
    int socket;
};

/* Describe an open file; .fd is -1 where it cannot be looked at. */
struct sent_file sent_file_of(int fd, uint64_t end);

/* Is an open file what it was when it was described: neither shorter nor written to? */
bool sent_file_is_same(const struct sent_file *file);

/* Watch it until sending_end(), which must come before the socket is closed. HTTP threads. Without
 * memory it is not watched. */
void sending_begin(struct server *server, struct sending *sending, const struct sent_file *file,
                   int socket);
/* Of what was not begun, too. The same thread. */
void sending_end(struct sending *sending);

/* Cut the connections whose files have become too short for what was promised. Any thread but HTTP
 * threads; to be called about once a second. */
void sending_sweep(struct server *server);
/* Once no HTTP thread is left. */
void sending_free_all(struct server *server);

#endif
