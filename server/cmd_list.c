/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost list`: the models in the cache, how complete, how big, when used.
 *
 * The server that runs on the cache is asked; where there is none, this process opens the cache and
 * looks through it. Models come in the order of their paths, one line each, so that the output can
 * be cut and compared. An empty cache prints nothing and is no failure. Main thread. */
#include "action.h"
#include "action_command.h"
#include "control_ask.h"
#include "fault.h"
#include "host_open.h"
#include "log.h"
#include "mem.h"
#include "model_json.h"
#include "units.h"

#include <modelhost/model.h>

#include <stdio.h>
#include <string.h>

static enum mh_code
read_models(const struct json *answer, struct mh_model **ret, size_t *ret_n, struct mh_fault *fault)
{
    const struct json *models = json_get(answer, "models");
    struct mh_model *found;
    size_t n = 0;
    enum mh_code code = MH_OK;

    if (json_kind_of(models) != JSON_ARRAY)
        return fail(fault, MH_CORRUPT, 0, "the server's answer does not hold a list of models");
    found = mem_calloc(json_count(models) + 1, sizeof *found);
    if (found == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    for (const struct json *item = json_first(models); item != NULL && code == MH_OK;
         item = json_next(item)) {
        code = model_json_read(item, &found[n], fault);
        n += code == MH_OK;
    }
    if (code != MH_OK) {
        mh_models_free(found, n);
        return code;
    }
    *ret = found;
    *ret_n = n;
    return MH_OK;
}

static enum mh_code
list_here(const struct settings *settings, struct mh_model **ret, size_t *ret_n,
          struct mh_fault *fault)
{
    struct mh_host *host = NULL;
    enum mh_code code = host_open(settings, HOST_OFFLINE, host_tell_warnings, &host, fault);

    if (code == MH_OK)
        code = mh_host_wait_scanned(host, fault);
    if (code == MH_OK)
        code = mh_models_list(host, ret, ret_n, fault);
    mh_host_close(host);
    return code;
}

static enum mh_code
list_anywhere(const struct settings *settings, struct mh_model **ret, size_t *ret_n,
              struct mh_fault *fault)
{
    scoped(json_freep) struct json *answer = NULL;
    enum mh_code code = control_ask(settings->cache.directory, "GET", ACTION_PREFIX "models", NULL,
                                    200, &answer, fault);

    if (code == MH_OK)
        return read_models(answer, ret, ret_n, fault);
    if (code != MH_NOT_FOUND || fault->foreign == 404)
        return code;
    *fault = (struct mh_fault){0};
    return list_here(settings, ret, ret_n, fault);
}

/* --- telling --- */

static void
print_one(const struct mh_model *model)
{
    char size[UNIT_TEXT_SIZE];

    printf("%-10s %10s %5u/%-5u %-6s %s\n", mh_model_state_name(model->state),
           size_format(model->bytes, size), model->files_present, model->files,
           model->is_pinned ? "pinned" : "-", model->path);
}

static bool
print_json(const struct mh_model *models, size_t n)
{
    scoped(buf_done) struct buf out = BUF_INIT(ACTION_JSON_MAX);
    struct jsonw w = JSONW_INIT(&out);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "models");
    for (size_t i = 0; i < n; i++)
        model_json_write(&w, NULL, &models[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return action_print(&out);
}

int
cmd_list(const struct invocation *invocation, const struct config *config)
{
    struct mh_model *models = NULL;
    struct mh_fault fault = {0};
    size_t n = 0;
    int status = 0;
    enum mh_code code = list_anywhere(&config->settings, &models, &n, &fault);

    if (code != MH_OK) {
        log_error("list: %s", fault.sentence);
        return exit_status_of(code);
    }
    if (invocation->wants_json)
        status = print_json(models, n) ? 0 : 1;
    else
        for (size_t i = 0; i < n; i++)
            print_one(&models[i]);
    mh_models_free(models, n);
    return status;
}
