/* SPDX-License-Identifier: Apache-2.0 */
/* Pinning and unpinning groups.
 *
 * The pin stands in the metadata of the group's manifests, or of the file that no manifest names;
 * since a group is evicted as a whole, one pinned file keeps all of it. A manifest that is gone
 * cannot be pinned: there is nothing to record it in. Any thread but the fetch thread. */
#include "manage_internal.h"

#include "fault.h"

enum mh_code
manage_pin(struct manage_task *task, struct mh_fault *f)
{
    struct map *group = map_new();
    enum mh_code code = group ? MH_OK : manage_no_memory(f);

    (void) pthread_mutex_lock(&task->host->lock);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e)) {
        if (!version_of(map_value(e)))
            code = fail(f, MH_NOT_FOUND, 0, "the manifest '%s' is not in the cache; pull it first",
                        ((struct object *) map_value(e))->label);
        else if (!manage_add_group_locked(group, map_value(e)))
            code = manage_no_memory(f);
    }
    if (code == MH_OK)
        code = manage_add_heads_locked(task->files, group, f);
    if (code == MH_OK)
        code = manage_report_models_locked(&task->report, task->files, group, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    if (code == MH_OK)
        code = manage_change_set(task->host, task->files,
                                 task->action == MH_ACTION_PIN ? FATE_PINNED : FATE_UNPINNED, f);
    manage_set_free(task->host, group);
    return code;
}
