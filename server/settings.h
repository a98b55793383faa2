/* SPDX-License-Identifier: Apache-2.0 */
/* Every configuration key, and the typed values that the program reads.
 *
 * One table (settings_table.c) defines each key once: where it stands, its type, default, bounds,
 * whether a reload applies it, and its prose. Reading, checking, printing, the example file and the
 * help all follow from it. A new key is a member here and a row there. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>
#include <modelhost/host.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that no log, print or error shows. Only the code that needs the text itself looks inside.
 */
struct secret {
    char *text; /* NULL: not set */
};

/* A list of texts; `items` ends with NULL, and is NULL while the list is empty. Owned. */
struct strings {
    const char **items;
    size_t count;
};

/* A list of texts of which none is shown. */
struct secrets {
    struct strings hidden;
};

/* [server]. 0 stands for "auto" where a key takes it. */
struct settings_server {
    struct strings listen;    /* "127.0.0.1:8080", "[::1]:8080", "unix:/path": see listen_address.h;
                                 -p is already applied; never empty */
    char *root;               /* NULL: nothing is served at '/' */
    uint64_t threads;         /* HTTP threads per listener; 0: auto */
    uint64_t max_connections; /* 0: auto */
    uint64_t max_connections_per_address; /* 0: no limit */
    uint64_t idle_timeout_ms;
    uint64_t header_bytes;         /* the sum of a request's header fields */
    uint64_t max_age_ms;           /* that clients may keep an object unasked; 0: they ask */
    uint64_t immutable_max_age_ms; /* of one that never changes; 0: like the others */
    bool honours_requests;         /* their Cache-Control, for a mirror's files */
    struct strings hosts;
    struct secret api_token;
    struct strings header; /* "Name: value", on answers for the app's files */
    bool is_listing;       /* a directory without an index shows what is in it */
    bool is_spa;           /* an unknown path that a person opens gets the app's index.html */
    bool is_watched;       /* its pages renew themselves when its files change */
    bool is_isolated;      /* the app's documents and scripts say COOP and COEP */
};

/* [cors] */
struct settings_cors {
    struct strings allow_origin; /* "*" alone, or origins "https://app.example" */
};

/* [tls]: both files or neither, or one of our own */
struct settings_tls {
    char *certificate; /* a PEM file, or NULL */
    char *key;
    bool is_self_signed; /* the server makes and keeps its certificate */
};

/* Do the TCP listeners speak TLS? */
bool settings_want_tls(const struct settings_tls *tls);

/* [cache] */
struct settings_cache {
    char *directory; /* never NULL in settings without complaints */
    uint64_t settle_ms;
    uint64_t settle_max_ms;
    uint64_t json_max_bytes;
    uint64_t max_bytes; /* 0: no limit */
    uint64_t min_free_bytes;
    bool is_offline;
};

/* [upstream], and the same keys in a [mirror]: how transfers are made. */
struct settings_transfer {
    uint64_t connect_timeout_ms;
    uint64_t first_byte_timeout_ms;
    uint64_t stall_timeout_ms;
    uint64_t retries;
    uint64_t negative_ttl_ms;
    char *ca_file; /* NULL: the system's */
    char *proxy;   /* NULL: the environment's */
};

/* [mirror NAME] */
struct settings_mirror {
    char *name;
    char *path;
    char *upstream;
    struct strings fallback;
    int64_t revalidate_s; /* MH_REVALIDATE_ALWAYS, MH_REVALIDATE_NEVER, or an age */
    struct secrets header;
    struct strings preload;
    struct strings query_ignore;
    bool allow_private;
    bool is_enabled;
    struct settings_transfer transfer; /* [upstream]'s, less what this section says itself */
};

struct settings {
    struct settings_server server;
    struct settings_cors cors;
    struct settings_tls tls;
    struct settings_cache cache;
    struct settings_transfer transfer;
    struct settings_mirror *mirrors; /* switched-off ones included: look at is_enabled */
    size_t mirror_count;
};

void settings_done(struct settings *settings);

/* What mh_host_open() wants. The texts are borrowed from the settings.
 *
 * ret_mirrors  the array behind ret->mirrors, owned by the caller, mem_free(); switched-off mirrors
 *              are not in it
 * ret          every member is set but user_agent, on_event and event_arg, which stay as
 *              mh_host_config_init() leaves them
 *
 * Returns OK or NOMEM. */
