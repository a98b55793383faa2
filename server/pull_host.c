/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A puller that is a host in this process: the cache's own, where no server runs on it, or a
 * temporary one. The library does the work on its threads; here its calls are only put behind the
 * puller's interface. Failures of flights are told by the models, so its events are worth a line
 * with -v only.
 */
#include "pull.h"

#include "log.h"
#include "mem.h"

static enum mh_code
host_begin(struct puller *puller, const char *what, bool refreshes, char **ret_path,
           struct mh_fault *fault)
{
    scoped(mem_freep) char *path = NULL;
    enum mh_code code = mh_host_resolve(puller->host, what, &path, fault);

    if (code == MH_OK)
        code =
            refreshes ? mh_refresh(puller->host, path, fault) : mh_pull(puller->host, path, fault);
    if (code == MH_OK)
        *ret_path = ptr_take(&path);
    return code;
}

static enum mh_code
host_look(struct puller *puller, const char *path, struct mh_model *ret_model,
          struct mh_fault *fault)
{
    return mh_model_get(puller->host, path, ret_model, fault);
}

static void
host_stop(struct puller *puller)
{
    mh_host_stop(puller->host);
}

static void
host_close(struct puller *puller)
{
    mh_host_close(puller->host);
    puller->host = NULL;
}

void
puller_on_event(void *arg, const struct mh_event *event)
{
    (void) arg;
    if (event->kind != MH_EVENT_PUBLISHED)
        log_debug("%s%s%s", event->path, event->path[0] != '\0' ? ": " : "",
                  event->fault->sentence);
}

void
puller_host_init(struct puller *ret, struct mh_host *host)
{
    *ret = (struct puller){
        .begin = host_begin,
        .look = host_look,
        .stop = host_stop,
        .close = host_close,
        .host = host,
    };
}
