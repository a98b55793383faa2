/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls and refreshes that are asked for (include/modelhost/model.h).
 *
 * A pull is what a client does that asks for a manifest and hangs up: the flight goes on. A refresh
 * is what a stale answer begins by itself (refresh.c), only that nobody has to be sent a stale
 * answer for it, and that its age does not matter. It counts as nobody's use of the model, so it
 * waits for no quiet but that of real clients.
 *
 * Any thread; nothing here blocks on the disk or the network. */
#include <modelhost/model.h>

#include "buf.h"
#include "fault.h"
#include "flight.h"
#include "model.h"
#include "name.h"
#include "refresh.h"

#include <modelhost/view.h>

/* The object of a local path, or NULL. */
static struct object *
find_locked(struct mh_host *host, const char *path)
{
    const char *below = NULL;
    const struct mirror *mirror = host_mirror_of(host, path, &below);
    scoped(buf_done) struct buf name = BUF_INIT(16384);

    /* What is wrong with a path is told by whoever opens a view of it. */
    if (!mirror ||
        name_from_target(below, (const char *const *) mirror->query_ignore, &name, NULL) != MH_OK)
        return NULL;
    return object_find_locked(host, mirror, buf_text(&name));
}

static void
forget_failures_locked(struct object *object)
{
    object_set_failure_locked(object, MH_OK, NULL);
    for (size_t i = 0; object->model && i < object->model->part_count; i++)
        object_set_failure_locked(object->model->parts[i].object, MH_OK, NULL);
}

enum mh_code
mh_pull(struct mh_host *host, const char *path, struct mh_fault *fault)
{
    struct mh_view *view = NULL;

    (void) pthread_mutex_lock(&host->lock);
    struct object *object = find_locked(host, path);

    if (object)
        forget_failures_locked(object);
    (void) pthread_mutex_unlock(&host->lock);
    enum mh_code code = mh_view_open(host, path, &view, fault);

    mh_view_close(view);
    return code;
}

static enum mh_code
refresh_locked(struct mh_host *host, struct object *object, const char *path, struct mh_fault *f)
{
    refresh_start_locked(object, true);
    if (object->refresh)
        return MH_OK;
    if (host->is_stopping)
        return fail(f, MH_CANCELLED, 0, "the server is stopping");
    return fail(f, MH_BUSY, 0, "a file of '%s' is being fetched or removed; try again shortly",
                path);
}

enum mh_code
mh_refresh(struct mh_host *host, const char *path, struct mh_fault *fault)
{
    bool is_cached = false;
    enum mh_code code = mh_host_check_writable(host, fault);

    if (code != MH_OK)
        return code;
    if (host->is_offline)
        return fail(fault, MH_UNREACHABLE, 0,
                    "'%s' cannot be revalidated: this is offline (offline = on)", path);
    (void) pthread_mutex_lock(&host->lock);
    struct object *object = find_locked(host, path);

    if (!host->has_scanned) {
        code = fail(fault, MH_BUSY, 0, "the cache is still being looked through");
    } else if (object && atomic_load_explicit(&object->current, memory_order_relaxed)) {
        is_cached = true;
        code = refresh_locked(host, object, path, fault);
    }
    (void) pthread_mutex_unlock(&host->lock);
    return code == MH_OK && !is_cached ? mh_pull(host, path, fault) : code;
}
