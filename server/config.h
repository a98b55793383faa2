/* SPDX-License-Identifier: Apache-2.0 */
/* Where settings come from: flag > environment > file > built-in > default, with the origin of each
 * kept. Every mistake is collected, in all layers; nothing stops at the first. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "attrs.h"
#include "buf.h"
#include "list.h"
#include "settings.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>

enum config_layer { CONFIG_DEFAULT, CONFIG_BUILTIN, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_FLAG };

/* One value that somebody gave. All texts are owned. */
struct config_value {
    enum config_layer layer;
    const struct setting_key *key;
    char *mirror; /* the mirror's name; NULL for other sections */
    char *text;
    char *origin; /* "/etc/modelhost/config.ini:14", "$MODELHOST_SERVER_LISTEN", "--offline" */
};

/* A mirror that a layer has named. */
struct config_mirror {
    char *name;
    char *origin; /* of the first mention */
};

/* One mistake. */
struct config_complaint {
    char *where; /* "FILE:LINE", a variable or a flag */
    char *sentence;
};

struct config {
    struct settings settings; /* complete only while there are no complaints */
    char *file;               /* the file that was read; NULL: there is none */
    struct list values;       /* struct config_value, in the order in which they were given */
    struct list mirrors;      /* struct config_mirror, in the order in which they were named */
    struct list complaints;   /* struct config_complaint */
    bool is_out_of_memory;    /* something above is incomplete */
};

/* A value given on the command line. Texts are borrowed, but for `owned`. */
struct config_flag {
    const char *flag;    /* how it was written, for messages: "--offline" */
    const char *section; /* "server", "mirror tfjs-models" */
    size_t section_n;    /* its length */
    const char *key;
    size_t key_n;
    const char *text;
    char *owned; /* what `section` points to, where it had to be made; or NULL */
};

struct config_input {
    const char *file;         /* -c, or NULL: the usual places */
    const struct list *flags; /* struct config_flag */
    const char *port;         /* -p: the port of every TCP listener, or NULL */
};

/* Read everything and settle it.
 *
 * ret  owned by the caller, ended by config_done(), whatever is returned
 *
 * Returns OK, or NOMEM. Mistakes are in ret->complaints: with any, nothing may be started. Reads
 * the environment; blocks on disk. */
MUST_USE enum mh_code config_load(const struct config_input *input, struct config *ret);
void config_done(struct config *config);

/* Where the value in force came from: an origin, or "default". `mirror` is NULL but for [mirror]
 * keys. A mirror's transfer key that it does not have itself has the origin of [upstream]'s. */
const char *config_origin(const struct config *config, const struct setting_key *key,
                          const char *mirror);

/* All settings in force, each with its origin, as a file that would be read back. */
void config_print(const struct config *config, struct buf *out);
/* The same as JSON. */
void config_print_json(const struct config *config, struct buf *out);
/* The commented example that shows every key: config.example.ini. */
void config_example(struct buf *out);

#endif
