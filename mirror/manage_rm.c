/* SPDX-License-Identifier: Apache-2.0 */
/* Removing models: their files go by one commit, but for shards that another cached manifest names.
 *
 * What a removed manifest said stays known for a while (model.c), because a client that has it may
 * ask for its shards still. Any thread but the fetch thread. */
#include "manage_internal.h"

enum mh_code
manage_remove(struct manage_task *task, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&task->host->lock);
    for (struct map_entry *e = map_first(task->models); code == MH_OK && e; e = map_next(e))
        code = manage_add_files_locked(task->files, map_value(e), task->models, f);
    if (code == MH_OK)
        code = manage_report_models_locked(&task->report, task->models, task->files, f);
    (void) pthread_mutex_unlock(&task->host->lock);
    return code == MH_OK ? manage_change_set(task->host, task->files, FATE_REMOVED, f) : code;
}
