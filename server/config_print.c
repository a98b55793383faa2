/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings for people: what is in force and where it came from (`config --print`), the same as
 * JSON, and the example file that shows every key.
 *
 * All three walk the table, so that a new key appears in them by itself, in the table's order. What
 * is printed reads back as a configuration file; secrets are shown as "***" by setting_write().
 * The example is a function of the table alone: the same on every machine. Any thread.
 */
#include "config.h"

#include "json.h"
#include "mem.h"

#include <string.h>

#define LINE_COLUMNS 100

typedef void visit_key(void *arg, const struct setting_key *key, const void *field);

/* Visit the keys of a section in the table's order. */
static void
visit_section(const char *section, const void *values, visit_key *visit, void *arg)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, section) == 0)
            visit(arg, &keys[i], (const char *) values + keys[i].offset);
    }
}

/* --- as a file --- */

struct printing {
    const struct config *config;
    struct buf *out;
    const char *mirror; /* or NULL */
};

static void
print_key(void *arg, const struct setting_key *key, const void *field)
{
    struct printing *printing = arg;
    const char *origin = config_origin(printing->config, key, printing->mirror);
    size_t start = printing->out->length;

    buf_printf(printing->out, "%s = ", key->name);
    setting_write(key, field, printing->out);
    do
        buf_add_char(printing->out, ' ');
    while (buf_is_ok(printing->out) && printing->out->length - start < 40);
    buf_printf(printing->out, "; %s\n", origin);
}

void
config_print(const struct config *config, struct buf *out)
{
    const struct settings *settings = &config->settings;
    struct printing printing = {config, out, NULL};

    if (config->file != NULL)
        buf_printf(out, "; file: %s\n", config->file);
    else
        buf_add_str(out, "; there is no configuration file\n");
    buf_add_str(out, "\n[server]\n");
    visit_section("server", &settings->server, print_key, &printing);
    buf_add_str(out, "\n[cors]\n");
    visit_section("cors", &settings->cors, print_key, &printing);
    buf_add_str(out, "\n[tls]\n");
    visit_section("tls", &settings->tls, print_key, &printing);
    buf_add_str(out, "\n[cache]\n");
    visit_section("cache", &settings->cache, print_key, &printing);
    buf_add_str(out, "\n[upstream]\n");
    visit_section("upstream", &settings->transfer, print_key, &printing);
    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];

        printing.mirror = mirror->name;
        buf_printf(out, "\n[mirror %s]\n", mirror->name);
        visit_section("mirror", mirror, print_key, &printing);
        visit_section("upstream", &mirror->transfer, print_key, &printing);
    }
}

/* --- as JSON --- */

struct json_printing {
    const struct config *config;
    struct jsonw *w;
    const char *mirror;
};

static void
print_json_key(void *arg, const struct setting_key *key, const void *field)
{
    struct json_printing *printing = arg;
    struct buf value = BUF_INIT((size_t) 1 << 20);

    setting_write(key, field, &value);
    jsonw_object_begin(printing->w, key->name);
    jsonw_string(printing->w, "value", buf_text(&value));
    jsonw_string(printing->w, "origin", config_origin(printing->config, key, printing->mirror));
    jsonw_object_end(printing->w);
    buf_done(&value);
}

static void
print_json_section(struct json_printing *printing, const char *section, const void *values)
{
    jsonw_object_begin(printing->w, section);
    visit_section(section, values, print_json_key, printing);
    jsonw_object_end(printing->w);
}

void
config_print_json(const struct config *config, struct buf *out)
{
    const struct settings *settings = &config->settings;
    struct jsonw w = JSONW_INIT(out);
    struct json_printing printing = {config, &w, NULL};

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "file", config->file);
    print_json_section(&printing, "server", &settings->server);
    print_json_section(&printing, "cors", &settings->cors);
    print_json_section(&printing, "tls", &settings->tls);
    print_json_section(&printing, "cache", &settings->cache);
    print_json_section(&printing, "upstream", &settings->transfer);
    jsonw_object_begin(&w, "mirrors");
    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];

        printing.mirror = mirror->name;
        jsonw_object_begin(&w, mirror->name);
        visit_section("mirror", mirror, print_json_key, &printing);
        visit_section("upstream", &mirror->transfer, print_json_key, &printing);
        jsonw_object_end(&w);
    }
    jsonw_object_end(&w);
    jsonw_object_end(&w);
}

