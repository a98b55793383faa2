/* SPDX-License-Identifier: Apache-2.0 */
/* settings*.c and config*.c: the table keeps its own rules, values are read and written, the layers
 * win in their order with their origins, and every mistake is told with its place. */
#include "config.h"
#include "mem.h"
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

/* --- a world of its own for each test --- */

struct world {
    char *directory;
    char *file;
};

static int
setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_int_equal(clearenv(), 0);
    w->directory = test_dir_make();
    assert_true(asprintf(&w->file, "%s/config.ini", w->directory) > 0);
    setenv("HOME", w->directory, 1);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    free(w->file);
    test_dir_remove(w->directory);
    free(w);
    return 0;
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Load a file's text, with one optional flag, e.g. {"cache", "settle", "1s"}. */
static void
load(struct world *w, const char *text, struct config_flag *flag, const char *port,
     struct config *ret)
{
    struct list flags = LIST_INIT(10);
    struct config_input input = {text != NULL ? w->file : NULL, &flags, port};

    if (text != NULL)
        write_file(w->file, text);
    if (flag != NULL) {
        flag->flag = "--set";
        flag->section_n = strlen(flag->section);
        flag->key_n = strlen(flag->key);
        assert_true(list_add(&flags, flag));
    }
    assert_int_equal(config_load(&input, ret), MH_OK);
    list_done(&flags, NULL);
}

/* Append a text with the world's directory as "DIR". */
static void
add_without_directory(const struct world *w, const char *text, struct buf *out)
{
    for (const char *at; (at = strstr(text, w->directory)) != NULL;
         text = at + strlen(w->directory)) {
        buf_add(out, text, (size_t) (at - text));
        buf_add_str(out, "DIR");
    }
    buf_add_str(out, text);
}

/* All complaints, one a line; those of the file begin with "config.ini:". */
static char *
complaints_of(const struct world *w, const struct config *config)
{
    struct buf out = BUF_INIT(1 << 16);
    size_t n = strlen(w->directory) + 1;

    for (size_t i = 0; i < config->complaints.count; i++) {
        const struct config_complaint *c = config->complaints.items[i];
        bool is_file = strncmp(c->where, w->file, strlen(w->file)) == 0;

        buf_printf(&out, "%s: ", is_file ? c->where + n : c->where);
        add_without_directory(w, c->sentence, &out);
        buf_add_char(&out, '\n');
    }
    return buf_take(&out);
}

static const struct settings_mirror *
mirror_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->settings.mirror_count; i++) {
        if (strcmp(config->settings.mirrors[i].name, name) == 0)
            return &config->settings.mirrors[i];
    }
    fail_msg("there is no mirror '%s'", name);
    return NULL;
}

/* --- the table --- */

static void
test_table(void **state)
{
    size_t count, sections;
    const struct setting_key *keys = settings_keys(&count);

    (void) settings_sections(&sections);
    assert_int_equal(sections, 6);
    for (size_t i = 0; i < count; i++) {
        const struct setting_key *key = &keys[i];
        union {
            uint64_t number;
            struct strings strings;
        } field = {0};
        struct mh_fault fault = {0};
        struct buf out = BUF_INIT(1024);
        size_t n = strlen(key->prose);

        CHECK(key->name, settings_key_find(key->section, key->name) == key);
        CHECK(key->name, n > 10 && key->prose[n - 1] == '.');
        CHECK(key->name, key->min <= key->max);
        /* a transfer key may stand in a [mirror]: its name must not be taken there */
        if (strcmp(key->section, "upstream") == 0)
            CHECK(key->name, settings_key_find("mirror", key->name) == key);
        if (key->default_text[0] != '\0') {
            CHECK(key->name, setting_read(key, key->default_text, false, &field, &fault) == MH_OK);
            setting_write(key, &field, &out);
            CHECK(key->name, out.length > 0);
            setting_release(key, &field);
        }
        buf_done(&out);
    }
}

/* --- values --- */

