/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on what is cached, from JSON to JSON.
 *
 * The API and the commands that find no server go through here alike, so that both take the same
 * names, refuse the same mistakes and print the same answer. Every name is resolved before anything
 * is done: one that leads nowhere stops all. Any thread but an HTTP thread: it blocks on the disk.
 */
#include "action.h"

#include "fault.h"
#include "list.h"
#include "mem.h"
#include "model_json.h"
#include "units.h"

#include <string.h>

static const struct {
    const char *name;
    bool takes_none;  /* "what" may be empty or absent */
    bool takes_names; /* "what" may hold names */
} rows[] = {
    [MH_ACTION_REMOVE] = {"rm", false, true},   [MH_ACTION_PIN] = {"pin", false, true},
    [MH_ACTION_UNPIN] = {"unpin", false, true}, [MH_ACTION_VERIFY] = {"verify", true, true},
    [MH_ACTION_GC] = {"gc", true, false},
};

bool
action_of_path(const char *path, enum mh_action *ret)
{
    const size_t n = strlen(ACTION_PREFIX);

    for (size_t i = 0; strncmp(path, ACTION_PREFIX, n) == 0 && i < COUNT_OF(rows); i++) {
        if (strcmp(path + n, rows[i].name) == 0) {
            *ret = (enum mh_action) i;
            return true;
        }
    }
    return false;
}

const char *
action_name(enum mh_action action)
{
    return rows[action].name;
}

static enum mh_code
fail_what(enum mh_action action, struct mh_fault *fault)
{
    if (!rows[action].takes_names)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' takes no names: the body must be {\"what\": []}",
                    rows[action].name);
    return fail(fault, MH_BAD_INPUT, 0,
                "the body must be {\"what\": [...]} with %d to %d upstream URLs or local paths",
                rows[action].takes_none ? 0 : 1, ACTION_WHAT_MAX);
}

enum mh_code
action_resolve(const struct mh_host *host, const struct json *what, struct list *paths,
               struct mh_fault *fault)
{
    for (const struct json *item = json_first(what); item != NULL; item = json_next(item)) {
        char *path = NULL;
        enum mh_code code;

        if (json_string(item) == NULL)
            return fail(fault, MH_BAD_INPUT, 0,
                        "the body's \"what\" holds a name that is no string");
        code = mh_host_resolve(host, json_string(item), &path, fault);
        if (code != MH_OK)
            return code;
        if (!list_add(paths, path)) {
            mem_free(path);
            return fail(fault, MH_NOMEM, 0, "memory ran out");
        }
    }
    return MH_OK;
}

static enum mh_code
resolve(const struct mh_host *host, enum mh_action action, const struct json *what,
        struct list *paths, struct mh_fault *fault)
{
    const size_t count = json_count(what);

    if (json_kind_of(what) != JSON_ARRAY ||
        count > (rows[action].takes_names ? ACTION_WHAT_MAX : 0) ||
        (count == 0 && !rows[action].takes_none))
        return fail_what(action, fault);
    return action_resolve(host, what, paths, fault);
}

void
action_write_done(struct jsonw *w, const struct mh_done *done, size_t n)
{
    jsonw_array_begin(w, "models");
    for (size_t i = 0; i < n; i++) {
        jsonw_object_begin(w, NULL);
        jsonw_string(w, "path", done[i].path);
        jsonw_uint(w, "files", done[i].files);
        jsonw_uint(w, "bytes", done[i].bytes);
        if (done[i].code != MH_OK)
            model_json_write_failure(w, done[i].code, &done[i].fault);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void
write_answer(const struct mh_done *done, size_t n, struct buf *json)
{
    struct jsonw w = JSONW_INIT(json);

    jsonw_object_begin(&w, NULL);
    action_write_done(&w, done, n);
    jsonw_object_end(&w);
    buf_add_char(json, '\n');
}

/* A limit that the body gives in place of the host's. */
static enum mh_code
read_limit(const struct json *body, const char *name, uint64_t *limit, struct mh_fault *fault)
{
    const struct json *value = json_get(body, name);

    if (value == NULL || json_uint(value, limit) ||
        (json_string(value) != NULL && size_parse(json_string(value), limit)))
        return MH_OK;
    return fail(fault, MH_BAD_INPUT, 0,
                "'%s' must be a number of bytes, or a size such as \"20GiB\"", name);
}

static enum mh_code
collect_garbage(struct mh_host *host, const struct json *body, struct mh_done **ret_done,
                size_t *ret_n, struct mh_fault *fault)
{
    struct mh_limits limits;
    enum mh_code code;

    mh_host_limits(host, &limits);
    code = read_limit(body, ACTION_MAX_SIZE, &limits.max_bytes, fault);
    if (code == MH_OK)
        code = read_limit(body, ACTION_MIN_FREE, &limits.min_free_bytes, fault);
    return code == MH_OK ? mh_gc(host, &limits, ret_done, ret_n, fault) : code;
}

enum mh_code
action_run(struct mh_host *host, enum mh_action action, const struct json *body, struct buf *json,
           struct mh_fault *fault)
{
    struct list paths = LIST_INIT(ACTION_WHAT_MAX);
    struct mh_done *done = NULL;
    size_t n = 0;
    enum mh_code code = resolve(host, action, json_get(body, "what"), &paths, fault);

    if (code == MH_OK && action == MH_ACTION_GC)
        code = collect_garbage(host, body, &done, &n, fault);
    else if (code == MH_OK)
        code = mh_manage(host, action, (const char *const *) paths.items, paths.count, &done, &n,
                         fault);
    if (code == MH_OK) {
        write_answer(done, n, json);
        mh_done_free(done, n);
        if (!buf_is_ok(json))
            code = fail(fault, MH_NOMEM, 0, "memory ran out for the answer");
    }
    list_done(&paths, mem_free);
    return code;
}
