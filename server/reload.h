/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: the configuration and the certificate, read again. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "command.h"
#include "config.h"
#include "httpd.h"

/* What has been in force. Begins as RELOAD_INIT, ends with reload_done(). */
struct reload {
    const struct invocation *invocation; /* borrowed */
    const struct config *config;         /* in force; borrowed, or an item of `kept` */
    struct list kept;                    /* struct config: requests may still look at old ones */
};

#define RELOADS_MAX 10000
#define RELOAD_INIT(invocation_, config_)                                                          \
    ((struct reload){                                                                              \
        .invocation = (invocation_), .config = (config_), .kept = LIST_INIT(RELOADS_MAX)})

/* Read everything again, and apply what the table of settings says a reload applies. Mistakes are
 * told, and leave all as it was; a certificate that cannot be used leaves the one that there is.
 * Main thread. */
void reload_now(struct reload *reload, struct server *server);

/* Once no HTTP thread is left. */
void reload_done(struct reload *reload);

#endif
