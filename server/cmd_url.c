/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modelhost url`: the URL to give to a model package's load().
 *
 * The first line is the modelUrl. A package that loads several files gets a line for each of them,
 * the model first. What a script cannot use goes to standard error: that a package has no option
 * for a URL, or that an upstream is known to fail. --snippet prints JavaScript with every parameter
 * written out, since a modelUrl whose stride is not the outputStride loads and decodes to nonsense
 * without an error. It asks no network; main thread.
 */
#include "catalog_words.h"
#include "fault.h"
#include "json.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX_BYTES 65536

/* The files of a choice. */
struct resolved {
    const struct catalog_entry *entry;
    struct catalog_choice choice;
    const struct catalog_file *files[CATALOG_FILES_MAX]; /* in the order of their slots */
    struct buf urls[CATALOG_FILES_MAX];
    size_t count;
    struct buf base;
};

static enum mh_code
resolve_file(struct resolved *resolved, const struct catalog_file *file,
             const struct settings *settings, struct mh_fault *fault)
{
    struct buf path = BUF_INIT(OUTPUT_MAX_BYTES);
    struct buf *url = &resolved->urls[resolved->count];
    enum mh_code code = MH_OK;

    if (catalog_path(file, &resolved->choice, &path)) {
        buf_add_str(url, buf_text(&resolved->base));
        code = catalog_local_path(settings, file, buf_text(&path), url, fault);
        resolved->files[resolved->count++] = file;
        if (code == MH_OK && !(buf_is_ok(url) && buf_is_ok(&path)))
            code = fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    buf_done(&path);
    return code;
}

static enum mh_code
resolve(struct resolved *resolved, const struct settings *settings, struct mh_fault *fault)
{
    enum mh_code code;

    resolved->base = BUF_INIT(OUTPUT_MAX_BYTES);
    for (size_t i = 0; i < CATALOG_FILES_MAX; i++)
        resolved->urls[i] = BUF_INIT(OUTPUT_MAX_BYTES);
    code = catalog_base_url(settings, &resolved->base, fault);
    for (size_t i = 0; code == MH_OK && i < resolved->entry->file_count; i++) {
        if (!catalog_is_beside(resolved->entry, &resolved->entry->files[i]))
            code = resolve_file(resolved, &resolved->entry->files[i], settings, fault);
    }
    return code;
}

static void
resolved_done(struct resolved *resolved)
{
    for (size_t i = 0; i < CATALOG_FILES_MAX; i++)
        buf_done(&resolved->urls[i]);
    buf_done(&resolved->base);
}

static bool
has_unoptional(const struct resolved *resolved)
{
    for (size_t i = 0; i < resolved->count; i++) {
        if (resolved->files[i]->option == NULL)
            return true;
    }
    return false;
}

/* From a folder, load() takes scripts and WebAssembly as well. */
static bool
has_folder(const struct resolved *resolved)
{
    for (size_t i = 0; i < resolved->count; i++) {
        if (catalog_is_folder(resolved->files[i]))
            return true;
    }
    return false;
}

/* --- JavaScript --- */

static void
write_value(const struct catalog_choice *choice, int param, struct buf *out)
{
    const char *quote = catalog_params[param].is_text ? "'" : "";

    buf_printf(out, "%s%s%s", quote, choice->values[param], quote);
}

/* load()'s object. */
static void
write_options(const struct resolved *resolved, struct buf *out)
{
    buf_add_str(out, "{\n");
    if (resolved->entry->also != NULL)
        buf_printf(out, "  %s,\n", resolved->entry->also);
    for (int i = 0; i < CATALOG_PARAM_COUNT; i++) {
        if (resolved->choice.values[i][0] == '\0')
            continue;
        buf_printf(out, "  %s: ", catalog_params[i].name);
        write_value(&resolved->choice, i, out);
        buf_add_str(out, ",\n");
    }
    for (size_t i = 0; i < resolved->count; i++) {
        if (resolved->files[i]->option != NULL)
            buf_printf(out, "  %s: '%s',\n", resolved->files[i]->option,
                       buf_text(&resolved->urls[i]));
    }
    buf_add_char(out, '}');
}

/* One "{...}" of the call. */
static void
write_placeholder(const struct resolved *resolved, const char *name, size_t n, struct buf *out)
{
    if (n == 7 && strncmp(name, "options", n) == 0) {
        write_options(resolved, out);
        return;
    }
    for (size_t i = 0; n == 1 && i < resolved->count; i++) {
        if (resolved->files[i]->slot == (unsigned) (name[0] - '0'))
            buf_add_str(out, buf_text(&resolved->urls[i]));
    }
    for (int i = 0; i < CATALOG_PARAM_COUNT; i++) {
        if (strlen(catalog_params[i].name) == n && strncmp(catalog_params[i].name, name, n) == 0)
            write_value(&resolved->choice, i, out);
    }
}

static void
write_load(const struct resolved *resolved, struct buf *out)
{
    const char *at = resolved->entry->load;

    while (*at != '\0') {
        size_t n = strcspn(at, "{");

        buf_add(out, at, n);
        at += n;
        if (*at == '\0')
            break;
        n = strcspn(at, "}");
        write_placeholder(resolved, at + 1, n - 1, out);
        at += n + (at[n] == '}');
    }
    buf_add_char(out, '\n');
}

static void
write_snippet(const struct resolved *resolved, struct buf *out)
{
    buf_printf(out, "// %s\n", resolved->entry->package);
    if (has_unoptional(resolved))
        buf_printf(out,
                   "// load() has no option for %s; before it, the page needs\n"
                   "// <script src=\"%s/-/client.js\"></script>\n",
                   resolved->files[0]->option == NULL ? "URLs" : "all of its files",
                   buf_text(&resolved->base));
    write_load(resolved, out);
    buf_printf(out,
               "// If the page has a Content-Security-Policy, it needs:\n"
               "//   connect-src %s",
               buf_text(&resolved->base));
    if (has_unoptional(resolved) || has_folder(resolved))
        buf_printf(out, "; script-src %s", buf_text(&resolved->base));
    buf_add_str(out, has_folder(resolved) ? " 'wasm-unsafe-eval'\n" : "\n");
}

/* --- the command --- */

static void
write_json(const struct resolved *resolved, struct buf *out)
{
    struct jsonw w = JSONW_INIT(out);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "name", resolved->entry->name);
    jsonw_string(&w, "package", resolved->entry->package);
    jsonw_object_begin(&w, "parameters");
    for (int i = 0; i < CATALOG_PARAM_COUNT; i++) {
        if (resolved->choice.values[i][0] != '\0')
            jsonw_string(&w, catalog_params[i].name, resolved->choice.values[i]);
    }
    jsonw_object_end(&w);
    jsonw_array_begin(&w, "files");
    for (size_t i = 0; i < resolved->count; i++) {
        jsonw_object_begin(&w, NULL);
        jsonw_string(&w, "option", resolved->files[i]->option);
        jsonw_string(&w, "url", buf_text(&resolved->urls[i]));
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    jsonw_string(&w, "gone", resolved->entry->gone);
    jsonw_object_end(&w);
}

static int
print(const struct invocation *invocation, const struct resolved *resolved)
{
    struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    int status = 0;

    if (invocation->wants_json) {
        write_json(resolved, &out);
    } else if (invocation->wants_snippet) {
        write_snippet(resolved, &out);
    } else {
        for (size_t i = 0; i < resolved->count; i++)
            buf_printf(&out, "%s\n", buf_text(&resolved->urls[i]));
    }
    if (!buf_is_ok(&out) || fputs(buf_text(&out), stdout) < 0)
        status = 1;
    buf_done(&out);
    return status;
}

static void
tell_notes(const struct resolved *resolved)
{
    if (has_unoptional(resolved))
        log_note("%s has no option for %s: pages also need the script %s/-/client.js",
                 resolved->entry->package,
                 resolved->files[0]->option == NULL ? "the URL" : "every URL",
                 buf_text(&resolved->base));
    if (resolved->entry->gone != NULL)
        log_note("%s: %s", resolved->entry->name, resolved->entry->gone);
}

/* Every name, and its package. */
static int
print_names(void)
{
    int status = 0;

    for (size_t i = 0; i < catalog_entry_count; i++) {
        if (printf("%-29s %s\n", catalog_entries[i].name, catalog_entries[i].package) < 0)
            status = 1;
    }
    return status;
}

int
cmd_url(const struct invocation *invocation, const struct config *config)
{
    struct resolved resolved = {.count = 0};
    struct mh_fault fault = {0};
    enum mh_code code;
    int status;

    if (invocation->word_count == 0)
        return print_names();
    status =
        catalog_words_choose(invocation, invocation->words[0], &resolved.entry, &resolved.choice);
    if (status != 0)
        return status;
    code = resolve(&resolved, &config->settings, &fault);
    if (code == MH_OK) {
        tell_notes(&resolved);
        status = print(invocation, &resolved);
    } else {
        log_error("%s", fault.sentence);
        status = exit_status_of(code);
    }
    resolved_done(&resolved);
    return status;
}
