/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, as libmicrohttpd responses.
 *
 * A reply is plain data until reply_send() turns it into a response, adds what every answer of its
 * room carries, queues it, and lets go of it. Which kind of response it becomes follows from what
 * was tried (design §4): descriptors and callbacks serve one request each, a callback's block is
 * 16 KiB, and nothing is shared but memory. A HEAD and a 304 get a response of the right length
 * whose callback is never called, so that their Content-Length is that of the body left out.
 *
 * HTTP threads; the only file beside httpd.c and request.c that knows the HTTP library. It refuses
 * to know what an answer means: statuses and bodies come from the answer functions. */
#include "reply.h"

#include "app_fields.h"
#include "fd.h"
#include "mem.h"

#include <assert.h>
#include <ctype.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLOCK_BYTES 16384
/* What the library gives to sendfile(2) at once. Up to here the head and the body share a packet;
 * of a longer body it pushes the head by itself, whatever the socket's options are. */
#define CORKED_MAX_BYTES 131072
#define ECHO_MAX         1024
#define PREFLIGHT_AGE    "86400"

_Static_assert(MH_BYTES_UNKNOWN == MHD_SIZE_UNKNOWN, "both say that a length is not known");

/* --- putting a reply together --- */

void
reply_field(struct reply *reply, const char *name, const char *value)
{
    buf_add(&reply->fields, name, strlen(name) + 1);
    buf_add(&reply->fields, value, strlen(value) + 1);
}

void
reply_field_printf(struct reply *reply, const char *name, const char *format, ...)
{
    va_list arguments;

    buf_add(&reply->fields, name, strlen(name) + 1);
    va_start(arguments, format);
    buf_vprintf(&reply->fields, format, arguments);
    va_end(arguments);
    buf_add_char(&reply->fields, '\0');
}

/* The end of the field at `at`, which begins with its name. */
static size_t
field_end(const struct buf *fields, size_t at)
{
    at += strlen(fields->text + at) + 1;
    return at + strlen(fields->text + at) + 1;
}

void
reply_remove(struct reply *reply, const char *name)
{
    struct buf *fields = &reply->fields;

    for (size_t at = 0; at < fields->length;) {
        const size_t end = field_end(fields, at);

        if (strcasecmp(fields->text + at, name) != 0) {
            at = end;
            continue;
        }
        memmove(fields->text + at, fields->text + end, fields->length - end);
        fields->length -= end - at;
    }
}

const char *
reply_value(const struct reply *reply, const char *name)
{
    for (size_t at = 0; at < reply->fields.length; at = field_end(&reply->fields, at)) {
        if (strcasecmp(reply->fields.text + at, name) == 0)
            return reply->fields.text + at + strlen(reply->fields.text + at) + 1;
    }
    return NULL;
}

static void
drop_body(struct reply *reply)
{
    mem_free(reply->bytes);
    fd_close(reply->fd);
    reply->bytes = NULL;
    reply->fd = -1;
    reply->length = 0;
    reply->kind = REPLY_EMPTY;
}

void
reply_absent(struct reply *reply, uint64_t length)
{
    drop_body(reply);
    reply->kind = REPLY_ABSENT;
    reply->length = length;
}

void
reply_static(struct reply *reply, const char *text)
{
    drop_body(reply);
    reply->kind = REPLY_STATIC;
    reply->fixed = text;
    reply->length = strlen(text);
}

void
reply_bytes(struct reply *reply, void *bytes, size_t n)
{
    drop_body(reply);
    reply->kind = REPLY_BYTES;
    reply->bytes = bytes;
    reply->length = n;
}

void
reply_buf(struct reply *reply, struct buf *buf)
{
    const size_t n = buf->length;
    char *text = buf_take(buf);

    if (text == NULL)
        reply->fields.has_failed = true; /* reply_send() will say so */
    else
        reply_bytes(reply, text, n);
}

void
reply_file(struct reply *reply, int fd, uint64_t offset, uint64_t length)
{
    drop_body(reply);
    reply->kind = REPLY_FILE;
    reply->fd = fd;
    reply->file = sent_file_of(fd, offset + length);
    reply->offset = offset;
    reply->length = length;
}

void
reply_read(struct reply *reply, reply_reader *read, uint64_t length)
{
    drop_body(reply);
    reply->kind = REPLY_READER;
    reply->read = read;
    reply->length = length;
}

void
reply_done(struct reply *reply)
{
    drop_body(reply);
    buf_done(&reply->fields);
}

/* --- what every answer of a room carries --- */

static bool
is_for_all_pages(const struct request *rq)
{
    return rq->route == NULL || (rq->route->room != ROUTE_API && rq->route->room != ROUTE_PAGE);
}

