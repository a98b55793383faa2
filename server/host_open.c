/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the host of the settings, which the server and the commands do alike.
 *
 * Whether it may reach upstreams is the caller's to say and not a setting's: a command that only
 * manages the cache must not find itself fetching. The settings' texts are needed no longer than
 * the opening takes. Any thread. */
#include "host_open.h"

#include "fault.h"
#include "log.h"
#include "mem.h"

enum mh_code
host_open(const struct settings *settings, enum host_reach reach,
          void (*on_event)(void *arg, const struct mh_event *event), struct mh_host **ret,
          struct mh_fault *fault)
{
    scoped(mem_freep) struct mh_mirror_config *mirrors = NULL;
    struct mh_host_config config;
    enum mh_code code = settings_host_config(settings, &mirrors, &config);

    if (code != MH_OK)
        return fail(fault, code, 0, "memory ran out");
    config.is_offline = config.is_offline || reach == HOST_OFFLINE;
    config.on_event = on_event;
    return mh_host_open(&config, ret, fault);
}

void
host_tell_warnings(void *arg, const struct mh_event *event)
{
    const char *colon = event->path[0] != '\0' ? ": " : "";

    (void) arg;
    if (event->kind == MH_EVENT_WARNING)
        log_warning("%s%s%s", event->path, colon, event->fault->sentence);
    else if (event->kind != MH_EVENT_PUBLISHED)
        log_debug("%s%s%s", event->path, colon, event->fault->sentence);
}
