/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration again while requests are answered.
 *
 * A whole new set of settings is put together, of the new values where the table says that a reload
 * applies them and of the old ones elsewhere, and takes the place of the one in force by one store:
 * a request sees one set or the other. Nobody counts who still looks at an old one, so old ones are
 * kept until the server ends; a reload that changes nothing keeps nothing. What changed but needs a
 * restart is told, since the file would otherwise seem to lie.
 *
 * Main thread. It refuses a configuration with mistakes as a whole, as a start would. */
#include "reload.h"

#include "certificate.h"
#include "fault.h"
#include "greeting.h"
#include "log.h"
#include "mem.h"
#include "ready.h"

#include <string.h>

#define TEXT_MAX ((size_t) 1 << 20)

/* A configuration that was read by a reload, and the settings that came of it. Their texts are
 * those of this and of earlier configurations. */
struct kept {
    struct config config;
    struct settings settings;
};

/* --- single values --- */

/* The three sections that a server looks at while it answers; NULL for any other. */
static void *
values_of(struct settings *settings, const char *section)
{
    if (strcmp(section, "server") == 0)
        return &settings->server;
    if (strcmp(section, "cors") == 0)
        return &settings->cors;
    return strcmp(section, "tls") == 0 ? &settings->tls : NULL;
}

static size_t
size_of(enum setting_type type)
{
    switch (type) {
    case SETTING_BOOL:
        return sizeof(bool);
    case SETTING_COUNT:
    case SETTING_COUNT_AUTO:
    case SETTING_SIZE:
    case SETTING_DURATION:
        return sizeof(uint64_t);
    case SETTING_AGE:
        return sizeof(int64_t);
    case SETTING_FILE:
    case SETTING_DIRECTORY:
    case SETTING_PLACE:
    case SETTING_PROXY:
    case SETTING_BASE_URL:
    case SETTING_MIRROR_PATH:
        return sizeof(char *);
    case SETTING_SECRET:
        return sizeof(struct secret);
    case SETTING_HEADERS:
        return sizeof(struct secrets);
    case SETTING_BASE_URLS:
    case SETTING_WORDS:
    case SETTING_LISTEN:
    case SETTING_HOSTS:
    case SETTING_ORIGINS:
    case SETTING_FIELDS:
    default:
        return sizeof(struct strings);
    }
}

/* Put the new values that a reload applies in the place of old ones. */
static void
mix(struct settings *settings, struct settings *fresh)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);

    for (size_t i = 0; i < count; i++) {
        char *to = values_of(settings, keys[i].section);
        const char *from = values_of(fresh, keys[i].section);

        if (to != NULL && keys[i].is_reloadable)
            memcpy(to + keys[i].offset, from + keys[i].offset, size_of(keys[i].type));
    }
}

/* --- what changed --- */

/* All that was given for a key, by whom and in which order. Secrets are compared, never shown. */
static void
write_given(const struct config *config, const struct setting_key *key, const char *mirror,
            struct buf *out)
{
    for (size_t i = 0; i < config->values.count; i++) {
        const struct config_value *value = config->values.items[i];
        const bool is_of_mirror = mirror == NULL || value->mirror == NULL
                                      ? mirror == value->mirror
                                      : strcmp(mirror, value->mirror) == 0;

        if (value->key == key && is_of_mirror)
            buf_printf(out, "%d %s\n", (int) value->layer, value->text);
    }
}

static bool
is_same_given(const struct config *a, const struct config *b, const struct setting_key *key,
              const char *mirror)
{
    struct buf one = BUF_INIT(TEXT_MAX), other = BUF_INIT(TEXT_MAX);
    bool is_same;

    write_given(a, key, mirror, &one);
    write_given(b, key, mirror, &other);
    is_same = buf_is_ok(&one) && buf_is_ok(&other) && one.length == other.length &&
              strcmp(buf_text(&one), buf_text(&other)) == 0;
    buf_done(&one);
    buf_done(&other);
    return is_same;
}

static bool
tell_key(const struct config *old, const struct config *fresh, const struct setting_key *key,
         const char *mirror)
{
    if (is_same_given(old, fresh, key, mirror))
        return false;
    if (!key->is_reloadable)
        log_note("[%s%s%s] %s changed; that takes a restart",
                 mirror != NULL ? "mirror" : key->section, mirror != NULL ? " " : "",
                 mirror != NULL ? mirror : "", key->name);
    return true;
}