static void
test_values(void **state)
{
    static const struct {
        const char *section, *key, *text;
        const char *written; /* NULL: it is refused, and `says` is in the sentence */
        const char *says;
    } rows[] = {
        {"cache", "offline", "on", "on", NULL},
        {"cache", "offline", "no", "off", NULL},
        {"cache", "offline", "maybe", NULL, "'maybe' is not on or off"},
        {"cache", "offline", "", NULL, "a value is missing"},
        {"server", "threads", "auto", "auto", NULL},
        {"server", "threads", "4", "4", NULL},
        {"server", "threads", "0", NULL, "the least is 1"},
        {"server", "threads", "257", NULL, "the most is 256"},
        {"server", "threads", "x", NULL, "not a number or auto"},
        {"server", "threads", "-1", NULL, "not a number or auto"},
        {"server", "max_connections_per_address", "auto", NULL, "not a number"},
        {"server", "header_size", "16KiB", "16KiB", NULL},
        {"server", "header_size", "1", NULL, "the least is 1KiB"},
        {"server", "header_size", "big", NULL, "a size such as"},
        {"cache", "max_size", "0", "0", NULL},
        {"cache", "settle", "1500ms", "1500ms", NULL},
        {"cache", "settle", "10", NULL, "a time with its unit"},
        {"cache", "settle", "2h", NULL, "the most is 1h"},
        {"mirror", "revalidate", "always", "always", NULL},
        {"mirror", "revalidate", "0", "always", NULL},
        {"mirror", "revalidate", "never", "never", NULL},
        {"mirror", "revalidate", "36h", "36h", NULL},
        {"mirror", "revalidate", "500ms", NULL, "always, never, or an age"},
        {"mirror", "revalidate", "often", NULL, "always, never, or an age"},
        {"server", "root", "/", "/", NULL},
        {"server", "root", "", "", NULL},
        {"server", "root", "/nonexistent", NULL, "there is no directory '/nonexistent'"},
        {"server", "root", "/dev/null", NULL, "is not a directory"},
        {"cache", "directory", "/nonexistent/cache", "/nonexistent/cache", NULL},
        {"cache", "directory", "/dev/null", NULL, "is not a directory"},
        {"cache", "directory", "", NULL, "a value is missing"},
        {"upstream", "ca_file", "/nonexistent", NULL, "'/nonexistent' cannot be read"},
        {"upstream", "ca_file", "/", NULL, "'/' is not a file"},
        {"upstream", "proxy", "http://proxy.example:3128", "http://proxy.example:3128", NULL},
        {"upstream", "proxy", "socks5h://u:secret@h:1", "socks5h://***@h:1", NULL},
        {"upstream", "proxy", "proxy.example", NULL, "a proxy is a URL such as"},
        {"upstream", "proxy", "ftp://u:secret@h", NULL, "a proxy is a URL such as"},
        {"mirror", "upstream", "https://h.example/a", "https://h.example/a/", NULL},
        {"mirror", "upstream", "HTTP://[::1]:80/", "HTTP://[::1]:80/", NULL},
        {"mirror", "upstream", "h.example/a", NULL, "not a base URL such as"},
        {"mirror", "upstream", "ftp://h/", NULL, "not a base URL such as"},
        {"mirror", "upstream", "https:///a", NULL, "no usable host"},
        {"mirror", "upstream", "https://h:x/", NULL, "no usable host"},
        {"mirror", "upstream", "https://h:70000/", NULL, "no usable host"},
        {"mirror", "upstream", "https://h/?a", NULL, "can have no '?' or '#'"},
        {"mirror", "upstream", "https://u:secret@h/", NULL, "no user name or password"},
        {"mirror", "fallback", "https://a.example http://b.example/x/",
         "https://a.example/ http://b.example/x/", NULL},
        {"mirror", "fallback", "https://a.example b", NULL, "'b' is not a base URL"},
        {"mirror", "path", "/a/b/", "/a/b/", NULL},
        {"mirror", "path", "/", "/", NULL},
        {"mirror", "path", "a/", NULL, "must begin and end with '/'"},
        {"mirror", "path", "/a", NULL, "must begin and end with '/'"},
        {"mirror", "path", "/-/", NULL, "modelhost's own"},
        {"mirror", "path", "/-/x/", NULL, "modelhost's own"},
        {"mirror", "path", "/a//b/", NULL, "two slashes"},
        {"mirror", "path", "/../", NULL, "begins with '.'"},
        {"mirror", "path", "/a%2Fb/", NULL, "may not hold"},
        {"mirror", "path", "/a b/", NULL, "may not hold"},
        {"mirror", "query_ignore", " a\tb ", "a b", NULL},
        {"server", "listen", "127.0.0.1:0 unix:/s", "127.0.0.1:0 unix:/s", NULL},
        {"server", "listen", "127.0.0.1:x", NULL, "'127.0.0.1:x'"},
        {"server", "listen", "", NULL, "a value is missing"},
        {"server", "hosts", "a.example b", "a.example b", NULL},
        {"server", "hosts", "http://a", NULL, "not a host name"},
        {"server", "hosts", "a:80", NULL, "not a host name"},
        {"server", "api_token", "0123456789abcdef", "***", NULL},
        {"server", "api_token", "short-secret", NULL, "at least 16 characters"},
        {"server", "api_token", "", "", NULL},
        {"cors", "allow_origin", "*", "*", NULL},
        {"cors", "allow_origin", "https://a.example http://localhost:3000",
         "https://a.example http://localhost:3000", NULL},
        {"cors", "allow_origin", "* https://a.example", NULL, "stands alone"},
        {"cors", "allow_origin", "https://a.example/", NULL, "is not an origin"},
        {"cors", "allow_origin", "a.example", NULL, "is not an origin"},
        {"cors", "allow_origin", "", "", NULL},
        {"mirror", "header", "Authorization: Bearer ${TOKEN}", "***", NULL},
        {"mirror", "header", "X: $5 and ${TOKEN}${TOKEN}", "***", NULL},
        {"mirror", "header", "X: ${NONE}", NULL, "'NONE' is not set"},
        {"mirror", "header", "X: ${TOKEN", NULL, "must be followed by"},
        {"mirror", "header", "X: ${}", NULL, "must be followed by"},
        {"mirror", "header", "no-secret-colon", NULL, "a header is \"Name: value\""},
        {"mirror", "header", "Bad Name: secret", NULL, "a header is \"Name: value\""},
        {"mirror", "header", "range: secret", NULL, "'range' is set by modelhost"},
        {"mirror", "header", "X: ${BREAK}", NULL, "line break"},
    };

    setenv("TOKEN", "secret", 1);
    setenv("BREAK", "secret\r\nY: secret", 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct setting_key *key = settings_key_find(rows[i].section, rows[i].key);
        union {
            uint64_t number;
            void *pointer;
            struct strings strings;
        } field = {0};
        struct mh_fault fault = {0};
        struct buf out = BUF_INIT(1024);
        enum mh_code code = setting_read(key, rows[i].text, false, &field, &fault);

        if (rows[i].written != NULL) {
            CHECK_TEXT(rows[i].text, fault.sentence, "");
            setting_write(key, &field, &out);
            CHECK_TEXT(rows[i].text, buf_text(&out), rows[i].written);
        } else {
            CHECK(rows[i].text, code == MH_BAD_INPUT);
            if (strstr(fault.sentence, rows[i].says) == NULL)
                CHECK_TEXT(rows[i].text, fault.sentence, rows[i].says);
            CHECK(fault.sentence, strstr(fault.sentence, "secret") == NULL);
        }
        setting_release(key, &field);
        buf_done(&out);
    }
}