/* The value of Access-Control-Allow-Origin for this client, or NULL: none. */
static const char *
allowed_origin(struct request *rq)
{
    const struct strings *allowed = &rq->server->settings->cors.allow_origin;
    const char *origin;

    if (allowed->count == 0)
        return NULL;
    if (strcmp(allowed->items[0], "*") == 0)
        return "*";
    origin = request_field(rq, "Origin");
    for (size_t i = 0; origin != NULL && i < allowed->count; i++) {
        if (strcasecmp(allowed->items[i], origin) == 0)
            return allowed->items[i];
    }
    return NULL;
}

/* Does the answer depend on who asks? Then caches must know, also where the asker was refused. */
static bool
varies_by_origin(const struct request *rq)
{
    const struct strings *allowed = &rq->server->settings->cors.allow_origin;

    return allowed->count > 0 && strcmp(allowed->items[0], "*") != 0;
}

static void
add_room_fields(struct request *rq, struct reply *reply)
{
    const char *origin;

    if (!is_for_all_pages(rq))
        return;
    origin = allowed_origin(rq);
    if (origin != NULL) {
        reply_field(reply, "Access-Control-Allow-Origin", origin);
        reply_field(reply, "Access-Control-Expose-Headers",
                    "Content-Length, Content-Range, Accept-Ranges, ETag, Age, X-Cache, "
                    "Cache-Status, Modelhost-Error");
    }
    if (varies_by_origin(rq))
        reply_field(reply, "Vary", "Origin");
    reply_field(reply, "Cross-Origin-Resource-Policy", "cross-origin");
    reply_field(reply, "Timing-Allow-Origin", "*");
}

/* --- responses --- */