/* --- the example --- */

/* Prose as comment lines, broken between words. */
static void
add_comment(struct buf *out, const char *prose)
{
    size_t column = 0;

    for (const char *at = prose; *at != '\0';) {
        size_t n = strcspn(at, " ");

        if (column > 0 && column + 1 + n > LINE_COLUMNS) {
            buf_add_char(out, '\n');
            column = 0;
        }
        buf_add_str(out, column == 0 ? "; " : " ");
        column += n + (column == 0 ? 2 : 1);
        buf_add(out, at, n);
        at += n + strspn(at + n, " ");
    }
    buf_add_char(out, '\n');
}

/* The example's own mirror: a built-in one, so that its values are true as they stand. */
#define EXAMPLE_MIRROR "tfjs-models"

static const char *
example_value(const struct setting_key *key)
{
    size_t count;
    const struct setting_builtin *builtins = settings_builtins(&count);

    if (strcmp(key->section, "mirror") != 0)
        return key->default_text;
    if (strcmp(key->name, "path") == 0)
        return "/" EXAMPLE_MIRROR "/";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(builtins[i].mirror, EXAMPLE_MIRROR) == 0 &&
            strcmp(builtins[i].key, key->name) == 0)
            return builtins[i].value;
    }
    return key->default_text;
}

static void
example_key(const struct setting_key *key, struct buf *out)
{
    struct buf prose = BUF_INIT(4096);
    const char *value = example_value(key);

    buf_add_str(&prose, key->prose);
    if (key->default_prose != NULL)
        buf_printf(&prose, " Default: %s.", key->default_prose);
    if (key->is_reloadable)
        buf_add_str(&prose, " SIGHUP applies a change.");
    buf_add_char(out, '\n');
    add_comment(out, buf_text(&prose));
    buf_printf(out, ";%s =%s%s\n", key->name, value[0] != '\0' ? " " : "", value);
    buf_done(&prose);
}

static void
example_builtins(struct buf *out)
{
    size_t count;
    const struct setting_builtin *builtins = settings_builtins(&count);
    const char *last = EXAMPLE_MIRROR;

    buf_add_char(out, '\n');
    add_comment(out, "The other built-in mirrors, as sections that could stand here:");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(builtins[i].mirror, EXAMPLE_MIRROR) == 0)
            continue;
        if (strcmp(builtins[i].mirror, last) != 0)
            buf_printf(out, "\n;[mirror %s]\n;path = /%s/\n", builtins[i].mirror,
                       builtins[i].mirror);
        last = builtins[i].mirror;
        buf_printf(out, ";%s = %s\n", builtins[i].key, builtins[i].value);
    }
}

void
config_example(struct buf *out)
{
    size_t section_count, key_count;
    const struct setting_section *sections = settings_sections(&section_count);
    const struct setting_key *keys = settings_keys(&key_count);

    add_comment(out, "modelhost's configuration, with every key and its default. Printed by "
                     "`modelhost config --example`; try yours with `modelhost config --check`.");
    buf_add_str(out, ";\n");
    add_comment(out,
                "Any key can also be given as --set SECTION.KEY=VALUE, or as a variable "
                "MODELHOST_SECTION_KEY. A flag wins over a variable, that over the file. "
                "Sizes take KiB, MiB and GiB, times ms, s, m, h and d. A comment begins with ; "
                "or #, at the start of a line or after a blank.");
    for (size_t s = 0; s < section_count; s++) {
        bool is_mirror = strcmp(sections[s].name, "mirror") == 0;

        buf_add_char(out, '\n');
        add_comment(out, sections[s].prose);
        buf_printf(out, "[%s%s]\n", sections[s].name, is_mirror ? " " EXAMPLE_MIRROR : "");
        for (size_t k = 0; k < key_count; k++) {
            if (strcmp(keys[k].section, sections[s].name) == 0)
                example_key(&keys[k], out);
        }
    }
    example_builtins(out);
}
