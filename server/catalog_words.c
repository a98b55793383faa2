/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog's names on command lines.
 *
 * The catalog knows paths below the built-in mirrors; the settings know under which local path each
 * of them stands, and the running server, where there is one, at which address. This file brings
 * the three together. A mistake is told here, once, with the combinations that exist: commands only
 * pass the exit status on. The base is "localhost" where both loopback addresses, or all, are
 * listened on; else the address itself, since "localhost" may lead a client to the other one.
 * Main thread; asks the control socket and no network.
 */
#include "catalog_words.h"

#include "fault.h"
#include "json.h"
#include "listen_address.h"
#include "log.h"
#include "mem.h"

#include <modelhost/control.h>

#include <stdio.h>
#include <string.h>

#define WORDS_MAX      100000
#define PATH_MAX_BYTES 4096
#define ADDRESSES_MAX  64
#define LOOPBACK4      "://127.0.0.1"
#define LOOPBACK6      "://[::1]"
#define EVERY_ADDRESS4 "://0.0.0.0"
#define EVERY_ADDRESS6 "://[::]"

bool
catalog_is_word(const char *word)
{
    return word[0] != '\0' && strpbrk(word, "/.:?") == NULL;
}

static int
tell(enum mh_code code, const struct catalog_entry *entry, const struct mh_fault *fault)
{
    struct buf list = BUF_INIT(PATH_MAX_BYTES);

    log_error("%s%s", fault->sentence, entry != NULL ? "; these exist:" : "");
    if (entry != NULL) {
        catalog_write_existing(entry, &list);
        (void) fputs(buf_text(&list), stderr); /* there is no place to tell of a failure */
    }
    buf_done(&list);
    return exit_status_of(code);
}

int
catalog_words_choose(const struct invocation *invocation, const char *name,
                     const struct catalog_entry **ret_entry, struct catalog_choice *ret_choice)
{
    const struct catalog_entry *entry = NULL;
    struct mh_fault fault = {0};
    enum mh_code code = catalog_find(name, &entry, &fault);

    if (code == MH_OK)
        code = catalog_choose(entry, invocation->params, ret_choice, &fault);
    if (code != MH_OK)
        return tell(code, entry, &fault);
    *ret_entry = entry;
    return 0;
}

static const struct settings_mirror *
mirror_of(const struct settings *settings, const struct catalog_file *file)
{
    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];

        if (mirror->is_enabled && strcmp(mirror->name, file->mirror) == 0)
            return mirror;
    }
    return NULL;
}

static enum mh_code
no_mirror(const struct catalog_file *file, struct mh_fault *fault)
{
    return fail(fault, MH_NOT_FOUND, 0,
                "the mirror '%s' is switched off; remove enabled = off from [mirror %s]",
                file->mirror, file->mirror);
}

enum mh_code
catalog_local_path(const struct settings *settings, const struct catalog_file *file,
                   const char *path, struct buf *out, struct mh_fault *fault)
{
    const struct settings_mirror *mirror = mirror_of(settings, file);

    if (mirror == NULL)
        return no_mirror(file, fault);
    buf_printf(out, "%s%s", mirror->path, path);
    return MH_OK;
}

enum mh_code
catalog_upstream_url(const struct settings *settings, const struct catalog_file *file,
                     const char *path, struct buf *out, struct mh_fault *fault)
{
    const struct settings_mirror *mirror = mirror_of(settings, file);

    if (mirror == NULL)
        return no_mirror(file, fault);
    buf_printf(out, "%s%s", mirror->upstream, path);
    return MH_OK;
}

/* --- words --- */

struct expansion {
    const struct settings *settings;
    enum catalog_wanted wanted;
    struct list *words;
    enum mh_code code;
    struct mh_fault fault;
};

static bool
add_word(struct list *words, const char *text)
{
    char *copy = str_dup(text);

    if (copy != NULL && list_add(words, copy))
        return true;
    mem_free(copy);
    return false;
}

static bool
add_file(const struct catalog_file *file, const char *path, void *arg)
{
    struct expansion *expansion = arg;
    struct buf text = BUF_INIT(PATH_MAX_BYTES);

    if (expansion->wanted == CATALOG_MANIFESTS && strstr(path, "/model.json") == NULL &&
        strstr(path, "/model-") == NULL)
        return true;
    expansion->code =
        expansion->wanted == CATALOG_URLS
            ? catalog_upstream_url(expansion->settings, file, path, &text, &expansion->fault)
            : catalog_local_path(expansion->settings, file, path, &text, &expansion->fault);
    if (expansion->code == MH_OK &&
        (!buf_is_ok(&text) || !add_word(expansion->words, buf_text(&text))))
        expansion->code = fail(&expansion->fault, MH_NOMEM, 0, "memory ran out");
    buf_done(&text);
    return expansion->code == MH_OK;
}

static void
add_chosen(struct expansion *expansion, const struct catalog_entry *entry,
           const struct catalog_choice *choice)
{
    bool goes_on = true;

    for (size_t i = 0; goes_on && i < entry->file_count; i++) {
        struct buf path = BUF_INIT(PATH_MAX_BYTES);

        if (!catalog_is_folder(&entry->files[i]) && catalog_path(&entry->files[i], choice, &path))
            goes_on = add_file(&entry->files[i], buf_text(&path), expansion);
        buf_done(&path);
    }
}

static bool
has_params(const struct invocation *invocation)
{
    for (int i = 0; i < CATALOG_PARAM_COUNT; i++) {
        if (invocation->params[i] != NULL)
            return true;
    }
    return false;
}

