/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that manage the cache: rm, pin, unpin, verify, gc.
 *
 * Where a server runs on the cache it is asked to do the work, since one process alone writes to a
 * cache; otherwise this process takes the cache's LOCK for as long as it takes. Both ways give the
 * same JSON, and what people see is made from that. A bad file that `verify` found goes to standard
 * error and decides the exit status, as its code says. Main thread. */
#include "action_command.h"

#include "action.h"
#include "catalog_words.h"
#include "control_ask.h"
#include "fault.h"
#include "host_open.h"
#include "log.h"
#include "mem.h"
#include "model_json.h"
#include "units.h"

#include <stdio.h>
#include <string.h>

/* --- who does it --- */

static enum mh_code
run_here(const struct settings *settings, enum mh_action action, const char *body,
         struct json **ret, struct mh_fault *fault)
{
    struct mh_host *host = NULL;
    scoped(json_freep) struct json *asked = NULL;
    scoped(buf_done) struct buf answer = BUF_INIT(ACTION_JSON_MAX);
    enum mh_code code = host_open(settings, HOST_OFFLINE, host_tell_warnings, &host, fault);

    if (code == MH_OK)
        code = json_parse(body, strlen(body), &asked, fault);
    if (code == MH_OK)
        code = action_run(host, action, asked, &answer, fault);
    if (code == MH_OK)
        code = json_parse(buf_text(&answer), answer.length, ret, fault);
    mh_host_close(host);
    return code;
}

static enum mh_code
run_anywhere(const struct settings *settings, enum mh_action action, const char *body,
             struct json **ret, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = str_printf(ACTION_PREFIX "%s", action_name(action));
    enum mh_code code;

    if (path == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    code = control_ask(settings->cache.directory, "POST", path, body, 200, ret, fault);
    /* The socket's absence and a 404 are one code: foreign tells them apart. */
    if (code != MH_NOT_FOUND || fault->foreign == 404)
        return code;
    *fault = (struct mh_fault){0};
    return run_here(settings, action, body, ret, fault);
}

/* Did this command line, or its environment, set it? What a file says is the server's, too. */
static bool
is_given(const struct config *config, const char *section, const char *name)
{
    for (size_t i = 0; i < config->values.count; i++) {
        const struct config_value *value = config->values.items[i];

        if (value->layer >= CONFIG_ENVIRONMENT && strcmp(value->key->section, section) == 0 &&
            strcmp(value->key->name, name) == 0)
            return true;
    }
    return false;
}

/* The server that does the work has limits of its own. */
static void
write_limits(const struct config *config, struct jsonw *w)
{
    if (is_given(config, "cache", ACTION_MAX_SIZE))
        jsonw_uint(w, ACTION_MAX_SIZE, config->settings.cache.max_bytes);
    if (is_given(config, "cache", ACTION_MIN_FREE))
        jsonw_uint(w, ACTION_MIN_FREE, config->settings.cache.min_free_bytes);
}

static void
write_body(const struct list *words, const struct config *config, enum mh_action action,
           struct buf *body)
{
    struct jsonw w = JSONW_INIT(body);

    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "what");
    for (size_t i = 0; i < words->count; i++)
        jsonw_string(&w, NULL, words->items[i]);
    jsonw_array_end(&w);
    if (action == MH_ACTION_GC)
        write_limits(config, &w);
    jsonw_object_end(&w);
}

/* --- telling --- */

bool
action_print(struct buf *text)
{
    return buf_is_ok(text) && fputs(buf_text(text), stdout) >= 0;
}

static uint64_t
uint_of(const struct json *object, const char *name)
{
    uint64_t value = 0;

    return json_uint(json_get(object, name), &value) ? value : 0;
}

void
action_tell_failure(const struct mh_fault *fault)
{
    log_error("%s%s%s%s%s", fault->sentence, fault->expected[0] != '\0' ? "; expected " : "",
              fault->expected, fault->found[0] != '\0' ? "; found " : "", fault->found);
}

/* Returns the exit status that it asks for. */
static int
tell_one(const struct invocation *invocation, const struct json *item, const char *did)
{
    const char *path = json_string(json_get(item, "path"));
    const uint64_t files = uint_of(item, "files");
    struct mh_fault fault = {0};
    char size[UNIT_TEXT_SIZE];
    enum mh_code code = model_json_read_failure(json_get(item, "failure"), &fault);

    if (code != MH_OK) {
        action_tell_failure(&fault);
        return exit_status_of(code);
    }
    if (!invocation->is_quiet && !invocation->wants_json)
        printf("%s %s (%ju %s, %s)\n", did, path != NULL ? path : "?", (uintmax_t) files,
               files == 1 ? "file" : "files", size_format(uint_of(item, "bytes"), size));
    return 0;
}

static void
write_item(struct jsonw *w, const struct json *item)
{
    struct mh_fault fault = {0};
    enum mh_code code = model_json_read_failure(json_get(item, "failure"), &fault);

    jsonw_object_begin(w, NULL);
    jsonw_string(w, "path", json_string(json_get(item, "path")));
    jsonw_uint(w, "files", uint_of(item, "files"));
    jsonw_uint(w, "bytes", uint_of(item, "bytes"));
    if (code != MH_OK)
        model_json_write_failure(w, code, &fault);
    jsonw_object_end(w);
}

static bool
print_json(const struct json *models)
{
    scoped(buf_done) struct buf out = BUF_INIT(ACTION_JSON_MAX);
    struct jsonw w = JSONW_INIT(&out);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "models");
    for (const struct json *item = json_first(models); item != NULL; item = json_next(item))
        write_item(&w, item);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return action_print(&out);
}

int
action_tell_all(const struct invocation *invocation, const struct json *models, const char *did)
{
    int status = 0;

    for (const struct json *item = json_first(models); item != NULL; item = json_next(item)) {
        int found = tell_one(invocation, item, did);

        /* Bytes that are wrong outweigh a file that is not there. */
        if (status == 0 || found == exit_status_of(MH_CORRUPT))
            status = found != 0 ? found : status;
    }
    if (invocation->wants_json && !print_json(models))
        return 1;
    return status;
}

int
action_command(const struct invocation *invocation, const struct config *config,
               enum mh_action action, const char *did, struct json **ret_answer)
{
    scoped(buf_done) struct buf body = BUF_INIT((size_t) 1 << 20);
    scoped(json_freep) struct json *answer = NULL;
    struct mh_fault fault = {0};
    struct list words;
    enum mh_code code;
    int status = catalog_words_expand(invocation, &config->settings, CATALOG_PATHS, &words);

    if (status != 0)
        return status;
    write_body(&words, config, action, &body);
    list_done(&words, mem_free);
    if (buf_is_ok(&body))
        code = run_anywhere(&config->settings, action, buf_text(&body), &answer, &fault);
    else
        code = fail(&fault, MH_BAD_INPUT, 0, "these are too many names at once");
    if (code == MH_OK) {
        status = action_tell_all(invocation, json_get(answer, "models"), did);
    } else {
        log_error("%s: %s", action_name(action), fault.sentence);
        status = exit_status_of(code);
    }
    if (ret_answer != NULL)
        *ret_answer = ptr_take(&answer);
    return status;
}
