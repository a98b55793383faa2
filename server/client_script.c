/* SPDX-License-Identifier: Apache-2.0 */
/* The client script: /-/client.js, /-/client.mjs, /-/sw.js.
 *
 * One text of web/ with two marked places, and for each form an ending of its own. What goes into
 * the places is JSON, so that whatever the settings or a Host field hold stays a value: the mirrors
 * that are switched on, by every address that their files are known under (the upstream, its
 * fallbacks, and a built-in mirror's own URL even where `upstream` is overridden), and the origin
 * under which the script was asked for, which a worker has no other way to learn.
 *
 * HTTP threads; nothing waits. It refuses a Host field that is no host and port. */
#include "fault.h"
#include "json.h"
#include "mem.h"
#include "own_origin.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "web_files.h"

#include <string.h>

#define SCRIPT_MAX  ((size_t) 1 << 20)
#define AT_ORIGIN   "'@modelhost-origin@'"
#define AT_MIRRORS  "'@modelhost-mirrors@'"
#define PLAIN_BEGIN "(() => {\n'use strict';\n"
#define PLAIN_END   "})();\n"

static const struct {
    const char *path;
    const char *begin; /* of a plain script: nothing becomes global */
    const char *ending;
    const char *end;
} forms[] = {
    {"/-/client.js", PLAIN_BEGIN, web_client_script_js, PLAIN_END},
    {"/-/client.mjs", "", web_client_module_js, ""},
    {"/-/sw.js", PLAIN_BEGIN, web_client_worker_js, PLAIN_END},
};

/* --- what is filled in --- */

static void
write_route(struct jsonw *w, const char *from, const char *to)
{
    jsonw_array_begin(w, NULL);
    jsonw_string(w, NULL, from);
    jsonw_string(w, NULL, to);
    jsonw_array_end(w);
}

static void
write_mirror(struct jsonw *w, const struct settings_mirror *mirror)
{
    size_t count;
    const struct setting_builtin *builtins = settings_builtins(&count);

    write_route(w, mirror->upstream, mirror->path);
    for (size_t i = 0; i < mirror->fallback.count; i++)
        write_route(w, mirror->fallback.items[i], mirror->path);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(builtins[i].mirror, mirror->name) == 0 &&
            strcmp(builtins[i].key, "upstream") == 0 &&
            strcmp(builtins[i].value, mirror->upstream) != 0)
            write_route(w, builtins[i].value, mirror->path);
    }
}

static void
write_mirrors(const struct settings *settings, struct jsonw *w)
{
    jsonw_array_begin(w, NULL);
    for (size_t i = 0; i < settings->mirror_count; i++) {
        if (settings->mirrors[i].is_enabled)
            write_mirror(w, &settings->mirrors[i]);
    }
    jsonw_array_end(w);
}

static void
write_origin(struct request *rq, struct jsonw *w)
{
    scoped(mem_freep) char *origin = own_origin(rq);

    jsonw_string(w, NULL, origin != NULL ? origin : "");
}

/* --- the script --- */

/* Append the text up to a mark. Returns what follows the mark, which is there: a test asks for the
 * scripts. */
static const char *
add_until(struct buf *script, const char *text, const char *mark)
{
    const char *at = strstr(text, mark);

    if (at == NULL)
        return text;
    buf_add(script, text, (size_t) (at - text));
    return at + strlen(mark);
}

static void
write_script(struct request *rq, size_t form, struct buf *script)
{
    const char *rest = web_client_js;
    struct jsonw w = JSONW_INIT(script);

    buf_add_str(script, forms[form].begin);
    rest = add_until(script, rest, AT_ORIGIN);
    write_origin(rq, &w);
    rest = add_until(script, rest, AT_MIRRORS);
    w = JSONW_INIT(script);
    write_mirrors(rq->server->settings, &w);
    buf_add_str(script, rest);
    buf_add_str(script, forms[form].ending);
    buf_add_str(script, forms[form].end);
}

enum answer
answer_own_client(struct request *rq)
{
    struct reply reply = REPLY_INIT(200);
    scoped(buf_done) struct buf script = BUF_INIT(SCRIPT_MAX);
    size_t form = 0;

    while (form + 1 < COUNT_OF(forms) && strcmp(forms[form].path, buf_text(&rq->path)) != 0)
        form++;
    write_script(rq, form, &script);
    reply_field(&reply, "Content-Type", "text/javascript; charset=utf-8");
    reply_field(&reply, "Cache-Control", "no-cache");
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    /* A service worker under /-/ may see to the whole app. */
    reply_field(&reply, "Service-Worker-Allowed", "/");
    if (rq->server->settings->server.is_isolated)
        reply_field(&reply, "Cross-Origin-Embedder-Policy", "require-corp");
    if (rq->is_head)
        reply_absent(&reply, script.length);
    else
        reply_buf(&reply, &script);
    return reply_send(rq, &reply);
}
