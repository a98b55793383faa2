/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what all sources said to settings in force.
 *
 * Values are read in the order of their layers, so that a higher layer replaces what a lower one
 * said; all of them are read, also those that are replaced, so that no mistake waits for the day on
 * which a flag is left out. A list may be given in several values of one layer, which add up.
 * Afterwards the rules between settings are checked (config_rules.c). Nothing here changes the
 * world; a configuration with complaints must not be used.
 *
 * Main thread only: it reads the environment.
 */
#include "config.h"

#include "config_layers.h"
#include "fault.h"
#include "listen_address.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUES_MAX 100000

/* --- which file --- */

/* Sets config->file to the first of the usual places that exists. */
static void
choose_file(struct config *config, const char *named)
{
    const char *variable = getenv("MODELHOST_CONFIG");
    const char *user = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    scoped(mem_freep) char *path = NULL;

    if (named == NULL && variable != NULL && variable[0] != '\0')
        named = variable;
    if (named != NULL) {
        config->file = str_dup(named);
        config->is_out_of_memory = config->file == NULL;
        return;
    }
    if (user != NULL && user[0] == '/')
        path = str_printf("%s/modelhost/config.ini", user);
    else if (home != NULL && home[0] == '/')
        path = str_printf("%s/.config/modelhost/config.ini", home);
    /* A file that is there but cannot be read is chosen: reading it says why. */
    if (path != NULL && (access(path, F_OK) == 0 || errno == EACCES))
        config->file = ptr_take(&path);
    else if (access("/etc/modelhost/config.ini", F_OK) == 0)
        config->file = str_dup("/etc/modelhost/config.ini");
}

/* --- reading values --- */

static void *
section_of(struct settings *settings, const struct setting_key *key, struct settings_mirror *mirror)
{
    const struct {
        const char *name;
        void *values;
    } sections[] = {
        {"server", &settings->server},
        {"cors", &settings->cors},
        {"tls", &settings->tls},
        {"cache", &settings->cache},
        {"upstream", mirror != NULL ? &mirror->transfer : &settings->transfer},
        {"mirror", mirror},
    };

    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (strcmp(sections[i].name, key->section) == 0)
            return sections[i].values;
    }
    return NULL;
}

static void *
field_of(struct settings *settings, const struct setting_key *key, struct settings_mirror *mirror)
{
    return (char *) section_of(settings, key, mirror) + key->offset;
}

static struct settings_mirror *
mirror_of(struct settings *settings, const char *name)
{
    for (size_t i = 0; name != NULL && i < settings->mirror_count; i++) {
        if (strcmp(settings->mirrors[i].name, name) == 0)
            return &settings->mirrors[i];
    }
    return NULL;
}

/* Does an earlier value of the same layer say something for the same place? */
static bool
has_earlier(const struct config *config, size_t index)
{
    const struct config_value *value = config->values.items[index];

    for (size_t i = 0; i < index; i++) {
        const struct config_value *other = config->values.items[i];
        bool is_same_mirror = value->mirror == NULL || other->mirror == NULL
                                  ? value->mirror == other->mirror
                                  : strcmp(value->mirror, other->mirror) == 0;

        if (other->layer == value->layer && other->key == value->key && is_same_mirror)
            return true;
    }
    return false;
}

static void
read_value(struct config *config, size_t index)
{
    const struct config_value *value = config->values.items[index];
    struct settings_mirror *mirror = mirror_of(&config->settings, value->mirror);
    void *field = field_of(&config->settings, value->key, mirror);
    bool is_more = setting_is_list(value->key->type) && has_earlier(config, index);
    struct mh_fault fault = {0};
    enum mh_code code = setting_read(value->key, value->text, is_more, field, &fault);

    if (code == MH_NOMEM)
        config->is_out_of_memory = true;
    else if (code != MH_OK)
        config_complain(config, value->origin, "[%s%s%s] %s: %s",
                        mirror != NULL ? "mirror" : value->key->section, mirror != NULL ? " " : "",
                        mirror != NULL ? mirror->name : "", value->key->name, fault.sentence);
}

/* Read all values, of mirrors or of the rest, the lowest layer first. */
static void
read_values(struct config *config, bool of_mirrors)
{
    for (int layer = CONFIG_DEFAULT; layer <= CONFIG_FLAG; layer++) {
        for (size_t i = 0; i < config->values.count; i++) {
            const struct config_value *value = config->values.items[i];

            if ((int) value->layer == layer && (value->mirror != NULL) == of_mirrors)
                read_value(config, i);
        }
    }
}

static void
read_default(struct config *config, const struct setting_key *key, struct settings_mirror *mirror)
{
    struct mh_fault fault = {0};

    if (key->default_text[0] == '\0')
        return;
    /* The table's own defaults are good (a test reads each), so only memory can fail. */
    if (setting_read(key, key->default_text, false, field_of(&config->settings, key, mirror),
                     &fault) != MH_OK)
        config->is_out_of_memory = true;
}

static void
read_defaults(struct config *config)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, "mirror") != 0)
            read_default(config, &keys[i], NULL);
    }
}