static void
test_a_refused_value_changes_nothing(void **state)
{
    const struct setting_key *listen = settings_key_find("server", "listen");
    const struct setting_key *upstream = settings_key_find("mirror", "upstream");
    struct strings list = {0};
    char *text = NULL;
    struct mh_fault fault;

    assert_int_equal(setting_read(listen, "127.0.0.1:1", false, &list, &fault), MH_OK);
    assert_int_equal(setting_read(listen, "127.0.0.1:2 x:y:z", false, &list, &fault), MH_BAD_INPUT);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0], "127.0.0.1:1");
    assert_int_equal(setting_read(listen, "127.0.0.1:2", true, &list, &fault), MH_OK);
    assert_int_equal(list.count, 2);
    assert_null(list.items[2]);
    assert_int_equal(setting_read(upstream, "http://a/", false, &text, &fault), MH_OK);
    assert_int_equal(setting_read(upstream, "x", false, &text, &fault), MH_BAD_INPUT);
    assert_string_equal(text, "http://a/");
    setting_release(listen, &list);
    setting_release(upstream, &text);
}

/* --- layers --- */

static void
test_defaults(void **state)
{
    struct world *w = *state;
    struct config config;
    const struct settings *s = &config.settings;
    char *wanted = NULL;

    load(w, NULL, NULL, NULL, &config);
    assert_null(config.file);
    assert_int_equal(config.complaints.count, 0);
    assert_int_equal(s->server.listen.count, 2);
    assert_string_equal(s->server.listen.items[1], "[::1]:8080");
    assert_int_equal(s->server.header_bytes, 8192);
    assert_int_equal(s->cache.settle_ms, 10000);
    assert_int_equal(s->cache.json_max_bytes, 64 << 20);
    assert_true(asprintf(&wanted, "%s/.cache/modelhost", w->directory) > 0);
    assert_string_equal(s->cache.directory, wanted);
    free(wanted);
    assert_int_equal(s->mirror_count, 5);
    assert_string_equal(mirror_of(&config, "npm")->path, "/npm/");
    assert_string_equal(mirror_of(&config, "npm")->upstream, "https://cdn.jsdelivr.net/npm/");
    assert_int_equal(mirror_of(&config, "npm")->query_ignore.count, 0);
    assert_int_equal(mirror_of(&config, "npm")->revalidate_s, 86400);
    assert_true(mirror_of(&config, "npm")->is_enabled);
    assert_false(mirror_of(&config, "npm")->allow_private);
    assert_int_equal(mirror_of(&config, "npm")->transfer.retries, 3);
    assert_string_equal(mirror_of(&config, "tfhub")->query_ignore.items[0], "tfjs-format");
    config_done(&config);
}

