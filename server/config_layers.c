/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in a configuration: which section, which key, and what was meant where there is none.
 *
 * Every source of values comes through config_add(), so that a flag, a variable and a line of the
 * file are understood, refused and explained in the same way. Values are only kept here; they are
 * read in config.c. Entered by the main thread, before any other runs.
 */
#include "config_layers.h"

#include "mem.h"
#include "settings_check.h"
#include "suggest.h"

#include <stdarg.h>
#include <string.h>

static char *
own(struct config *config, char *text)
{
    if (text == NULL)
        config->is_out_of_memory = true;
    return text;
}

void
config_complain(struct config *config, const char *where, const char *format, ...)
{
    struct config_complaint *complaint = mem_new(struct config_complaint);
    struct buf sentence = BUF_INIT(4096);
    va_list arguments;

    if (complaint == NULL || !list_add(&config->complaints, complaint)) {
        mem_free(complaint);
        config->is_out_of_memory = true;
        return;
    }
    va_start(arguments, format);
    buf_vprintf(&sentence, format, arguments);
    va_end(arguments);
    complaint->where = own(config, str_dup(where));
    complaint->sentence = own(config, buf_take(&sentence));
    buf_done(&sentence);
}

/* --- sections --- */

static void
complain_of_section(struct config *config, const char *where, const char *name)
{
    size_t count;
    const struct setting_section *sections = settings_sections(&count);
    struct suggestion guess = SUGGESTION_INIT(name);

    for (size_t i = 0; i < config->mirrors.count; i++) {
        const struct config_mirror *mirror = config->mirrors.items[i];

        if (strcmp(mirror->name, name) == 0) {
            config_complain(config, where, "there is no section [%s]; did you mean [mirror %s]?",
                            name, name);
            return;
        }
    }
    for (size_t i = 0; i < count; i++)
        suggest_consider(&guess, sections[i].name);
    if (guess.best != NULL)
        config_complain(config, where, "there is no section [%s]; did you mean [%s%s]?", name,
                        guess.best, strcmp(guess.best, "mirror") == 0 ? " NAME" : "");
    else
        config_complain(config, where,
                        "there is no section [%s]; there are [server], [cors], [cache], [upstream] "
                        "and [mirror NAME]",
                        name);
}

/* "mirror NAME" */
static void
read_mirror_name(struct config *config, const char *where, const char *name,
                 struct config_section *ret)
{
    struct mh_fault fault = {0};

    name += strspn(name, " \t");
    if (name[0] == '\0') {
        config_complain(config, where, "a mirror has a name, as in [mirror tfjs-models]");
    } else if (check_mirror_name(name, &fault) != MH_OK) {
        config_complain(config, where, "%s", fault.sentence);
    } else {
        memcpy(ret->mirror, name, strlen(name) + 1);
        ret->kind = "mirror";
    }
}

struct config_section
config_section_of(struct config *config, const char *where, struct ini_piece piece)
{
    scoped(mem_freep) char *name = own(config, str_dup_n(piece.text, piece.n));
    struct config_section section = {0};
    size_t count;
    const struct setting_section *sections = settings_sections(&count);

    if (name == NULL)
        return section;
    if (strcmp(name, "mirror") == 0 || strncmp(name, "mirror ", 7) == 0 ||
        strncmp(name, "mirror\t", 7) == 0) {
        read_mirror_name(config, where, name + 6, &section);
        return section;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sections[i].name, name) == 0)
            section.kind = sections[i].name;
    }
    if (section.kind == NULL)
        complain_of_section(config, where, name);
    return section;
}

void
config_note_mirror(struct config *config, const char *name, const char *origin)
{
    struct config_mirror *mirror;

    for (size_t i = 0; i < config->mirrors.count; i++) {
        mirror = config->mirrors.items[i];
        if (strcmp(mirror->name, name) == 0)
            return;
    }
    mirror = mem_new(struct config_mirror);
    if (mirror == NULL || !list_add(&config->mirrors, mirror)) {
        mem_free(mirror);
        config->is_out_of_memory = true;
        return;
    }
    mirror->name = own(config, str_dup(name));
    mirror->origin = own(config, str_dup(origin));
}

