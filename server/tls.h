/* SPDX-License-Identifier: Apache-2.0 */
/* The server's certificate and key. */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>

/* PEM texts; owned; both NULL without TLS. */
struct tls {
    char *certificate; /* with the chain to its authority, if there is one */
    char *key;
};

/* Read both files, and make sure that they belong together.
 *
 * certificate, key  paths; borrowed
 * ret               set on OK; tls_done()
 *
 * Returns OK; NOT_FOUND, DENIED, IO or TOO_LARGE of a file; BAD_INPUT (no PEM, or of each other's
 * stranger), NOMEM. Main thread; reads files. */
MUST_USE enum mh_code tls_load(const char *certificate, const char *key, struct tls *ret,
                               struct mh_fault *fault);
void tls_done(struct tls *tls); /* wipes the key */

/* Versions and ciphers, in the order of our preference, as GnuTLS writes them. */
extern const char tls_priorities[];

#endif