static void
test_layers_win_in_their_order(void **state)
{
    struct world *w = *state;
    const struct setting_key *settle = settings_key_find("cache", "settle");
    const char *text = "[cache]\nsettle = 2s\n";
    struct config_flag flag = {.section = "cache", .key = "settle", .text = "4s"};
    struct config config;

    load(w, "", NULL, NULL, &config);
    assert_string_equal(config_origin(&config, settle, NULL), "default");
    config_done(&config);

    load(w, text, NULL, NULL, &config);
    assert_int_equal(config.settings.cache.settle_ms, 2000);
    assert_non_null(strstr(config_origin(&config, settle, NULL), "/config.ini:2"));
    config_done(&config);

    setenv("MODELHOST_CACHE_SETTLE", "3s", 1);
    setenv("MODELHOST_NO_SUCH_THING", "3s", 1);
    setenv("MODELHOST_CACHE_SETTLE_MAX", "", 1); /* empty: as if not set */
    load(w, text, NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 0);
    assert_int_equal(config.settings.cache.settle_ms, 3000);
    assert_string_equal(config_origin(&config, settle, NULL), "$MODELHOST_CACHE_SETTLE");
    config_done(&config);

    load(w, text, &flag, NULL, &config);
    assert_int_equal(config.settings.cache.settle_ms, 4000);
    assert_string_equal(config_origin(&config, settle, NULL), "--set");
    config_done(&config);
}

static void
test_lists_are_replaced_by_layers(void **state)
{
    struct world *w = *state;
    struct config_flag flag = {.section = "server", .key = "listen", .text = "127.0.0.1:3"};
    struct config config;

    load(w, "[server]\nlisten = 127.0.0.1:1 127.0.0.1:2\n", &flag, NULL, &config);
    assert_int_equal(config.settings.server.listen.count, 1);
    assert_string_equal(config.settings.server.listen.items[0], "127.0.0.1:3");
    config_done(&config);
}

static void
test_headers_repeat(void **state)
{
    struct world *w = *state;
    struct config config;

    load(w, "[mirror npm]\nheader = A: 1\nheader = B: 2\n", NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 0);
    assert_int_equal(mirror_of(&config, "npm")->header.hidden.count, 2);
    assert_string_equal(mirror_of(&config, "npm")->header.hidden.items[1], "B: 2");
    config_done(&config);
}

