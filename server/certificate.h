/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate this server shows: one from files, one of its own, or none. */
#ifndef SERVER_CERTIFICATE_H
#define SERVER_CERTIFICATE_H

#include "settings.h"
#include "tls.h"

#include <modelhost/host.h>

/* Load what the settings want.
 *
 * ret  on OK, owned by the caller, tls_identity_free(); NULL: the settings want no TLS
 *
 * Returns OK, or what tls_pem_read(), tls_identity_new() and self_signed_get() return. Main thread;
 * reads files, and may write those of a self-signed certificate. */
MUST_USE enum mh_code certificate_load(const struct settings *settings, struct mh_host *host,
                                       struct tls_identity **ret, struct mh_fault *fault);

#endif
