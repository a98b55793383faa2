/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that the app's owner adds to answers for the app's files.
 *
 * `isolate` is said on documents and on scripts: a worker is refused by an isolated page unless its
 * script says it too. `header` has the last word: a field that it names replaces the one that was
 * there, but for Vary, of which every line counts and none may be lost. Errors carry neither: what
 * is said of a file, how long it may be kept above all, is not true of its absence.
 *
 * HTTP threads; no state. It refuses to judge the fields: settings_check.c has done that. */
#include "app_fields.h"

#include "mem.h"

#include <string.h>
#include <strings.h>

/* Types that a browser makes a page or a worker of. */
static bool
wants_isolation(const char *content_type)
{
    static const char *const types[] = {
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/javascript",
    };

    for (size_t i = 0; content_type != NULL && i < COUNT_OF(types); i++) {
        if (strncasecmp(content_type, types[i], strlen(types[i])) == 0)
            return true;
    }
    return false;
}

static void
isolate(struct reply *reply)
{
    reply_field(reply, "Cross-Origin-Opener-Policy", "same-origin");
    reply_field(reply, "Cross-Origin-Embedder-Policy", "require-corp");
}

/* "Name: value", cut in two. What memory did not suffice for makes reply_send() fail. */
static char *
name_of(const char *field)
{
    return str_dup_n(field, strcspn(field, ":"));
}

static const char *
value_of(const char *field)
{
    const char *value = field + strcspn(field, ":") + 1;

    return value + strspn(value, " \t");
}

/* All names go before the first value comes: two fields of one name are both wanted. */
static void
replace_fields(const struct strings *fields, struct reply *reply)
{
    for (size_t i = 0; i < fields->count; i++) {
        scoped(mem_freep) char *name = name_of(fields->items[i]);

        if (name != NULL && strcasecmp(name, "Vary") != 0)
            reply_remove(reply, name);
    }
    for (size_t i = 0; i < fields->count; i++) {
        scoped(mem_freep) char *name = name_of(fields->items[i]);

        if (name == NULL)
            reply->fields.has_failed = true;
        else
            reply_field(reply, name, value_of(fields->items[i]));
    }
}

void
app_fields_apply(const struct settings_server *settings, struct reply *reply)
{
    if (reply->status >= 400)
        return;
    if (settings->is_isolated && wants_isolation(reply_value(reply, "Content-Type")))
        isolate(reply);
    replace_fields(&settings->header, reply);
}