static void
test_mirrors(void **state)
{
    struct world *w = *state;
    const struct setting_key *retries = settings_key_find("upstream", "retries");
    struct config config;

    setenv("MODELHOST_MIRROR_MY_OWN_RETRIES", "9", 1);
    load(w,
         "[mirror my-own]\nupstream = http://127.0.0.1:1/x\n"
         "[upstream]\nretries = 7\nproxy = http://p:1\n"
         "[mirror npm]\nretries = 8\nrevalidate = never\n"
         "[mirror tfhub]\nenabled = off\n",
         NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 0);
    assert_int_equal(config.settings.mirror_count, 6);
    assert_string_equal(mirror_of(&config, "my-own")->path, "/my-own/");
    assert_string_equal(mirror_of(&config, "my-own")->upstream, "http://127.0.0.1:1/x/");
    assert_int_equal(mirror_of(&config, "my-own")->transfer.retries, 9);
    assert_int_equal(mirror_of(&config, "npm")->transfer.retries, 8);
    assert_int_equal(mirror_of(&config, "npm")->revalidate_s, MH_REVALIDATE_NEVER);
    assert_string_equal(mirror_of(&config, "npm")->upstream, "https://cdn.jsdelivr.net/npm/");
    assert_int_equal(mirror_of(&config, "huggingface")->transfer.retries, 7);
    assert_string_equal(mirror_of(&config, "huggingface")->transfer.proxy, "http://p:1");
    assert_false(mirror_of(&config, "tfhub")->is_enabled);
    assert_non_null(strstr(config_origin(&config, retries, "npm"), "config.ini:7"));
    assert_non_null(strstr(config_origin(&config, retries, "tfhub"), "config.ini:4"));
    assert_string_equal(config_origin(&config, retries, "my-own"),
                        "$MODELHOST_MIRROR_MY_OWN_RETRIES");
    config_done(&config);
}

static void
test_port(void **state)
{
    struct world *w = *state;
    struct config config;

    load(w, "[server]\nlisten = 127.0.0.1:1 [::1]:2 unix:/s\n", NULL, "9000", &config);
    assert_int_equal(config.complaints.count, 0);
    assert_string_equal(config.settings.server.listen.items[0], "127.0.0.1:9000");
    assert_string_equal(config.settings.server.listen.items[1], "[::1]:9000");
    assert_string_equal(config.settings.server.listen.items[2], "unix:/s");
    assert_string_equal(config_origin(&config, settings_key_find("server", "listen"), NULL), "-p");
    config_done(&config);
    load(w, "", NULL, "x", &config);
    assert_int_equal(config.complaints.count, 1);
    config_done(&config);
}

static void
test_cache_directory(void **state)
{
    struct world *w = *state;
    const struct setting_key *key = settings_key_find("cache", "directory");
    struct config config;

    setenv("XDG_CACHE_HOME", "/x", 1);
    load(w, NULL, NULL, NULL, &config);
    assert_string_equal(config.settings.cache.directory, "/x/modelhost");
    config_done(&config);

    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored */
    load(w, NULL, NULL, NULL, &config);
    assert_null(strstr(config.settings.cache.directory, "relative"));
    config_done(&config);

    setenv("CACHE_DIRECTORY", "/s:/t", 1);
    load(w, NULL, NULL, NULL, &config);
    assert_string_equal(config.settings.cache.directory, "/s");
    assert_string_equal(config_origin(&config, key, NULL), "$CACHE_DIRECTORY");
    config_done(&config);

    load(w, "[cache]\ndirectory = /f\n", NULL, NULL, &config);
    assert_string_equal(config.settings.cache.directory, "/f");
    config_done(&config);

    clearenv();
    load(w, "", NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 1);
    config_done(&config);
}

static void
test_which_file(void **state)
{
    struct world *w = *state;
    struct config config;
    char *path = NULL;

    assert_true(asprintf(&path, "%s/none.ini", w->directory) > 0);
    setenv("MODELHOST_CONFIG", path, 1);
    load(w, NULL, NULL, NULL, &config);
    assert_string_equal(config.file, path);
    assert_int_equal(config.complaints.count, 1);
    config_done(&config);
    load(w, "", NULL, NULL, &config); /* -c wins */
    assert_string_equal(config.file, w->file);
    config_done(&config);

    unsetenv("MODELHOST_CONFIG");
    free(path);
    assert_true(asprintf(&path, "%s/modelhost", w->directory) > 0);
    assert_int_equal(mkdir(path, 0777), 0);
    free(path);
    assert_true(asprintf(&path, "%s/modelhost/config.ini", w->directory) > 0);
    write_file(path, "[cache]\noffline = on\n");
    setenv("XDG_CONFIG_HOME", w->directory, 1);
    load(w, NULL, NULL, NULL, &config);
    assert_string_equal(config.file, path);
    assert_true(config.settings.cache.is_offline);
    config_done(&config);
    free(path);
}

/* --- mistakes --- */

