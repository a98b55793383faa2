/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: the one place where the HTTP library's responses are made, so that what every answer
 * must carry (CORS and its kin, design §8) is nobody's to forget. */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include "attrs.h"
#include "buf.h"
#include "problem.h"
#include "request.h"

#include <modelhost/code.h>
#include <modelhost/view.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Results of a reader besides a count of bytes. 0: the connection is paused; it is called again. */
#define REPLY_READ_END   (-1) /* of a body whose length was not known */
#define REPLY_READ_ERROR (-2) /* cut the connection */

/* Give the body's bytes from `offset` on; on the request's HTTP thread. */
typedef ssize_t reply_reader(struct request *rq, uint64_t offset, char *buffer, size_t size);

enum reply_kind {
    REPLY_EMPTY,  /* no body, length 0 */
    REPLY_ABSENT, /* no body, but the length it would have: HEAD and 304 */
    REPLY_STATIC, /* bytes that outlive the program's threads */
    REPLY_BYTES,  /* bytes on the heap */
    REPLY_FILE,   /* a part of a file */
    REPLY_READER
};

/* An answer being put together. A local variable; reply_send() empties it. */
struct reply {
    unsigned status;
    enum reply_kind kind;
    struct buf fields;     /* name NUL value NUL ... */
    const void *fixed;     /* STATIC; borrowed */
    void *bytes;           /* BYTES; owned */
    int fd;                /* FILE; owned */
    uint64_t offset;       /* FILE */
    struct sent_file file; /* FILE: what `fd` is of */
    uint64_t length;       /* of the body; MH_BYTES_UNKNOWN: chunked, ABSENT and READER only */
    reply_reader *read;    /* READER */
};

#define REPLY_FIELDS_MAX 8192
#define REPLY_INIT(status_)                                                                        \
    ((struct reply){.status = (status_),                                                           \
                    .fd = -1,                                                                      \
                    .file = SENT_FILE_NONE,                                                        \
                    .fields = BUF_INIT(REPLY_FIELDS_MAX)})

/* Add a header field. A value that no field may hold makes reply_send() fail. */
void reply_field(struct reply *reply, const char *name, const char *value);
/* Remove every field of that name, as far as it was added so far. */
void reply_remove(struct reply *reply, const char *name);
/* The value of a field as added so far, or NULL. Valid until the next change. */
const char *reply_value(const struct reply *reply, const char *name);
void reply_field_printf(struct reply *reply, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The body; the last call counts. bytes and fd are taken over. */
void reply_absent(struct reply *reply, uint64_t length);
void reply_static(struct reply *reply, const char *text);
void reply_bytes(struct reply *reply, void *bytes, size_t n);
void reply_buf(struct reply *reply, struct buf *buf); /* empties the buffer */
void reply_file(struct reply *reply, int fd, uint64_t offset, uint64_t length);
void reply_read(struct reply *reply, reply_reader *read, uint64_t length);

/* What the library will send by a descriptor; .fd is -1 where it does not. */
struct sent_file reply_sent_file(const struct request *rq, const struct reply *reply);

/* How much body the library sends by itself: nothing of ABSENT and READER. */
uint64_t reply_body_bytes(const struct reply *reply);

void reply_done(struct reply *reply); /* of one that is not sent after all */

/* Queue the answer with what every answer of its room carries. Empties the reply, whatever happens.
 * SENT, or DROP when memory ran out. */
MUST_USE enum answer reply_send(struct request *rq, struct reply *reply);

/* --- answers that are kept (ready.h) --- */

struct MHD_Response;

/* Turn a reply into a response, with what every answer of its room carries. Empties the reply. NULL
 * when memory ran out. Owned by the caller, response_release(). */
struct MHD_Response *reply_make(struct request *rq, struct reply *reply);
/* Queue a response; its reference stays the caller's.
 *
 * file        what it is sent from by a descriptor, borrowed; .fd is -1 for all others
 * body_bytes  what its body counts for */
MUST_USE enum answer response_queue(struct request *rq, unsigned status,
                                    struct MHD_Response *response, const struct sent_file *file,
                                    uint64_t body_bytes);
/* Connections that send it keep it until they are done. NULL is accepted. */
void response_release(struct MHD_Response *response);

/* --- answers that are said in one call --- */

/* An error, in the form that this client reads best (problem.h).
 *
 * status  0: what the code says
 * fault   why; its sentence says what to do about it */
MUST_USE enum answer reply_problem(struct request *rq, unsigned status, enum mh_code code,
                                   const struct mh_fault *fault);
/* The same with further header fields (Allow, Content-Range), which are taken over. */
MUST_USE enum answer reply_problem_with(struct request *rq, struct reply *reply, enum mh_code code,
                                        const struct mh_fault *fault);
/* A request that cannot be trusted to end where it says: the connection is closed after it. */
MUST_USE enum answer reply_refusal(struct request *rq, unsigned status, const char *sentence);
/* 405, with Allow. */
MUST_USE enum answer reply_not_allowed(struct request *rq, unsigned methods);
/* 204 to OPTIONS: the preflight of a page, or a plain question. */
MUST_USE enum answer reply_options(struct request *rq, unsigned methods);

#endif
