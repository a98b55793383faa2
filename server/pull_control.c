/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A puller that is the server on the cache: the API over its control socket.
 *
 * The server goes on when we stop waiting, as it would for a browser that left. What it answers is
 * read strictly and as from a stranger; an error of it becomes a fault again, with the code that
 * its status stands for, so that the exit status is that of a pull in this process.
 */
#include "pull.h"

#include "buf.h"
#include "control_ask.h"
#include "fault.h"
#include "json.h"
#include "mem.h"
#include "model_json.h"

#include <string.h>

#define PULL_PATH   "/-/api/pull"
#define MODELS_PATH "/-/api/models"
#define STATUS_PATH "/-/api/status"

static enum mh_code
control_begin(struct puller *puller, const char *what, bool refreshes, char **ret_path,
              struct mh_fault *fault)
{
    struct buf body = BUF_INIT((size_t) 1 << 20);
    struct jsonw w = JSONW_INIT(&body);
    scoped(json_freep) struct json *answer = NULL;
    const char *path;
    enum mh_code code;

    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "what");
    jsonw_string(&w, NULL, what);
    jsonw_array_end(&w);
    if (refreshes)
        jsonw_bool(&w, "refresh", true);
    jsonw_object_end(&w);
    if (buf_is_ok(&body))
        code =
            control_ask(puller->cache_dir, "POST", PULL_PATH, buf_text(&body), 202, &answer, fault);
    else
        code = fail(fault, MH_BAD_INPUT, 0, "it is too long");
    buf_done(&body);
    if (code != MH_OK)
        return code;
    path = json_string(json_get(json_first(json_get(answer, "models")), "path"));
    if (path == NULL || path[0] != '/')
        return fail(fault, MH_CORRUPT, 0, "the server's answer does not name the model's path");
    *ret_path = str_dup(path);
    return *ret_path != NULL ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");
}

static enum mh_code
control_look(struct puller *puller, const char *path, struct mh_model *ret_model,
             struct mh_fault *fault)
{
    scoped(mem_freep) char *target = str_printf(MODELS_PATH "%s", path);
    scoped(json_freep) struct json *answer = NULL;
    enum mh_code code;

    if (target == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    code = control_ask(puller->cache_dir, "GET", target, NULL, 200, &answer, fault);
    /* The socket's absence and a 404 are one code here: foreign tells them apart. */
    if (code == MH_NOT_FOUND && fault->foreign != 404)
        return fail(fault, MH_CANCELLED, 0,
                    "the server that was pulling it has stopped; pull it again");
    return code == MH_OK ? model_json_read(answer, ret_model, fault) : code;
}

static void
control_stop(struct puller *puller)
{
}

enum mh_code
puller_control_open(struct puller *ret, const char *cache_dir, struct mh_fault *fault)
{
    struct puller puller = {
        .begin = control_begin,
        .look = control_look,
        .stop = control_stop,
        .close = control_stop,
        .cache_dir = cache_dir,
    };
    scoped(json_freep) struct json *answer = NULL;
    enum mh_code code = control_ask(cache_dir, "GET", STATUS_PATH, NULL, 200, &answer, fault);

    if (code == MH_OK)
        *ret = puller;
    return code;
}
