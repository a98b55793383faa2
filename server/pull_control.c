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
#include "fault.h"
#include "json.h"
#include "mem.h"
#include "model_json.h"

#include <modelhost/control.h>

#include <string.h>

#define PULL_PATH   "/-/api/pull"
#define MODELS_PATH "/-/api/models"
#define STATUS_PATH "/-/api/status"

static enum mh_code
code_of_status(long status)
{
    switch (status) {
    case 400:
    case 413:
        return MH_BAD_INPUT;
    case 401:
    case 403:
        return MH_DENIED;
    case 404:
        return MH_NOT_FOUND;
    case 502:
        return MH_UPSTREAM;
    case 503:
        return MH_BUSY;
    case 504:
        return MH_UNREACHABLE;
    case 507:
        return MH_NO_SPACE;
    default:
        return MH_IO;
    }
}

/* One exchange. On OK *ret_answer is owned by the caller; a status other than `wanted` is a
 * failure. */
static enum mh_code
ask(const struct puller *puller, const char *method, const char *path, const char *body,
    long wanted, struct json **ret_answer, struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    scoped(json_freep) struct json *answer = NULL;
    const char *detail;
    long status = 0;
    enum mh_code code =
        mh_control_call(puller->cache_dir, method, path, body, &status, &text, fault);

    if (code != MH_OK)
        return code;
    code = json_parse(text, strlen(text), &answer, fault);
    if (code != MH_OK && status == wanted) {
        fault_prepend(fault, "the server's answer to %s", path);
        return code == MH_BAD_INPUT ? MH_CORRUPT : code;
    }
    if (status != wanted) {
        detail = json_string(json_get(answer, "detail"));
        return fail(fault, code_of_status(status), (int) status, "%s",
                    detail != NULL ? detail : "the server refused without saying why");
    }
    *ret_answer = ptr_take(&answer);
    return MH_OK;
}

static enum mh_code
control_begin(struct puller *puller, const char *what, char **ret_path, struct mh_fault *fault)
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
    jsonw_object_end(&w);
    if (buf_is_ok(&body))
        code = ask(puller, "POST", PULL_PATH, buf_text(&body), 202, &answer, fault);
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
    code = ask(puller, "GET", target, NULL, 200, &answer, fault);
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
    enum mh_code code = ask(&puller, "GET", STATUS_PATH, NULL, 200, &answer, fault);

    if (code == MH_OK)
        *ret = puller;
    return code;
}