static void
test_complaints(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"x = 1\n", "config.ini:1: 'x' stands before the first section; begin with a line such as "
                    "[server]\n"},
        {"[server]\nlisen = x\n",
         "config.ini:2: [server] has no key 'lisen'; did you mean 'listen'?\n"},
        {"[server]\nzebra = x\n", "config.ini:2: [server] has no key 'zebra'; `modelhost config "
                                  "--example` shows all keys\n"},
        {"[server]\ndirectory = x\n",
         "config.ini:2: [server] has no key 'directory'; it belongs in [cache]\n"},
        {"[cache]\nupstream = x\n",
         "config.ini:2: [cache] has no key 'upstream'; it belongs in [mirror NAME]\n"},
        {"[mirror npm]\nretry = x\n",
         "config.ini:2: [mirror npm] has no key 'retry'; `modelhost config --example` shows all "
         "keys\n"},
        {"[mirror npm]\nretriez = 1\n",
         "config.ini:2: [mirror npm] has no key 'retriez'; did you mean 'retries'?\n"},
        {"[sever]\n", "config.ini:1: there is no section [sever]; did you mean [server]?\n"},
        {"[mirrors]\n",
         "config.ini:1: there is no section [mirrors]; did you mean [mirror NAME]?\n"},
        {"[npm]\n", "config.ini:1: there is no section [npm]; did you mean [mirror npm]?\n"},
        {"[zebra]\nx = 1\n",
         "config.ini:1: there is no section [zebra]; there are [server], [cors], [cache], "
         "[upstream] and [mirror NAME]\n"},
        {"[mirror]\n", "config.ini:1: a mirror has a name, as in [mirror tfjs-models]\n"},
        {"[server]\n[server]\n",
         "config.ini:2: [server] is there a second time; the first is in line 1. Join them\n"},
        {"[cache]\noffline = on\noffline = on\n", "config.ini:3: 'offline' is given a second time; "
                                                  "the first is at DIR/config.ini:2. Keep one "
                                                  "of them\n"},
        {"[mirror new]\n", "config.ini:1: [mirror new] has no upstream; add `upstream = URL`\n"},
        {"[mirror tfjsmodels]\nenabled = off\n",
         "config.ini:1: [mirror tfjsmodels] has no upstream; did you mean the built-in [mirror "
         "tfjs-models]?\n"},
        {"[mirror npm]\nupstream = x\n",
         "config.ini:2: [mirror npm] upstream: 'x' is not a base URL such as "
         "https://models.example/tfjs/\n"},
        {"[mirror a]\nupstream = http://h/\npath = /x/\n[mirror b]\nupstream = http://h/\npath = "
         "/x/\n",
         "config.ini:6: [mirror b] has the path /x/, which is that of [mirror a] too "
         "(DIR/config.ini:3); change one of them\n"},
        {"[mirror npm]\npath = /a/\n[mirror tfhub]\npath = /a/\nenabled = off\n", ""},
        /* the one that somebody wrote is to blame, whatever their order */
        {"[mirror npm]\npath = /tfhub/\n",
         "config.ini:2: [mirror npm] has the path /tfhub/, which is that of [mirror tfhub] too "
         "(built-in); change one of them\n"},
        {"[mirror tfhub]\npath = /npm/\n",
         "config.ini:2: [mirror tfhub] has the path /npm/, which is that of [mirror npm] too "
         "(built-in); change one of them\n"},
        {"[mirror npm]\npath = /\n[server]\nroot = /\n",
         "config.ini:2: [mirror npm] has the path / and [server] root is served there too; give "
         "the "
         "mirror a path of its own\n"},
        {"[cache]\nsettle = 10m\n",
         "config.ini:2: [cache] settle_max is shorter than settle; make it as long or longer\n"},
        /* all of them, in the order of their lines */
        {"[server]\nthreads = x\nbroken\n[cache]\nsettle = x\nsetle = 1s\n",
         "config.ini:2: [server] threads: 'x' is not a number or auto\n"
         "config.ini:3: a line is \"key = value\", \"[section]\" or a comment; this has no '='\n"
         "config.ini:5: [cache] settle: 'x' is not a time with its unit, such as 500ms, 30s, 5m, "
         "2h "
         "or 1d\n"
         "config.ini:6: [cache] has no key 'setle'; did you mean 'settle'?\n"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config config;
        char *got;

        load(w, rows[i].text, NULL, NULL, &config);
        got = complaints_of(w, &config);
        if (rows[i].wanted != NULL)
            CHECK_TEXT(rows[i].text, got, rows[i].wanted);
        else
            CHECK(got,
                  strstr(got, "config.ini:3: 'offline' is given a second time; the first is") ==
                      got);
        free(got);
        config_done(&config);
    }
}

