/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that the server makes for itself. */
#ifndef SERVER_SELF_SIGNED_H
#define SERVER_SELF_SIGNED_H

#include "settings.h"
#include "tls.h"

#include <stdint.h>

/* In the cache directory. */
#define SELF_SIGNED_CERTIFICATE "tls-self-signed.crt"
#define SELF_SIGNED_KEY         "tls-self-signed.key"

#define SELF_SIGNED_VALID_DAYS 396 /* browsers take 398 at most, counted from an hour ago */
#define SELF_SIGNED_RENEW_DAYS 30  /* one that ends so soon is made anew */

/* Read the certificate and its key, or make them: where there is none, where a name is not in it,
 * and where it will soon be over. The key stays as long as it can be used, so that who trusts the
 * key goes on to. A note says when a new one took an old one's place.
 *
 * dir_fd  the directory that holds both; borrowed
 * names   host names and numeric addresses that it must be for; at least one; borrowed
 * now     seconds since the epoch
 * ret     on OK, owned by the caller, tls_pem_done()
 *
 * Returns OK; IO, DENIED or NO_SPACE of the directory; UNSUPPORTED (GnuTLS would not); NOMEM.
 * Main thread; reads and writes files. */
MUST_USE enum mh_code self_signed_get(int dir_fd, const struct strings *names, int64_t now,
                                      struct tls_pem *ret, struct mh_fault *fault);

#endif
