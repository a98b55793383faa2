/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models as JSON, there and back.
 *
 * The API writes what the commands' --json print, and `pull` reads it back from a running server,
 * so both directions stand in one file. What is read comes from our own socket, but it is still
 * checked: a server of another version may be on the other side, and members that it does not send
 * have their empty value. Functions of their inputs; any thread.
 */
#include "model_json.h"

#include "fault.h"
#include "mem.h"

#include <string.h>
#include <time.h>

static void
write_time(struct jsonw *w, const char *name, int64_t seconds)
{
    time_t when = (time_t) seconds;
    struct tm tm;
    char text[64];

    if (seconds <= 0 || gmtime_r(&when, &tm) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        jsonw_null(w, name);
    else
        jsonw_string(w, name, text);
}

static void
write_or_null(struct jsonw *w, const char *name, const char *text)
{
    jsonw_string(w, name, text[0] != '\0' ? text : NULL);
}

static void
write_failure(struct jsonw *w, const char *name, enum mh_code code, const struct mh_fault *fault)
{
    jsonw_object_begin(w, name);
    jsonw_string(w, "code", mh_code_name(code));
    jsonw_string(w, "sentence", fault->sentence);
    write_or_null(w, "expected", fault->expected);
    write_or_null(w, "found", fault->found);
    write_or_null(w, "upstream", fault->upstream);
    jsonw_object_end(w);
}

void
model_json_write_failure(struct jsonw *w, enum mh_code code, const struct mh_fault *fault)
{
    write_failure(w, "failure", code, fault);
}

void
model_json_write(struct jsonw *w, const char *name, const struct mh_model *model)
{
    jsonw_object_begin(w, name);
    jsonw_string(w, "path", model->path);
    jsonw_string(w, "url", model->url);
    jsonw_string(w, "state", mh_model_state_name(model->state));
    jsonw_uint(w, "bytes", model->bytes);
    jsonw_uint(w, "bytes_present", model->bytes_present);
    jsonw_uint(w, "files", model->files);
    jsonw_uint(w, "files_present", model->files_present);
    jsonw_bool(w, "pinned", model->is_pinned);
    jsonw_string(w, "upstream", mh_upstream_state_name(model->upstream));
    write_time(w, "validated", model->validated_at);
    write_time(w, "last_used", model->last_used);
    if (model->code != MH_OK)
        model_json_write_failure(w, model->code, &model->fault);
    if (model->is_refreshing)
        jsonw_bool(w, "refreshing", true);
    if (model->refresh_code != MH_OK)
        write_failure(w, "refresh_failure", model->refresh_code, &model->refresh_fault);
    jsonw_object_end(w);
}

/* --- reading --- */

enum mh_code
model_json_code(const char *name, enum mh_code otherwise)
{
    for (int code = MH_OK; name != NULL && code <= MH_UNSUPPORTED; code++) {
        if (strcmp(mh_code_name((enum mh_code) code), name) == 0)
            return (enum mh_code) code;
    }
    return otherwise;
}

static bool
read_state(const char *name, enum mh_model_state *ret)
{
    for (int state = MH_MODEL_COMPLETE; name != NULL && state <= MH_MODEL_CORRUPT; state++) {
        if (strcmp(mh_model_state_name((enum mh_model_state) state), name) == 0) {
            *ret = (enum mh_model_state) state;
            return true;
        }
    }
    return false;
}

static enum mh_upstream_state
read_upstream(const char *name)
{
    for (int state = MH_UPSTREAM_FRESH; name != NULL && state <= MH_UPSTREAM_OFFLINE; state++) {
        if (strcmp(mh_upstream_state_name((enum mh_upstream_state) state), name) == 0)
            return (enum mh_upstream_state) state;
    }
    return MH_UPSTREAM_NONE;
}

static uint64_t
uint_of(const struct json *object, const char *name, uint64_t otherwise)
{
    uint64_t value;

    return json_uint(json_get(object, name), &value) ? value : otherwise;
}

static void
copy_text(char *ret, size_t size, const struct json *object, const char *name)
{
    const char *text = json_string(json_get(object, name));
    size_t n = text != NULL ? strnlen(text, size - 1) : 0;

    if (n > 0)
        memcpy(ret, text, n);
    ret[n] = '\0';
}

enum mh_code
model_json_read_failure(const struct json *failure, struct mh_fault *fault)
{
    if (json_kind_of(failure) != JSON_OBJECT)
        return MH_OK;
    copy_text(fault->sentence, sizeof fault->sentence, failure, "sentence");
    copy_text(fault->expected, sizeof fault->expected, failure, "expected");
    copy_text(fault->found, sizeof fault->found, failure, "found");
    copy_text(fault->upstream, sizeof fault->upstream, failure, "upstream");
    return model_json_code(json_string(json_get(failure, "code")), MH_UPSTREAM);
}

static int64_t
read_time(const char *text)
{
    struct tm when = {0};
    const char *end = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &when) : NULL;
    time_t at = end != NULL && *end == '\0' ? timegm(&when) : -1;

    return at > 0 ? (int64_t) at : 0;
}

/* For a server that does not tell: files are of like size, more or less. */
static uint64_t
guess_present(const struct mh_model *model)
{
    if (model->state == MH_MODEL_COMPLETE || model->files == 0)
        return model->bytes;
    return model->bytes / model->files * model->files_present;
}

enum mh_code
model_json_read(const struct json *value, struct mh_model *ret, struct mh_fault *fault)
{
    struct mh_model model = {0};
    const char *path = json_string(json_get(value, "path"));
    const char *url = json_string(json_get(value, "url"));

    if (path == NULL || !read_state(json_string(json_get(value, "state")), &model.state))
        return fail(fault, MH_CORRUPT, 0, "the server's answer does not tell of a model");
    model.bytes = uint_of(value, "bytes", 0);
    model.files = (uint32_t) uint_of(value, "files", 0);
    model.files_present = (uint32_t) uint_of(value, "files_present", 0);
    model.bytes_present = uint_of(value, "bytes_present", guess_present(&model));
    model.upstream = read_upstream(json_string(json_get(value, "upstream")));
    model.validated_at = read_time(json_string(json_get(value, "validated")));
    model.last_used = read_time(json_string(json_get(value, "last_used")));
    model.is_pinned = json_bool(json_get(value, "pinned"), false);
    model.code = model_json_read_failure(json_get(value, "failure"), &model.fault);
    model.is_refreshing = json_bool(json_get(value, "refreshing"), false);
    model.refresh_code =
        model_json_read_failure(json_get(value, "refresh_failure"), &model.refresh_fault);
    model.path = str_dup(path);
    model.url = str_dup(url != NULL ? url : "");
    if (model.path == NULL || model.url == NULL) {
        mh_model_done(&model);
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    *ret = model;
    return MH_OK;
}