/* A mistake is told although a higher layer replaces the value. */
static void
test_hidden_mistakes_are_told(void **state)
{
    struct world *w = *state;
    struct config_flag flag = {.section = "cache", .key = "settle", .text = "4s"};
    struct config config;

    load(w, "[cache]\nsettle = x\n", &flag, NULL, &config);
    assert_int_equal(config.complaints.count, 1);
    assert_int_equal(config.settings.cache.settle_ms, 4000);
    config_done(&config);
}

static void
test_mistakes_of_flags_and_variables(void **state)
{
    struct world *w = *state;
    struct config_flag flag = {.section = "cach", .key = "settle", .text = "4s"};
    struct config config;
    char *got;

    setenv("MODELHOST_CACHE_OFFLINE", "perhaps", 1);
    load(w, "", &flag, NULL, &config);
    got = complaints_of(w, &config);
    assert_string_equal(got, "--set: there is no section [cach]; did you mean [cache]?\n"
                             "$MODELHOST_CACHE_OFFLINE: [cache] offline: 'perhaps' is not on or "
                             "off\n");
    free(got);
    config_done(&config);
}

/* --- printing --- */

static void
test_print_reads_back(void **state)
{
    struct world *w = *state;
    struct config config;
    struct buf out = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);

    setenv("TOKEN", "geheim", 1);
    load(w,
         "[server]\napi_token = geheim-0123456789\n[upstream]\nproxy = http://u:geheim@p\n"
         "[mirror npm]\nheader = A: ${TOKEN}\npreload = a b\n",
         NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 0);
    config_print(&config, &out);
    assert_true(buf_is_ok(&out));
    assert_null(strstr(buf_text(&out), "geheim"));
    assert_non_null(strstr(buf_text(&out), "config.ini:2\n"));
    assert_non_null(strstr(buf_text(&out), "preload = a b "));
    config_done(&config);
    buf_done(&out);

    load(w, "[mirror npm]\npreload = a b\nrevalidate = never\n", NULL, NULL, &config);
    config_print(&config, &out);
    config_done(&config);
    load(w, buf_text(&out), NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 0);
    assert_int_equal(mirror_of(&config, "npm")->preload.count, 2);
    assert_int_equal(mirror_of(&config, "npm")->revalidate_s, MH_REVALIDATE_NEVER);
    config_done(&config);
    buf_done(&out);
    buf_done(&again);
}

/* The example is a sound file, also with everything in it switched on. */
static void
test_example(void **state)
{
    struct world *w = *state;
    struct buf out = BUF_INIT(1 << 20), bare = BUF_INIT(1 << 20);
    struct config config;
    size_t count, found = 0;

    (void) settings_keys(&count);
    config_example(&out);
    assert_true(buf_is_ok(&out));
    load(w, buf_text(&out), NULL, NULL, &config);
    assert_int_equal(config.complaints.count, 0);
    config_done(&config);

    for (const char *line = buf_text(&out); *line != '\0';) {
        size_t n = strcspn(line, "\n");
        bool is_setting = line[0] == ';' && n > 1 && line[1] != ' ';

        CHECK(line, n <= 100);
        found += is_setting;
        /* ";key =" alone shows that a key has no default, and is not meant to be switched on. */
        if (is_setting && line[n - 1] != '=')
            buf_add(&bare, line + 1, n - 1);
        else if (!is_setting)
            buf_add(&bare, line, n);
        buf_add_char(&bare, '\n');
        line += n + (line[n] == '\n');
    }
    assert_true(found >= count);
    load(w, buf_text(&bare), NULL, NULL, &config);
    if (config.complaints.count > 0)
        fail_msg("%s", complaints_of(w, &config));
    assert_int_equal(config.settings.mirror_count, 5);
    config_done(&config);
    buf_done(&out);
    buf_done(&bare);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_a_refused_value_changes_nothing),
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_layers_win_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_are_replaced_by_layers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mirrors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_which_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_complaints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hidden_mistakes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_of_flags_and_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_example, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
