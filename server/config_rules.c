/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules between settings, which no single value can break: a mirror has an upstream, no two mirrors
 * have one path, nothing else is served where a mirror is.
 *
 * Each complaint names the place of the value that a person would change, which is never a default:
 * those agree. They come after the complaints of single values, so all of them are brought into the
 * order of the file's lines at the end. Main thread, with the settings already read.
 */
#include "config_layers.h"
#include "suggest.h"
#include "units.h"

#include <string.h>

static void
check_upstream(struct config *config, const struct settings_mirror *mirror, const char *origin)
{
    size_t count;
    const struct setting_builtin *builtins = settings_builtins(&count);
    struct suggestion guess = SUGGESTION_INIT(mirror->name);

    if (config_find(config, settings_key_find("mirror", "upstream"), mirror->name) != NULL)
        return; /* it is there; if it is bad, that has been said */
    for (size_t i = 0; i < count; i++)
        suggest_consider(&guess, builtins[i].mirror);
    if (guess.best != NULL)
        config_complain(config, origin,
                        "[mirror %s] has no upstream; did you mean the built-in [mirror %s]?",
                        mirror->name, guess.best);
    else
        config_complain(config, origin, "[mirror %s] has no upstream; add `upstream = URL`",
                        mirror->name);
}

static const struct config_value *
given_path(const struct config *config, size_t index)
{
    const struct config_mirror *named = config->mirrors.items[index];

    return config_find(config, settings_key_find("mirror", "path"), named->name);
}

/* Who decided a mirror's path: its value, or where nobody gave one, who named the mirror. */
static const char *
path_origin(const struct config *config, size_t index)
{
    const struct config_mirror *named = config->mirrors.items[index];
    const struct config_value *value = given_path(config, index);

    return value != NULL ? value->origin : named->origin;
}

/* Of two mirrors with one path, blame one whose path somebody gave. */
static void
complain_of_clash(struct config *config, size_t blamed, size_t other)
{
    const struct settings_mirror *mirrors = config->settings.mirrors;

    if (given_path(config, blamed) == NULL && given_path(config, other) != NULL) {
        size_t was = blamed;

        blamed = other;
        other = was;
    }
    config_complain(
        config, path_origin(config, blamed),
        "[mirror %s] has the path %s, which is that of [mirror %s] too (%s); change one "
        "of them",
        mirrors[blamed].name, mirrors[blamed].path, mirrors[other].name,
        path_origin(config, other));
}

static void
check_path(struct config *config, size_t index)
{
    const struct settings_mirror *mirror = &config->settings.mirrors[index];

    if (strcmp(mirror->path, "/") == 0 && config->settings.server.root != NULL)
        config_complain(
            config, path_origin(config, index),
            "[mirror %s] has the path / and [server] root is served there too; give the "
            "mirror a path of its own",
            mirror->name);
    for (size_t i = 0; i < index; i++) {
        const struct settings_mirror *other = &config->settings.mirrors[i];

        if (other->is_enabled && other->path != NULL && strcmp(other->path, mirror->path) == 0)
            complain_of_clash(config, index, i);
    }
}

static void
check_cache(struct config *config)
{
    const struct settings_cache *cache = &config->settings.cache;
    const struct setting_key *directory = settings_key_find("cache", "directory");
    const struct config_value *settle =
        config_find(config, settings_key_find("cache", "settle"), NULL);
    const struct config_value *settle_max =
        config_find(config, settings_key_find("cache", "settle_max"), NULL);

    if (config_find(config, directory, NULL) == NULL)
        config_complain(config, "--cache-dir",
                        "there is no place for the cache, as neither CACHE_DIRECTORY, "
                        "XDG_CACHE_HOME nor HOME is set; name one with --cache-dir DIR");
    /* The defaults agree, so somebody gave one of them. */
    if (settle_max == NULL)
        settle_max = settle;
    if (cache->settle_max_ms < cache->settle_ms && settle_max != NULL)
        config_complain(config, settle_max->origin,
                        "[cache] settle_max is shorter than settle; make it as long or longer");
}

static void
check_watch(struct config *config)
{
    const struct config_value *value =
        config_find(config, settings_key_find("server", "watch"), NULL);
    const bool has_root = config_find(config, settings_key_find("server", "root"), NULL) != NULL;

    if (config->settings.server.is_watched && value != NULL && !has_root)
        config_complain(config, value->origin,
                        "[server] watch is on, and there is no directory to watch; name it by "
                        "root = or as `serve DIR`");
}

static void
check_tls(struct config *config)
{
    const struct config_value *certificate =
        config_find(config, settings_key_find("tls", "certificate"), NULL);
    const struct config_value *key = config_find(config, settings_key_find("tls", "key"), NULL);
    const struct settings_tls *tls = &config->settings.tls;

    const struct config_value *own =
        config_find(config, settings_key_find("tls", "self_signed"), NULL);

    if (tls->is_self_signed && own != NULL && (tls->certificate != NULL || tls->key != NULL))
        config_complain(config, own->origin,
                        "[tls] self_signed is on, and a certificate is given too (%s); choose one "
                        "of them",
                        tls->certificate != NULL ? certificate->origin : key->origin);
    /* One that is bad is given, too; that has been said. */
    if (tls->certificate != NULL && key == NULL && certificate != NULL)
        config_complain(config, certificate->origin,
                        "[tls] has a certificate and no key; name its key by key = FILE or "
                        "--tls-key FILE");
    if (tls->key != NULL && certificate == NULL && key != NULL)
        config_complain(config, key->origin,
                        "[tls] has a key and no certificate; name it by certificate = FILE or "
                        "--tls-cert FILE");
}

void
config_check_rules(struct config *config)
{
    for (size_t i = 0; i < config->settings.mirror_count; i++) {
        const struct settings_mirror *mirror = &config->settings.mirrors[i];
        const struct config_mirror *named = config->mirrors.items[i];

        check_upstream(config, mirror, named->origin);
        if (mirror->is_enabled && mirror->path != NULL)
            check_path(config, i);
    }
    check_tls(config);
    check_watch(config);
    check_cache(config);
}

/* --- their order --- */

/* The line of a complaint of the file; SIZE_MAX: it is of something else, which comes after. */
static size_t
line_of(const struct config *config, const struct config_complaint *complaint)
{
    size_t n = config->file != NULL ? strlen(config->file) : 0;
    uint64_t line;

    if (n == 0 || strncmp(complaint->where, config->file, n) != 0)
        return SIZE_MAX;
    if (complaint->where[n] == '\0')
        return 0;
    return complaint->where[n] == ':' && uint_parse(complaint->where + n + 1, SIZE_MAX, &line)
               ? (size_t) line
               : SIZE_MAX;
}

/* Names are understood before values are read: bring the file's complaints into the order of its
 * lines. Insertion keeps equals in order, and there are few. */
void
config_sort_complaints(struct config *config)
{
    struct list *complaints = &config->complaints;

    for (size_t i = 1; i < complaints->count; i++) {
        void *moving = complaints->items[i];
        size_t line = line_of(config, moving);
        size_t j = i;

        for (; j > 0 && line_of(config, complaints->items[j - 1]) > line; j--)
            complaints->items[j] = complaints->items[j - 1];
        complaints->items[j] = moving;
    }
}
