/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of configuration keys.
 *
 * Whoever wants a new key adds a member to a struct in settings.h and a row here, in the order in
 * which people should read them; reading, checking, printing, the example file and the
 * environment's names follow. The prose says what the key does for its user, in sentences, and must
 * be true of this version of the program. Constant data; any thread.
 *
 * A key of [upstream] may stand in a [mirror] too, so no name may be in both: the unit test of the
 * table refuses that, as it refuses a default that its own key would not accept.
 */
#include "settings.h"

#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

static const struct setting_section sections[] = {
    {"server", "The HTTP server."},
    {"cors", "Which pages on other origins may read what is served."},
    {"tls", "HTTPS on every TCP listener, in place of HTTP. Needs a certificate with its key, or "
            "`self_signed`."},
    {"cache", "The directory that holds the models."},
    {"upstream", "How transfers are made. These are the defaults of every mirror; a [mirror] may "
                 "have any of these keys itself."},
    {"mirror",
     "A mirror serves an upstream under a local path. The section's name, after \"mirror\", "
     "is the mirror's name and its directory in the cache: lower-case letters, digits, "
     "'.', '_' and '-'. A section with the name of a built-in mirror changes single keys "
     "of it; any other makes a new mirror and needs `upstream`."},
};

#define SERVER(member)   offsetof(struct settings_server, member)
#define CORS(member)     offsetof(struct settings_cors, member)
#define TLS(member)      offsetof(struct settings_tls, member)
#define CACHE(member)    offsetof(struct settings_cache, member)
#define TRANSFER(member) offsetof(struct settings_transfer, member)
#define MIRROR(member)   offsetof(struct settings_mirror, member)