static ssize_t
read_body(void *arg, uint64_t offset, char *buffer, size_t size)
{
    struct request *rq = arg;
    ssize_t n = rq->read(rq, offset, buffer, size < BLOCK_BYTES ? size : BLOCK_BYTES);

    if (n == REPLY_READ_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    rq->sent_bytes += (uint64_t) n;
    return n;
}

/* Of a body that is never sent. */
static ssize_t
read_nothing(void *arg, uint64_t offset, char *buffer, size_t size)
{
    (void) arg;
    (void) offset;
    (void) buffer;
    (void) size;
    assert(false); /* the library knows that neither has a body */
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *
response_of_memory(struct reply *reply)
{
    struct MHD_Response *response =
        reply->kind == REPLY_BYTES
            ? MHD_create_response_from_buffer_with_free_callback((size_t) reply->length,
                                                                 reply->bytes, mem_free)
            : MHD_create_response_from_buffer((size_t) reply->length, (void *) reply->fixed,
                                              MHD_RESPMEM_PERSISTENT);

    if (response != NULL)
        reply->bytes = NULL;
    return response;
}

static struct MHD_Response *
response_of_file(struct reply *reply)
{
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(reply->length, reply->fd, reply->offset);

    if (response != NULL)
        reply->fd = -1;
    return response;
}

/* A part of a file that goes out through a callback. */
struct file_part {
    int fd; /* owned */
    uint64_t offset;
};

static ssize_t
read_file_part(void *arg, uint64_t offset, char *buffer, size_t size)
{
    const struct file_part *part = arg;
    const ssize_t n = fd_pread_full(part->fd, buffer, size < BLOCK_BYTES ? size : BLOCK_BYTES,
                                    part->offset + offset);

    /* It is asked for no more than there is to send: a file that ends is one that was cut. */
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
free_file_part(void *arg)
{
    struct file_part *part = arg;

    fd_close(part->fd);
    mem_free(part);
}

/* The library reads descriptors in small pieces under TLS, at a third of the speed. */
static struct MHD_Response *
response_of_file_under_tls(struct reply *reply)
{
    struct file_part *part = mem_new(struct file_part);
    struct MHD_Response *response;

    if (part == NULL)
        return NULL;
    part->fd = reply->fd;
    part->offset = reply->offset;
    response = MHD_create_response_from_callback(reply->length, BLOCK_BYTES, read_file_part, part,
                                                 free_file_part);
    if (response != NULL)
        reply->fd = -1;
    else
        mem_free(part);
    return response;
}

static struct MHD_Response *
response_of(struct request *rq, struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_ABSENT:
        return MHD_create_response_from_callback(reply->length, 1, read_nothing, NULL, NULL);
    case REPLY_STATIC:
    case REPLY_BYTES:
        return response_of_memory(reply);
    case REPLY_FILE:
        return rq->listener->is_tls ? response_of_file_under_tls(reply) : response_of_file(reply);
    case REPLY_READER:
        rq->read = reply->read;
        return MHD_create_response_from_callback(reply->length, BLOCK_BYTES, read_body, rq, NULL);
    case REPLY_EMPTY:
    default:
        return MHD_create_response_from_buffer(0, (void *) "", MHD_RESPMEM_PERSISTENT);
    }
}

static bool
add_fields(struct MHD_Response *response, const struct buf *fields)
{
    const char *text = buf_text(fields);

    for (size_t i = 0; i < fields->length;) {
        const char *name = text + i;
        const char *value = name + strlen(name) + 1;

        if (MHD_add_response_header(response, name, value) != MHD_YES)
            return false;
        i += strlen(name) + strlen(value) + 2;
    }
    return true;
}

struct MHD_Response *
reply_make(struct request *rq, struct reply *reply)
{
    struct MHD_Response *response = NULL;

    add_room_fields(rq, reply);
    if (rq->route != NULL && rq->route->room == ROUTE_APP && buf_is_ok(&reply->fields))
        app_fields_apply(&rq->server->settings->server, reply);
    if (buf_is_ok(&reply->fields))
        response = response_of(rq, reply);
    if (response != NULL && !add_fields(response, &reply->fields)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    reply_done(reply);
    return response;
}

enum answer
response_queue(struct request *rq, unsigned status, struct MHD_Response *response,
               const struct sent_file *file, uint64_t body_bytes)
{
    rq->queued_bytes = rq->is_head ? 0 : body_bytes;
    if (file->fd >= 0 && !rq->is_head) {
        if (body_bytes <= CORKED_MAX_BYTES)
            request_cork(rq);
        sending_begin(rq->server, &rq->sending, file, request_socket(rq));
    }
    return MHD_queue_response(rq->connection, status, response) == MHD_YES ? ANSWER_SENT
                                                                           : ANSWER_DROP;
}

void
response_release(struct MHD_Response *response)
{
    if (response != NULL)
        MHD_destroy_response(response);
}

/* Under TLS a file is read by a callback, which sees for itself where it ends. */
struct sent_file
reply_sent_file(const struct request *rq, const struct reply *reply)
{
    return reply->kind == REPLY_FILE && !rq->listener->is_tls ? reply->file : SENT_FILE_NONE;
}

/* What the library sends by itself; a reader counts what it hands out. */
uint64_t
reply_body_bytes(const struct reply *reply)
{
    return reply->kind == REPLY_STATIC || reply->kind == REPLY_BYTES || reply->kind == REPLY_FILE
               ? reply->length
               : 0;
}

enum answer
reply_send(struct request *rq, struct reply *reply)
{
    const uint64_t body_bytes = reply_body_bytes(reply);
    const struct sent_file file = reply_sent_file(rq, reply);
    struct MHD_Response *response = reply_make(rq, reply);
    enum answer answer = ANSWER_DROP;

    if (response != NULL)
        answer = response_queue(rq, reply->status, response, &file, body_bytes);
    response_release(response); /* the connection holds it until it is sent */
    return answer;
}

/* --- OPTIONS --- */

/* May a list of header names be sent back as it came? */
static bool
is_name_list(const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n > ECHO_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char) text[i]) && strchr("!#$%&'*+-.^_`|~, ", text[i]) == NULL)
            return false;
    }
    return true;
}

/* The Fetch standard's CORS preflight, and the private-network one of browsers. */
static void
add_preflight(struct request *rq, struct reply *reply, const char *methods)
{
    const char *names = request_field(rq, "Access-Control-Request-Headers");
    const char *private_network = request_field(rq, "Access-Control-Request-Private-Network");

    reply_field(reply, "Access-Control-Allow-Methods", methods);
    /* Named, not "*": the star does not cover Authorization. */
    if (names != NULL && is_name_list(names))
        reply_field(reply, "Access-Control-Allow-Headers", names);
    if (private_network != NULL && strcasecmp(private_network, "true") == 0)
        reply_field(reply, "Access-Control-Allow-Private-Network", "true");
    reply_field(reply, "Access-Control-Max-Age", PREFLIGHT_AGE);
}

enum answer
reply_options(struct request *rq, unsigned methods)
{
    struct reply reply = REPLY_INIT(204);
    struct buf allow = BUF_INIT(128);

    methods_write(methods, &allow);
    reply_field(&reply, "Allow", buf_text(&allow));
    if (is_for_all_pages(rq) && request_field(rq, "Access-Control-Request-Method") != NULL &&
        allowed_origin(rq) != NULL)
        add_preflight(rq, &reply, buf_text(&allow));
    buf_done(&allow);
    return reply_send(rq, &reply);
}