MUST_USE enum mh_code settings_host_config(const struct settings *settings,
                                           struct mh_mirror_config **ret_mirrors,
                                           struct mh_host_config *ret);
/* The same for one mirror; *ret is filled as a whole. */
void settings_mirror_config(const struct settings_mirror *mirror, struct mh_mirror_config *ret);

/* --- the table --- */

enum setting_type {
    SETTING_BOOL,        /* bool: on, off */
    SETTING_COUNT,       /* uint64_t: a number */
    SETTING_COUNT_AUTO,  /* uint64_t: a number, or "auto" (0) */
    SETTING_SIZE,        /* uint64_t: bytes, written with a unit */
    SETTING_DURATION,    /* uint64_t: milliseconds, written with a unit */
    SETTING_AGE,         /* int64_t: seconds; "always", "never", or a duration */
    SETTING_FILE,        /* char *: a readable file, or nothing */
    SETTING_DIRECTORY,   /* char *: a directory that exists, or nothing */
    SETTING_PLACE,       /* char *: a directory that may have to be made */
    SETTING_PROXY,       /* char *: a proxy's URL, or nothing */
    SETTING_BASE_URL,    /* char *: an http(s) URL without a query */
    SETTING_BASE_URLS,   /* struct strings: several of them */
    SETTING_MIRROR_PATH, /* char *: a path that begins and ends with '/' */
    SETTING_WORDS,       /* struct strings: anything, separated by blanks */
    SETTING_LISTEN,      /* struct strings: addresses to listen on, separated by blanks */
    SETTING_HOSTS,       /* struct strings: host names, separated by blanks */
    SETTING_ORIGINS,     /* struct strings: "*", or origins separated by blanks */
    SETTING_SECRET,      /* struct secret */
    SETTING_HEADERS,     /* struct secrets: "Name: value", with ${VARIABLE} */
    SETTING_FIELDS       /* struct strings: "Name: value" of answers, which everybody sees */
};

struct setting_key {
    const char *section; /* "server" ...; "mirror" for every [mirror NAME] */
    const char *name;
    enum setting_type type;
    size_t offset;             /* of the member in the section's struct */
    const char *default_text;  /* as in a file; "" for nothing, and for what is computed */
    const char *default_prose; /* what the default is where default_text cannot say it, or NULL */
    uint64_t min;              /* bounds of numbers, sizes and durations, in their unit */
    uint64_t max;
    bool may_repeat;    /* each line of it adds one more */
    bool is_needed;     /* must not be empty */
    bool is_reloadable; /* a reload applies it; otherwise it needs a restart */
    const char *prose;  /* sentences for the example file and the manual */
};

/* A section as the table and the example file know it. */
struct setting_section {
    const char *name;
    const char *prose;
};

const struct setting_section *settings_sections(size_t *ret_count);
const struct setting_key *settings_keys(size_t *ret_count);

/* The key `name` of `section`; in "mirror", those of "upstream" too. NULL: there is none. */
const struct setting_key *settings_key_find(const char *section, const char *name);

/* A built-in value: what a [mirror] section of the file would say. */
struct setting_builtin {
    const char *mirror;
    const char *key;
    const char *value;
};
const struct setting_builtin *settings_builtins(size_t *ret_count);

/* --- values --- */

/* Read a value's text into its member.
 *
 * field  the member; an old value is released, but a list is added to where is_more
 *
 * Returns OK; BAD_INPUT with a sentence that says what was meant; or NOMEM. On failure the member
 * is as it was. */
MUST_USE enum mh_code setting_read(const struct setting_key *key, const char *text, bool is_more,
                                   void *field, struct mh_fault *fault);
/* Append a value as a file would say it; secrets and the credentials of URLs as "***". */
void setting_write(const struct setting_key *key, const void *field, struct buf *out);
void setting_release(const struct setting_key *key, void *field);
/* Is the value a list of several words? */
bool setting_is_list(enum setting_type type);
/* What a value of this type looks like: "on or off", "a time such as 30s, 5m or 1d". */
const char *setting_type_prose(enum setting_type type);

void strings_done(struct strings *strings);
MUST_USE bool strings_add(struct strings *strings, const char *text, size_t n);

#endif