static const struct setting_key keys[] = {
    {.section = "server",
     .name = "listen",
     .type = SETTING_LISTEN,
     .offset = SERVER(listen),
     .default_text = "127.0.0.1:8080 [::1]:8080",
     .is_needed = true,
     .prose =
         "Addresses to listen on, separated by blanks: ADDRESS:PORT, [IPV6]:PORT or unix:/PATH. "
         "Port 0 lets the system choose. Without IPv6, [::1] is skipped with a note. An address "
         "other than a loopback one lets other machines in."},
    {.section = "server",
     .name = "root",
     .type = SETTING_DIRECTORY,
     .offset = SERVER(root),
     .default_text = "",
     .default_prose = "nothing is served at / but a page that points to /-/",
     .prose = "A directory with the app's own files, served at /. A relative path starts at the "
              "directory in which modelhost is started."},
    {.section = "server",
     .name = "threads",
     .type = SETTING_COUNT_AUTO,
     .offset = SERVER(threads),
     .default_text = "auto",
     .min = 1,
     .max = 256,
     .prose =
         "HTTP threads of each listening address. auto: one for each core that the process may "
         "run on."},
    {.section = "server",
     .name = "max_connections",
     .type = SETTING_COUNT_AUTO,
     .offset = SERVER(max_connections),
     .default_text = "auto",
     .min = 1,
     .max = 1000000,
     .prose =
         "Connections at one time; more have to wait. auto: what the limit of open files allows, "
         "which is raised to its ceiling at start."},
    {.section = "server",
     .name = "max_connections_per_address",
     .type = SETTING_COUNT,
     .offset = SERVER(max_connections_per_address),
     .default_text = "0",
     .max = 1000000,
     .prose = "Connections of one client address at one time. 0: no limit."},
    {.section = "server",
     .name = "idle_timeout",
     .type = SETTING_DURATION,
     .offset = SERVER(idle_timeout_ms),
     .default_text = "60s",
     .min = SECOND,
     .max = DAY,
     .prose = "A connection on which nothing moves for this long is closed, and one on which a "
              "request is not whole by then, however steadily it comes in."},
    {.section = "server",
     .name = "header_size",
     .type = SETTING_SIZE,
     .offset = SERVER(header_bytes),
     .default_text = "8KiB",
     .min = 1 * KIB,
     .max = 1 * MIB,
     .prose = "The sum of a request's header fields. The memory of an idle connection follows from "
              "it."},
    {.section = "server",
     .name = "max_age",
     .type = SETTING_DURATION,
     .offset = SERVER(max_age_ms),
     .default_text = "0s",
     .max = YEAR,
     .is_reloadable = true,
     .prose = "How long browsers may use a mirror's file without asking again (Cache-Control: "
              "max-age). 0s: they ask each time, which costs a 304 while it is unchanged."},
    {.section = "server",
     .name = "immutable_max_age",
     .type = SETTING_DURATION,
     .offset = SERVER(immutable_max_age_ms),
     .default_text = "365d",
     .max = YEAR,
     .is_reloadable = true,
     .prose = "The same for a file that never changes, because its URL names a commit, an exact "
              "version or a hash, or because its upstream says so. 0s: it is like any other."},
    {.section = "server",
     .name = "request_cache_control",
     .type = SETTING_BOOL,
     .offset = SERVER(honours_requests),
     .default_text = "off",
     .is_reloadable = true,
     .prose = "on: what a request's Cache-Control asks for is done. no-cache and max-age have the "
              "upstream asked before the answer, as a browser's reload does; only-if-cached is "
              "answered with 504 in place of a download. off: the mirror's settings decide alone."},
    {.section = "server",
     .name = "hosts",
     .type = SETTING_HOSTS,
     .offset = SERVER(hosts),
     .default_text = "",
     .is_reloadable = true,
     .prose =
         "More names that this server answers to, separated by blanks. Requests to /-/api/ under "
         "any other name are refused; localhost and the listening addresses are always known."},
    {.section = "server",
     .name = "api_token",
     .type = SETTING_SECRET,
     .offset = SERVER(api_token),
     .default_text = "",
     .default_prose = "made once, in the cache directory's file `token`",
     .prose = "The bearer token that actions of /-/api/ want on a listener beyond loopback."},
    {.section = "server",
     .name = "listing",
     .type = SETTING_BOOL,
     .offset = SERVER(is_listing),
     .default_text = "off",
     .is_reloadable = true,
     .prose =
         "on: a directory of the app without an index.html is answered by a list of what is in "
         "it. Hidden files are not in the list."},
    {.section = "server",
     .name = "spa",
     .type = SETTING_BOOL,
     .offset = SERVER(is_spa),
     .default_text = "off",
     .is_reloadable = true,
     .prose =
         "on: a path that is no file gets the app's /index.html when a person opens it, so "
         "that a single-page app can route by itself. Never under a mirror, for a path with an "
         "extension, or for what a page loads, which stays a 404."},
    {.section = "server",
     .name = "watch",
     .type = SETTING_BOOL,
     .offset = SERVER(is_watched),
     .default_text = "off",
     .prose =
         "on: the app's pages renew themselves when its files change; style sheets are swapped "
         "in place, anything else loads the page anew. For this a script is put into HTML "
         "answers; without it, files are served byte for byte. node_modules and what begins "
         "with a dot is not watched."},
    {.section = "server",
     .name = "isolate",
     .type = SETTING_BOOL,
     .offset = SERVER(is_isolated),
     .default_text = "off",
     .is_reloadable = true,
     .prose = "on: the app's documents and scripts carry Cross-Origin-Opener-Policy: same-origin "
              "and Cross-Origin-Embedder-Policy: require-corp. Pages are then isolated, which "
              "threads of WebAssembly need; what they load from other origins must allow it."},
    {.section = "server",
     .name = "header",
     .type = SETTING_FIELDS,
     .offset = SERVER(header),
     .default_text = "",
     .may_repeat = true,
     .is_reloadable = true,
     .prose = "A header of every good answer for the app's files, such as \"Cache-Control: "
              "max-age=60\"; it takes the place of modelhost's own of that name. May repeat."},

    {.section = "cors",
     .name = "allow_origin",
     .type = SETTING_ORIGINS,
     .offset = CORS(allow_origin),
     .default_text = "*",
     .is_reloadable = true,
     .prose = "* lets every page read the models. Otherwise origins separated by blanks, such as "
              "https://app.example, or nothing for none."},

    {.section = "tls",
     .name = "certificate",
     .type = SETTING_FILE,
     .offset = TLS(certificate),
     .default_text = "",
     .default_prose = "none: HTTP in the clear",
     .is_reloadable = true,
     .prose = "A PEM file with the server's certificate, and after it those between it and its "
              "authority. Connections that are open go on with the old one."},
    {.section = "tls",
     .name = "key",
     .type = SETTING_FILE,
     .offset = TLS(key),
     .default_text = "",
     .default_prose = "none",
     .is_reloadable = true,
     .prose = "A PEM file with the certificate's key, without a password."},
    {.section = "tls",
     .name = "self_signed",
     .type = SETTING_BOOL,
     .offset = TLS(is_self_signed),
     .default_text = "off",
     .prose = "on: the server makes a certificate of its own, for localhost, this machine's names "
              "and its addresses, and keeps it with its key in the cache directory. Browsers warn "
              "once: compare the fingerprint that is printed at every start."},

    {.section = "cache",
     .name = "directory",
     .type = SETTING_PLACE,
     .offset = CACHE(directory),
     .default_text = "",
     .is_needed = true,
     .default_prose = "the first of $CACHE_DIRECTORY, else $XDG_CACHE_HOME/modelhost, else "
                      "~/.cache/modelhost",
     .prose = "Where the models are kept. It is made if it does not exist. One server writes to a "
              "cache at a time."},
    {.section = "cache",
     .name = "max_size",
     .type = SETTING_SIZE,
     .offset = CACHE(max_bytes),
     .default_text = "20GiB",
     .max = UINT64_MAX,
     .prose = "How much the cache may hold. 0: no limit. Models that were not used for longest go "
              "first, "
              "with all that share files with them; pinned ones and those in use stay."},
    {.section = "cache",
     .name = "min_free",
     .type = SETTING_SIZE,
     .offset = CACHE(min_free_bytes),
     .default_text = "1GiB",
     .max = UINT64_MAX,
     .prose = "How much of the file system stays free: models go as for max_size. 0: no limit."},
    {.section = "cache",
     .name = "settle",
     .type = SETTING_DURATION,
     .offset = CACHE(settle_ms),
     .default_text = "10s",
     .max = HOUR,
     .prose =
         "A model that changed upstream is switched as a whole, when none of its files has been "
         "asked for during this time."},
    {.section = "cache",
     .name = "settle_max",
     .type = SETTING_DURATION,
     .offset = CACHE(settle_max_ms),
     .default_text = "5m",
     .max = DAY,
     .prose = "Without such quiet for this long, requests for its manifest are held back until the "
              "switch is done."},
    {.section = "cache",
     .name = "json_max",
     .type = SETTING_SIZE,
     .offset = CACHE(json_max_bytes),
     .default_text = "64MiB",
     .min = 1 * KIB,
     .max = 1 * GIB,
     .prose = "The largest .json file that is accepted from an upstream."},
    {.section = "cache",
     .name = "offline",
     .type = SETTING_BOOL,
     .offset = CACHE(is_offline),
     .default_text = "off",
     .prose =
         "on: no upstream is ever contacted. What is cached is served, anything else is an error "
         "at once."},

    {.section = "upstream",
     .name = "connect_timeout",
     .type = SETTING_DURATION,
     .offset = TRANSFER(connect_timeout_ms),
     .default_text = "10s",
     .min = 1,
     .max = HOUR,
     .prose = "How long to wait for a connection."},
    {.section = "upstream",
     .name = "first_byte_timeout",
     .type = SETTING_DURATION,
     .offset = TRANSFER(first_byte_timeout_ms),
     .default_text = "60s",
     .min = 1,
     .max = DAY,
     .prose =
         "How long to wait for the first byte of an answer. A client waits no longer than this "
         "for an upstream that sends nothing, though it is tried again meanwhile."},
    {.section = "upstream",
     .name = "stall_timeout",
     .type = SETTING_DURATION,
     .offset = TRANSFER(stall_timeout_ms),
     .default_text = "30s",
     .min = 1,
     .max = DAY,
     .prose = "A transfer without a byte for this long is given up."},
    {.section = "upstream",
     .name = "retries",
     .type = SETTING_COUNT,
     .offset = TRANSFER(retries),
     .default_text = "3",
     .max = 100,
     .prose = "Further attempts after a failure that may pass, such as a broken connection."},
    {.section = "upstream",
     .name = "negative_ttl",
     .type = SETTING_DURATION,
     .offset = TRANSFER(negative_ttl_ms),
     .default_text = "1m",
     .max = 365 * DAY,
     .prose = "How long it is remembered that the upstream has no such file (404 or 410)."},
    {.section = "upstream",
     .name = "ca_file",
     .type = SETTING_FILE,
     .offset = TRANSFER(ca_file),
     .default_text = "",
     .default_prose = "the system's",
     .prose =
         "A PEM file with the certificate authorities that an upstream's certificate is checked "
         "against."},
    {.section = "upstream",
     .name = "proxy",
     .type = SETTING_PROXY,
     .offset = TRANSFER(proxy),
     .default_text = "",
     .default_prose = "what $https_proxy, $http_proxy and $no_proxy say",
     .prose = "A proxy for all transfers, such as http://proxy.example:3128."},

    {.section = "mirror",
     .name = "path",
     .type = SETTING_MIRROR_PATH,
     .offset = MIRROR(path),
     .default_text = "",
     .default_prose = "the mirror's name between slashes",
     .prose = "The local path under which the upstream is served. The longest path that fits a "
              "request wins."},
    {.section = "mirror",
     .name = "upstream",
     .type = SETTING_BASE_URL,
     .offset = MIRROR(upstream),
     .default_text = "",
     .is_needed = true,
     .prose = "The base URL whose files are mirrored."},
    {.section = "mirror",
     .name = "fallback",
     .type = SETTING_BASE_URLS,
     .offset = MIRROR(fallback),
     .default_text = "",
     .prose = "More base URLs, separated by blanks, tried in order when the first is down."},
    {.section = "mirror",
     .name = "revalidate",
     .type = SETTING_AGE,
     .offset = MIRROR(revalidate_s),
     .default_text = "1d",
     .max = 3650 * DAY,
     .prose = "How old a cached file may grow before the upstream is asked whether it changed: an "
              "age, always, or never."},
    {.section = "mirror",
     .name = "header",
     .type = SETTING_HEADERS,
     .offset = MIRROR(header),
     .default_text = "",
     .may_repeat = true,
     .prose = "A header sent to the upstream, and to nobody else, such as \"Authorization: Bearer "
              "${HF_TOKEN}\". ${NAME} stands for an environment variable, which must be set. May "
              "repeat."},
    {.section = "mirror",
     .name = "preload",
     .type = SETTING_WORDS,
     .offset = MIRROR(preload),
     .default_text = "",
     .prose = "Models to make local at start, separated by blanks: local paths, or URLs. "
              "Checked, but not acted on by this version."},
    {.section = "mirror",
     .name = "query_ignore",
     .type = SETTING_WORDS,
     .offset = MIRROR(query_ignore),
     .default_text = "",
     .prose = "Query parameters, separated by blanks, that do not tell one file from another. They "
              "are still sent to the upstream."},
    {.section = "mirror",
     .name = "allow_private",
     .type = SETTING_BOOL,
     .offset = MIRROR(allow_private),
     .default_text = "off",
     .prose =
         "on: the upstream, or a redirect of it, may be a private address. A literal address or "
         "localhost in `upstream` is its own permission, for that address and port."},
    {.section = "mirror",
     .name = "enabled",
     .type = SETTING_BOOL,
     .offset = MIRROR(is_enabled),
     .default_text = "on",
     .prose = "off: the mirror does not exist; the way to be rid of a built-in one."},
};

static const struct setting_builtin builtins[] = {
    {"tfjs-models", "upstream", "https://storage.googleapis.com/tfjs-models/"},
    {"tfhub", "upstream", "https://tfhub.dev/"},
    {"tfhub", "query_ignore", "tfjs-format"},
    {"mediapipe-models", "upstream", "https://storage.googleapis.com/mediapipe-models/"},
    {"huggingface", "upstream", "https://huggingface.co/"},
    {"npm", "upstream", "https://cdn.jsdelivr.net/npm/"},
};

const struct setting_section *
settings_sections(size_t *ret_count)
{
    *ret_count = COUNT_OF(sections);
    return sections;
}

const struct setting_key *
settings_keys(size_t *ret_count)
{
    *ret_count = COUNT_OF(keys);
    return keys;
}

const struct setting_builtin *
settings_builtins(size_t *ret_count)
{
    *ret_count = COUNT_OF(builtins);
    return builtins;
}

static const struct setting_key *
find_in(const char *section, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

const struct setting_key *
settings_key_find(const char *section, const char *name)
{
    const struct setting_key *key = find_in(section, name);

    if (key == NULL && strcmp(section, "mirror") == 0)
        key = find_in("upstream", name);
    return key;
}