static int
expand_name(const struct invocation *invocation, const char *name, struct expansion *expansion)
{
    const struct catalog_entry *entry = NULL;
    const size_t before = expansion->words->count;
    struct catalog_choice choice;

    if (invocation->wants_all && has_params(invocation)) {
        log_error("--all means every combination of '%s'; give no parameters with it", name);
        return EXIT_USAGE;
    }
    if (invocation->wants_all) {
        expansion->code = catalog_find(name, &entry, &expansion->fault);
        if (expansion->code == MH_OK)
            catalog_each(entry, add_file, expansion);
    } else {
        int status = catalog_words_choose(invocation, name, &entry, &choice);

        if (status != 0)
            return status;
        add_chosen(expansion, entry, &choice);
    }
    if (expansion->code == MH_OK && expansion->words->count == before)
        expansion->code = fail(&expansion->fault, MH_NOT_FOUND, 0,
                               "'%s' has no manifest of TensorFlow.js: MediaPipe's own program "
                               "reads its files, which `pull` fetches",
                               name);
    return expansion->code == MH_OK ? 0 : tell(expansion->code, NULL, &expansion->fault);
}

int
catalog_words_expand(const struct invocation *invocation, const struct settings *settings,
                     enum catalog_wanted wanted, struct list *ret_words)
{
    struct expansion expansion = {.settings = settings, .wanted = wanted, .words = ret_words};
    bool has_name = false;
    int status = 0;

    *ret_words = LIST_INIT(WORDS_MAX);
    for (size_t i = 0; status == 0 && i < invocation->word_count; i++) {
        const char *word = invocation->words[i];

        if (catalog_is_word(word)) {
            has_name = true;
            status = expand_name(invocation, word, &expansion);
        } else if (!add_word(ret_words, word)) {
            status = exit_status_of(MH_NOMEM);
        }
    }
    if (status == 0 && !has_name && (invocation->wants_all || has_params(invocation))) {
        log_error("a model's parameters and --all go with a name of the catalog, such as bodypix; "
                  "'%s' is none",
                  invocation->word_count > 0 ? invocation->words[0] : "");
        status = EXIT_USAGE;
    }
    if (status != 0)
        list_done(ret_words, mem_free);
    return status;
}

/* --- the base --- */

/* Where the server listens, as URLs with a slash at the end. */
struct addresses {
    char urls[ADDRESSES_MAX][LISTEN_TEXT_SIZE];
    size_t count;
};

static void
add_address(struct addresses *addresses, const char *url)
{
    size_t n = strlen(url);
    char *slot;

    if (strncmp(url, "unix:", 5) == 0 || n >= LISTEN_TEXT_SIZE || addresses->count >= ADDRESSES_MAX)
        return;
    slot = addresses->urls[addresses->count];
    memcpy(slot, url, n + 1);
    n -= n > 0 && slot[n - 1] == '/';
    slot[n] = '\0';
    addresses->count++;
}

static bool
add_running(const struct settings *settings, struct addresses *addresses)
{
    scoped(mem_freep) char *text = NULL;
    scoped(json_freep) struct json *status = NULL;
    struct mh_fault fault = {0};
    long http_status = 0;

    if (mh_control_call(settings->cache.directory, "GET", "/-/api/status", NULL, &http_status,
                        &text, &fault) != MH_OK ||
        http_status != 200 || json_parse(text, strlen(text), &status, &fault) != MH_OK)
        return false;
    for (const struct json *url = json_first(json_get(status, "listen")); url != NULL;
         url = json_next(url)) {
        if (json_string(url) != NULL)
            add_address(addresses, json_string(url));
    }
    return addresses->count > 0;
}

static void
add_configured(const struct settings *settings, struct addresses *addresses)
{
    const char *scheme = settings_want_tls(&settings->tls) ? "https" : "http";

    for (size_t i = 0; i < settings->server.listen.count; i++) {
        struct listen_address address;
        struct mh_fault fault;
        char url[LISTEN_TEXT_SIZE];

        if (listen_address_parse(settings->server.listen.items[i], &address, &fault) == MH_OK)
            add_address(addresses, listen_address_url(&address, scheme, url));
    }
}

/* The port of the first address, if `host` has it too. */
static bool
has_peer(const struct addresses *addresses, const char *host, const char *port)
{
    const size_t n = strlen(host);

    for (size_t i = 0; i < addresses->count; i++) {
        const char *url = strstr(addresses->urls[i], "://");

        if (url != NULL && strncmp(url, host, n) == 0 && strcmp(url + n, port) == 0)
            return true;
    }
    return false;
}

enum mh_code
catalog_base_url(const struct settings *settings, struct buf *out, struct mh_fault *fault)
{
    struct addresses addresses = {.count = 0};
    const char *url, *port;

    if (!add_running(settings, &addresses))
        add_configured(settings, &addresses);
    if (addresses.count == 0)
        return fail(fault, MH_BAD_INPUT, 0,
                    "it listens on unix sockets only, which browsers cannot reach; add an address "
                    "to listen = in [server]");
    url = addresses.urls[0];
    port = strrchr(url, ':');
    if (strstr(url, EVERY_ADDRESS4) != NULL || strstr(url, EVERY_ADDRESS6) != NULL ||
        (has_peer(&addresses, LOOPBACK4, port) && has_peer(&addresses, LOOPBACK6, port)))
        buf_printf(out, "%.*slocalhost%s", (int) (strstr(url, "://") - url) + 3, url, port);
    else
        buf_add_str(out, url);
    return MH_OK;
}
