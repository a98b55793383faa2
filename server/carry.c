/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying models out and in: what the process that writes to the cache does of it.
 *
 * The bytes never pass through here. To export, the writer tells what makes up the models, and the
 * command reads the files itself; to import, the command unpacks beside the cache, and the writer
 * checks what lies there and takes it. So a server on the cache is asked two short questions over
 * its control socket, to which the files' permissions apply: they are not to be had on any other
 * listener. Where no server runs, the command is the writer.
 *
 * carry_export() and carry_import(): any thread but an HTTP thread. The rest: main thread. */
#include "carry.h"

#include "action.h"
#include "control_ask.h"
#include "fault.h"
#include "fd.h"
#include "host_open.h"
#include "list.h"
#include "mem.h"
#include "model_json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

carry_run *
carry_of_path(const char *path)
{
    if (strcmp(path, CARRY_EXPORT) == 0)
        return carry_export;
    return strcmp(path, CARRY_IMPORT) == 0 ? carry_import : NULL;
}

/* --- the writer's side --- */

static enum mh_code
end_answer(struct jsonw *w, enum mh_code code, const struct mh_fault *detail,
           struct mh_fault *fault)
{
    if (code != MH_OK)
        model_json_write_failure(w, code, detail);
    jsonw_object_end(w);
    return buf_is_ok(w->buf) ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out for the answer");
}

static enum mh_code
list_cargo(struct mh_host *host, const struct json *what, char **ret_text, struct mh_fault *fault)
{
    struct list paths = LIST_INIT(ACTION_WHAT_MAX);
    struct mh_cargo cargo = {0};
    size_t n = 0;
    enum mh_code code;

    if (json_count(what) == 0 || json_count(what) > ACTION_WHAT_MAX)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the body must be {\"what\": [...]} with 1 to %d models", ACTION_WHAT_MAX);
    code = action_resolve(host, what, &paths, fault);
    if (code == MH_OK)
        code = mh_cargo_list(host, (const char *const *) paths.items, paths.count, &cargo, fault);
    if (code == MH_OK)
        code = mh_cargo_write(&cargo, ret_text, &n, fault);
    mh_cargo_done(&cargo);
    list_done(&paths, mem_free);
    return code;
}

enum mh_code
carry_export(struct mh_host *host, const struct json *body, struct buf *json,
             struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    struct jsonw w = JSONW_INIT(json);
    struct mh_fault detail = {0};
    enum mh_code code = list_cargo(host, json_get(body, "what"), &text, &detail);

    jsonw_object_begin(&w, NULL);
    if (code == MH_OK)
        jsonw_string(&w, "cargo", text);
    return end_answer(&w, code, &detail, fault);
}

enum mh_code
carry_import(struct mh_host *host, const struct json *body, struct buf *json,
             struct mh_fault *fault)
{
    const char *stage = json_string(json_get(body, "stage"));
    struct jsonw w = JSONW_INIT(json);
    struct mh_fault detail = {0};
    struct mh_done *done = NULL;
    size_t n = 0;
    enum mh_code code;

    if (stage == NULL)
        return fail(fault, MH_BAD_INPUT, 0, "the body must be {\"stage\": NAME}");
    code = mh_import(host, stage, &done, &n, &detail);
    jsonw_object_begin(&w, NULL);
    if (code == MH_OK) {
        action_write_done(&w, done, n);
        mh_done_free(done, n);
    }
    return end_answer(&w, code, &detail, fault);
}

/* --- the command's side --- */

static enum mh_code
open_here(struct carrier *carrier, struct mh_fault *fault)
{
    *fault = (struct mh_fault){0};
    return host_open(carrier->settings, HOST_OFFLINE, host_tell_warnings, &carrier->host, fault);
}

/* The socket's absence and a 404 are one code: foreign tells them apart. */
static bool
is_no_server(enum mh_code code, const struct mh_fault *fault)
{
    return code == MH_NOT_FOUND && fault->foreign != 404;
}

enum mh_code
carrier_open(struct carrier *ret, const struct settings *settings, struct mh_fault *fault)
{
    scoped(json_freep) struct json *status = NULL;
    const char *directory = settings->cache.directory;
    enum mh_code code;

    *ret = (struct carrier){.settings = settings, .dir_fd = -1};
    code = control_ask(directory, "GET", ACTION_PREFIX "status", NULL, 200, &status, fault);
    if (is_no_server(code, fault))
        code = open_here(ret, fault);
    if (code != MH_OK)
        return code;
    ret->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return ret->dir_fd >= 0 ? MH_OK
                            : fail_errno(fault, errno, "open the cache directory '%s'", directory);
}

void
carrier_close(struct carrier *carrier)
{
    mh_host_close(carrier->host);
    fd_close(carrier->dir_fd);
    *carrier = (struct carrier){.dir_fd = -1};
}

static enum mh_code
run_here(struct carrier *carrier, const char *path, const char *body, struct json **ret,
         struct mh_fault *fault)
{
    scoped(json_freep) struct json *asked = NULL;
    scoped(buf_done) struct buf answer = BUF_INIT(ACTION_JSON_MAX);
    enum mh_code code = json_parse(body, strlen(body), &asked, fault);

    if (code == MH_OK)
        code = carry_of_path(path)(carrier->host, asked, &answer, fault);
    return code == MH_OK ? json_parse(buf_text(&answer), answer.length, ret, fault) : code;
}

enum mh_code
carrier_ask(struct carrier *carrier, const char *path, const char *body, struct json **ret_answer,
            struct mh_fault *fault)
{
    scoped(json_freep) struct json *answer = NULL;
    enum mh_code code = MH_OK;

    if (carrier->host == NULL)
        code = control_ask(carrier->settings->cache.directory, "POST", path, body, 200, &answer,
                           fault);
    /* Both commands can be given again without harm, whatever became of the first time. */
    if (code == MH_UNREACHABLE)
        code = fail(fault, MH_CANCELLED, 0,
                    "the server on the cache stopped before it answered; run the command again");
    if (carrier->host == NULL && is_no_server(code, fault)) /* it has stopped meanwhile */
        code = open_here(carrier, fault);
    if (code == MH_OK && answer == NULL)
        code = run_here(carrier, path, body, &answer, fault);
    if (code == MH_OK)
        code = model_json_read_failure(json_get(answer, "failure"), fault);
    if (code == MH_OK)
        *ret_answer = ptr_take(&answer);
    return code;
}
