/* SPDX-License-Identifier: Apache-2.0 */
/* What httpd.c hands to libmicrohttpd: the callbacks of request.c. Private to those two. */
#ifndef SERVER_MHD_CALLBACKS_H
#define SERVER_MHD_CALLBACKS_H

#include <microhttpd.h>
#include <stddef.h>

/* In all of them `listener` is the struct listener that the connection came in by. */

/* The request line has been read: makes the struct request, which becomes *context. */
void *request_on_target(void *listener, const char *target, struct MHD_Connection *connection);

/* Called for the head, for each piece of a body, and for the end, and again after each wait. */
enum MHD_Result request_on_access(void *listener, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_bytes, void **context);

/* The answer was sent, or the connection is gone. Frees the request. */
void request_on_completed(void *listener, struct MHD_Connection *connection, void **context,
                          enum MHD_RequestTerminationCode why);

/* Leaves escapes alone: a target is decoded once, and not by the library. */
size_t request_on_unescape(void *listener, struct MHD_Connection *connection, char *text);

#endif
