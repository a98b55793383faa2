/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost verify`: every file is hashed again; what is bad is told, and leaves the cache.
 *
 * With --repair what was bad or missing is pulled again, exactly as `pull` would, and the exit
 * status is then that of the pull: 0 when the cache is whole again. Main thread. */
#include "action_command.h"
#include "list.h"
#include "log.h"

#include <string.h>

static bool
find_bad(const struct json *models, struct list *paths)
{
    bool is_all = true;

    for (const struct json *item = json_first(models); item != NULL; item = json_next(item)) {
        const char *path = json_string(json_get(item, "path"));

        if (path != NULL && json_kind_of(json_get(item, "failure")) == JSON_OBJECT)
            is_all = list_add(paths, (void *) (uintptr_t) path) && is_all;
    }
    return is_all;
}

static int
repair(const struct invocation *invocation, const struct config *config, const struct json *models,
       int status)
{
    struct list paths = LIST_INIT(0);
    struct invocation again = *invocation;

    if (!find_bad(models, &paths)) {
        log_error("verify: memory ran out; nothing was repaired");
        status = exit_status_of(MH_NOMEM);
    } else if (paths.count > 0) {
        again.words = (char **) paths.items;
        again.word_count = paths.count;
        again.is_quiet = invocation->is_quiet || invocation->wants_json;
        again.wants_json = false;                     /* the report stands already */
        memset(again.params, 0, sizeof again.params); /* these are paths, and no names */
        status = cmd_pull(&again, config);
    }
    list_done(&paths, NULL);
    return status;
}

int
cmd_verify(const struct invocation *invocation, const struct config *config)
{
    scoped(json_freep) struct json *answer = NULL;
    int status = action_command(invocation, config, MH_ACTION_VERIFY, "checked", &answer);

    if (!invocation->wants_repair) {
        if (answer != NULL && status != 0)
            log_note("`modelhost verify --repair` fetches what is bad or missing again");
        return status;
    }
    return repair(invocation, config, json_get(answer, "models"), status);
}
