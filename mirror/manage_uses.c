/* SPDX-License-Identifier: Apache-2.0 */
/* Writing down when models were last used, at the end of the host.
 *
 * Only a manifest's time is written, or that of what no manifest names: a group is as old as its
 * youngest file. Losing it costs only the order of eviction, hence one bounded commit, and no
 * failure of the closing. The host's threads are gone: nothing is locked. */
#include "manage_internal.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "model.h"

#define NOTE_MAX     1000 /* times of use written at the end */
#define NOTE_AFTER_S 60

static int64_t
last_use_of(const struct object *object)
{
    int64_t last = atomic_load_explicit(&object->used_at, memory_order_relaxed);

    for (size_t i = 0; object->model && i < object->model->part_count; i++) {
        int64_t used_at =
            atomic_load_explicit(&object->model->parts[i].object->used_at, memory_order_relaxed);

        last = used_at > last ? used_at : last;
    }
    return last;
}

/* What was removed by hand meanwhile must not come back as metadata without bytes. */
static bool
is_on_disk(const struct object *object, const struct version *version)
{
    scoped(fd_closep) int fd = -1;

    return store_open_object(object->host->store, object->mirror->name, version->place,
                             &version->meta, &fd, NULL) == MH_OK;
}

/* Only a manifest's time is written, or that of what no manifest names: a group is as old as its
 * youngest file. What changed by less than a minute is not worth a write. */
static size_t
collect_uses(struct mh_host *host, struct store_step *steps)
{
    size_t n = 0;

    for (struct map_entry *e = map_first(host->index); e && n < NOTE_MAX; e = map_next(e)) {
        struct object *object = map_value(e);
        struct version *version = version_of(object);
        int64_t last = last_use_of(object);

        if (!version || object->leaving || (!object->model && object->named_by.count > 0) ||
            last - version->meta.used_at < NOTE_AFTER_S || !is_on_disk(object, version))
            continue;
        version->meta.used_at = last; /* nobody else is left who could read it */
        steps[n++] = (struct store_step){.action = STORE_META,
                                         .mirror = object->mirror->name,
                                         .meta = &version->meta,
                                         .place = version->place};
    }
    return n;
}

void
manage_note_uses(struct mh_host *host)
{
    scoped(mem_freep) struct store_step *steps = mem_calloc(NOTE_MAX, sizeof(*steps));
    struct mh_fault fault = {0};

    if (!steps || !host->index || !host->store)
        return;
    enum mh_code code = store_commit(host->store, steps, collect_uses(host, steps), &fault);

    if (code != MH_OK)
        host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
}