static bool
tell_mirror(const struct config *old, const struct config *fresh, const char *mirror)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);
    bool is_changed = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, "mirror") == 0 || strcmp(keys[i].section, "upstream") == 0)
            is_changed = tell_key(old, fresh, &keys[i], mirror) || is_changed;
    }
    return is_changed;
}

static bool
has_mirror(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->mirrors.count; i++) {
        if (strcmp(((const struct config_mirror *) config->mirrors.items[i])->name, name) == 0)
            return true;
    }
    return false;
}

/* Tell what a restart would change besides. Returns whether anything has changed at all. */
static bool
tell_changes(const struct config *old, const struct config *fresh)
{
    size_t count;
    const struct setting_key *keys = settings_keys(&count);
    bool is_changed = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, "mirror") != 0)
            is_changed = tell_key(old, fresh, &keys[i], NULL) || is_changed;
    }
    for (size_t i = 0; i < fresh->mirrors.count; i++)
        is_changed = tell_mirror(old, fresh,
                                 ((const struct config_mirror *) fresh->mirrors.items[i])->name) ||
                     is_changed;
    for (size_t i = 0; i < old->mirrors.count; i++) {
        const char *name = ((const struct config_mirror *) old->mirrors.items[i])->name;

        if (!has_mirror(fresh, name)) {
            log_note("[mirror %s] has gone; that takes a restart", name);
            is_changed = true;
        }
    }
    return is_changed;
}

/* --- the certificate --- */

/* `is_changed`: the settings have. */
static void
reload_certificate(struct server *server, bool is_changed)
{
    struct tls_identity *identity = NULL;
    struct mh_fault fault;
    enum mh_code code;

    if (server->tls == NULL) {
        if (settings_want_tls(&server->settings->tls) && is_changed)
            log_note("[tls] a certificate is given; that takes a restart, since this server began "
                     "without one");
        return;
    }
    code = certificate_load(server->settings, server->host, &identity, &fault);
    if (code != MH_OK || identity == NULL) {
        log_error("the certificate stays as it was: %s",
                  code != MH_OK ? fault.sentence : "the configuration names none");
        return;
    }
    if (tls_identity_is_same(identity, server->tls)) {
        tls_identity_free(identity);
        return;
    }
    tls_present(identity, server->tls);
    server->tls = identity;
    log_note("new connections get the new certificate");
    greet_with_fingerprint(server);
}

/* --- all of it --- */

static void
free_kept(void *item)
{
    struct kept *kept = item;

    config_done(&kept->config); /* the settings beside it only borrow */
    mem_free(kept);
}

/* Takes `kept`. Returns whether the settings in force are others now. */
static bool
apply(struct reload *reload, struct server *server, struct kept *kept)
{
    if (!tell_changes(reload->config, &kept->config)) {
        free_kept(kept);
        return false;
    }
    kept->settings = *server->settings;
    mix(&kept->settings, &kept->config.settings);
    if (!list_add(&reload->kept, kept)) {
        log_error("the configuration stays as it was: it has been changed too often; restart");
        free_kept(kept);
        return false;
    }
    reload->config = &kept->config;
    server->settings = &kept->settings;
    ready_drop(server);
    return true;
}

static bool
is_good(enum mh_code code, const struct config *config)
{
    if (code != MH_OK) {
        log_error("the configuration stays as it was: memory ran out");
        return false;
    }
    for (size_t i = 0; i < config->complaints.count; i++) {
        const struct config_complaint *complaint = config->complaints.items[i];

        log_error("%s: %s", complaint->where, complaint->sentence);
    }
    if (config->complaints.count > 0)
        log_error("the configuration stays as it was");
    return config->complaints.count == 0;
}

void
reload_now(struct reload *reload, struct server *server)
{
    const struct invocation *invocation = reload->invocation;
    const struct config_input input = {invocation->config_file, &invocation->flags,
                                       invocation->port};
    struct kept *kept = mem_new(struct kept);
    bool is_changed = false;

    if (kept == NULL) {
        log_error("the configuration stays as it was: memory ran out");
        return;
    }
    if (is_good(config_load(&input, &kept->config), &kept->config))
        is_changed = apply(reload, server, kept);
    else
        free_kept(kept);
    reload_certificate(server, is_changed);
}

void
reload_done(struct reload *reload)
{
    list_done(&reload->kept, free_kept);
}
