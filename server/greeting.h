/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when the server is ready. */
#ifndef SERVER_GREETING_H
#define SERVER_GREETING_H

#include "httpd.h"

/* Print on standard output: one line "modelhost: listening on URL" per address, for people and for
 * whoever started us; where other machines can come, URLs for them, on a terminal also as a QR
 * code; and the fingerprint of a certificate of our own. Main thread. */
void greet(const struct server *server);

/* Open the app in the user's browser, as --open wants it. That there is none is worth a note, and
 * never a reason not to serve. Main thread, once the server answers. */
void greet_in_browser(const struct server *server);

/* The fingerprint's line alone, when a reload has changed the certificate. */
void greet_with_fingerprint(const struct server *server);

#endif