/* --- keys --- */

static void
print_section(const struct config_section *section, struct buf *out)
{
    buf_printf(out, "[%s%s%s]", section->kind, section->mirror[0] != '\0' ? " " : "",
               section->mirror);
}

/* Is a key of `from` allowed in a section of this kind? */
static bool
belongs(const char *kind, const char *from)
{
    return strcmp(kind, from) == 0 ||
           (strcmp(kind, "mirror") == 0 && strcmp(from, "upstream") == 0);
}

static void
complain_of_key(struct config *config, const struct config_section *section, const char *name,
                const char *origin)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);
    struct suggestion guess = SUGGESTION_INIT(name);
    struct buf place = BUF_INIT(256);
    const char *home = NULL;

    for (size_t i = 0; i < count; i++) {
        if (belongs(section->kind, keys[i].section))
            suggest_consider(&guess, keys[i].name);
        else if (home == NULL && strcmp(keys[i].name, name) == 0)
            home = keys[i].section;
    }
    print_section(section, &place);
    if (home != NULL)
        config_complain(config, origin, "%s has no key '%s'; it belongs in [%s%s]",
                        buf_text(&place), name, home, strcmp(home, "mirror") == 0 ? " NAME" : "");
    else if (guess.best != NULL)
        config_complain(config, origin, "%s has no key '%s'; did you mean '%s'?", buf_text(&place),
                        name, guess.best);
    else
        config_complain(config, origin,
                        "%s has no key '%s'; `modelhost config --example` shows all keys",
                        buf_text(&place), name);
    buf_done(&place);
}

static bool
is_same_place(const struct config_value *value, const struct setting_key *key, const char *mirror)
{
    if (value->key != key)
        return false;
    if (value->mirror == NULL || mirror == NULL)
        return value->mirror == mirror;
    return strcmp(value->mirror, mirror) == 0;
}

static void
complain_of_second(struct config *config, const struct setting_key *key, const char *mirror,
                   const char *origin)
{
    for (size_t i = 0; i < config->values.count; i++) {
        const struct config_value *value = config->values.items[i];

        if (value->layer == CONFIG_FILE && is_same_place(value, key, mirror)) {
            config_complain(config, origin,
                            "'%s' is given a second time; the first is at %s. Keep one of them",
                            key->name, value->origin);
            return;
        }
    }
}

void
config_add(struct config *config, enum config_layer layer, const struct config_section *section,
           struct ini_piece name, struct ini_piece text, const char *origin)
{
    scoped(mem_freep) char *key_name = own(config, str_dup_n(name.text, name.n));
    const char *mirror = section->mirror[0] != '\0' ? section->mirror : NULL;
    const struct setting_key *key;
    struct config_value *value;

    if (key_name == NULL)
        return;
    key = settings_key_find(section->kind, key_name);
    if (key == NULL) {
        complain_of_key(config, section, key_name, origin);
        return;
    }
    if (layer == CONFIG_FILE && !key->may_repeat)
        complain_of_second(config, key, mirror, origin);
    value = mem_new(struct config_value);
    if (value == NULL || !list_add(&config->values, value)) {
        mem_free(value);
        config->is_out_of_memory = true;
        return;
    }
    value->layer = layer;
    value->key = key;
    value->mirror = mirror != NULL ? own(config, str_dup(mirror)) : NULL;
    value->text = own(config, str_dup_n(text.text, text.n));
    value->origin = own(config, str_dup(origin));
}

const struct config_value *
config_find(const struct config *config, const struct setting_key *key, const char *mirror)
{
    const struct config_value *best = NULL;

    for (size_t i = 0; i < config->values.count; i++) {
        const struct config_value *value = config->values.items[i];

        if (is_same_place(value, key, mirror) && (best == NULL || value->layer >= best->layer))
            best = value;
    }
    return best;
}
