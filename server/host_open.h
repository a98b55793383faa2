/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the cache that the settings name, in this process. */
#ifndef SERVER_HOST_OPEN_H
#define SERVER_HOST_OPEN_H

#include "attrs.h"
#include "settings.h"

#include <modelhost/host.h>

#include <stdbool.h>

/* May the host ask upstreams? */
enum host_reach {
    HOST_AS_SET, /* as the settings say */
    HOST_OFFLINE /* never: it only looks at what is there, or changes it */
};

/* Open the host of the settings.
 *
 * on_event  told what happens, on any of the host's threads; its first argument is NULL
 * ret       owned by the caller, mh_host_close()
 *
 * Returns as mh_host_open(). Blocks on the disk. */
MUST_USE enum mh_code host_open(const struct settings *settings, enum host_reach reach,
                                void (*on_event)(void *arg, const struct mh_event *event),
                                struct mh_host **ret, struct mh_fault *fault);

/* An on_event for commands: warnings are told, the rest is for those who ask with -v. */
void host_tell_warnings(void *arg, const struct mh_event *event);

#endif
