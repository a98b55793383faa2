/* SPDX-License-Identifier: Apache-2.0 */
/* The server's certificate and key: read, checked, and given to every handshake. */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>

/* Two PEM texts; owned; tls_pem_done(). */
struct tls_pem {
    char *certificate; /* with the chain to its authority, if there is one */
    char *key;
};

/* Read both from files.
 *
 * certificate, key  paths; borrowed
 * ret               set on OK; tls_pem_done()
 *
 * Returns OK; NOT_FOUND, DENIED, IO or TOO_LARGE of a file; NOMEM. Reads files. */
MUST_USE enum mh_code tls_pem_read(const char *certificate, const char *key, struct tls_pem *ret,
                                   struct mh_fault *fault);
void tls_pem_done(struct tls_pem *pem); /* wipes the key */

/* A certificate with its key, as handshakes take it. Immutable. */
struct tls_identity;

/* Make one of two texts that belong together.
 *
 * pem                    borrowed
 * certificate_name, ...  what the texts are called in messages; borrowed
 * ret                    on OK, owned by the caller, tls_identity_free()
 *
 * Returns OK; BAD_INPUT (no PEM, or of each other's stranger); NOMEM. Any thread. */
MUST_USE enum mh_code tls_identity_new(const struct tls_pem *pem, const char *certificate_name,
                                       const char *key_name, struct tls_identity **ret,
                                       struct mh_fault *fault);
/* Those that it took the place of are freed, too: no handshake may be under way, nor any session
 * that began with one of them. NULL is accepted. */
void tls_identity_free(struct tls_identity *identity);

/* Do both show the same certificate? NULL is nobody's. */
bool tls_identity_is_same(const struct tls_identity *a, const struct tls_identity *b);

#define TLS_FINGERPRINT_SIZE 96
/* The SHA-256 of the certificate as browsers show it: "AB:CD:...". Returns ret. */
const char *tls_identity_fingerprint(const struct tls_identity *identity,
                                     char ret[TLS_FINGERPRINT_SIZE]);

/* From the next handshake on, of all listeners, this is shown. A process has one server.
 *
 * identity  stays the caller's, and must live until no daemon is left; NULL ends it all
 * previous  what was shown before, or NULL; it belongs to `identity` from now on, since sessions
 *           that began with it may still be open */
void tls_present(struct tls_identity *identity, struct tls_identity *previous);

/* What MHD_OPTION_HTTPS_CERT_CALLBACK wants: a gnutls_certificate_retrieve_function2 *. */
void *tls_callback(void);

/* Versions and ciphers, in the order of our preference, as GnuTLS writes them. */
extern const char tls_priorities[];

#endif