/* --- mirrors --- */

/* What a mirror has before anything is said of it: the table's defaults, and [upstream]'s values,
 * which are copied by way of their text. */
static void
begin_mirror(struct config *config, struct settings_mirror *mirror)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);
    struct settings_transfer *to = &mirror->transfer;
    const struct settings_transfer *from = &config->settings.transfer;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, "mirror") == 0)
            read_default(config, &keys[i], mirror);
    }
    *to = *from;
    to->ca_file = str_dup(from->ca_file);
    to->proxy = str_dup(from->proxy);
    if ((from->ca_file != NULL && to->ca_file == NULL) ||
        (from->proxy != NULL && to->proxy == NULL))
        config->is_out_of_memory = true;
}

static void
make_mirrors(struct config *config)
{
    struct settings *settings = &config->settings;

    settings->mirrors = mem_calloc(config->mirrors.count + 1, sizeof *settings->mirrors);
    if (settings->mirrors == NULL) {
        config->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < config->mirrors.count; i++) {
        const struct config_mirror *named = config->mirrors.items[i];
        struct settings_mirror *mirror = &settings->mirrors[i];

        mirror->name = str_dup(named->name);
        settings->mirror_count++;
        if (mirror->name == NULL)
            config->is_out_of_memory = true;
        else
            begin_mirror(config, mirror);
    }
}

static void
finish_mirrors(struct config *config)
{
    for (size_t i = 0; i < config->settings.mirror_count; i++) {
        struct settings_mirror *mirror = &config->settings.mirrors[i];

        if (mirror->path == NULL)
            mirror->path = str_printf("/%s/", mirror->name);
        if (mirror->path == NULL)
            config->is_out_of_memory = true;
    }
}

/* -p: the port of every TCP listener. */
static void
apply_port(struct config *config, const char *text)
{
    static const struct config_section section = {.kind = "server"};
    struct strings *listen = &config->settings.server.listen;
    struct strings changed = {0};
    struct mh_fault fault = {0};
    uint16_t port;

    if (listen_port_parse(text, &port, &fault) != MH_OK) {
        config_complain(config, "-p", "%s", fault.sentence);
        return;
    }
    for (size_t i = 0; i < listen->count; i++) {
        struct listen_address address;
        char written[LISTEN_TEXT_SIZE];

        /* It was parsed before, when the list was read. */
        if (listen_address_parse(listen->items[i], &address, &fault) != MH_OK)
            continue;
        listen_address_set_port(&address, port);
        listen_address_text(&address, written);
        if (!strings_add(&changed, written, strlen(written)))
            config->is_out_of_memory = true;
    }
    strings_done(listen);
    *listen = changed;
    /* For config_origin(): nothing reads this value any more. */
    config_add(config, CONFIG_FLAG, &section, (struct ini_piece){"listen", 6},
               (struct ini_piece){text, strlen(text)}, "-p");
}

static void
settle(struct config *config, const char *port)
{
    read_defaults(config);
    read_values(config, false);
    make_mirrors(config);
    if (config->is_out_of_memory)
        return;
    read_values(config, true);
    finish_mirrors(config);
    config_check_rules(config);
    if (port != NULL)
        apply_port(config, port);
}

enum mh_code
config_load(const struct config_input *input, struct config *ret)
{
    *ret = (struct config){
        .values = LIST_INIT(VALUES_MAX),
        .mirrors = LIST_INIT(VALUES_MAX),
        .complaints = LIST_INIT(VALUES_MAX),
    };
    config_add_cache_default(ret);
    config_add_builtins(ret);
    choose_file(ret, input->file);
    if (ret->file != NULL)
        config_add_file(ret, ret->file);
    config_add_flags(ret, input->flags);
    config_add_environment(ret);
    if (!ret->is_out_of_memory)
        settle(ret, input->port);
    if (!ret->is_out_of_memory)
        config_sort_complaints(ret);
    return ret->is_out_of_memory ? MH_NOMEM : MH_OK;
}

static void
free_value(void *item)
{
    struct config_value *value = item;

    mem_free(value->mirror);
    mem_free(value->text);
    mem_free(value->origin);
    mem_free(value);
}

static void
free_mirror(void *item)
{
    struct config_mirror *mirror = item;

    mem_free(mirror->name);
    mem_free(mirror->origin);
    mem_free(mirror);
}

static void
free_complaint(void *item)
{
    struct config_complaint *complaint = item;

    mem_free(complaint->where);
    mem_free(complaint->sentence);
    mem_free(complaint);
}

void
config_done(struct config *config)
{
    settings_done(&config->settings);
    mem_free(config->file);
    list_done(&config->values, free_value);
    list_done(&config->mirrors, free_mirror);
    list_done(&config->complaints, free_complaint);
    *config = (struct config){0};
}

const char *
config_origin(const struct config *config, const struct setting_key *key, const char *mirror)
{
    const struct config_value *value = config_find(config, key, mirror);

    if (value == NULL && mirror != NULL && strcmp(key->section, "upstream") == 0)
        value = config_find(config, key, NULL);
    return value != NULL ? value->origin : "default";
}
