/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: which files the TensorFlow.js model packages load, by the parameters of their
 * load(). The table (catalog_table.c) is the data; this reads it. Pure.
 *
 * A new package is a row of the table. A list of values is "name=value,value:spelling name=...":
 * what load() takes, and behind ':' how the path spells it where that differs. */
#ifndef SERVER_CATALOG_H
#define SERVER_CATALOG_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>

/* Every parameter of any package that chooses a file. */
enum catalog_param {
    CATALOG_ARCHITECTURE,
    CATALOG_OUTPUT_STRIDE,
    CATALOG_MULTIPLIER,
    CATALOG_QUANT_BYTES,
    CATALOG_QUANTIZATION_BYTES,
    CATALOG_MODEL_VERSION,
    CATALOG_ALPHA,
    CATALOG_BASE,
    CATALOG_MODEL_TYPE,
    CATALOG_VOCABULARY,
    CATALOG_REFINE_LANDMARKS,
    CATALOG_PARAM_COUNT
};

struct catalog_param_name {
    const char *name;   /* in load(): "outputStride" */
    const char *option; /* on the command line: "--output-stride" */
    bool is_text;       /* quoted in JavaScript */
};
extern const struct catalog_param_name catalog_params[CATALOG_PARAM_COUNT];

/* Files that a package loads: one for each combination of the values. */
struct catalog_file {
    unsigned slot;      /* files of one slot are alternatives; 0 is the model itself */
    const char *option; /* load()'s option that takes the URL; NULL: there is none */
    const char *values; /* combinations that exist upstream; "": always the same file */
    const char *mirror; /* the built-in mirror */
    const char *path;   /* below the mirror's upstream; "{name}" stands for a value. One that ends
                           with '/' is a folder that load() is given, and no file: nothing fetches
                           it */
};

#define CATALOG_FILES_MAX    9
#define CATALOG_DEFAULTS_MAX 3

struct catalog_entry {
    const char *name;
    const char *alias;                          /* or NULL */
    const char *package;                        /* npm's name, and the version that was read */
    const char *defaults[CATALOG_DEFAULTS_MAX]; /* what load() takes; the first line whose first
                                                   value is not contradicted counts */
    const char *load; /* JavaScript; "{options}" is the object with parameters and URLs, "{0}" a
                         slot's URL, "{name}" a value */
    const char *also; /* another member of the object, or NULL */
    const char *gone; /* what is known to be wrong with the upstream, or NULL */
    struct catalog_file files[CATALOG_FILES_MAX];
    size_t file_count;
};

#define CATALOG_VALUE_SIZE 32

/* A value for each parameter; "" where it is not given, or the package has no such parameter. */
struct catalog_choice {
    char values[CATALOG_PARAM_COUNT][CATALOG_VALUE_SIZE];
};

extern const struct catalog_entry catalog_entries[];
extern const size_t catalog_entry_count;

/* An entry by name or alias, whatever the case. Returns OK, or NOT_FOUND with the nearest name. */
MUST_USE enum mh_code catalog_find(const char *name, const struct catalog_entry **ret,
                                   struct mh_fault *fault);

/* Complete what somebody gave by what load() takes by default.
 *
 * given  CATALOG_PARAM_COUNT texts, NULL where not given; "1", "1.0" and "1.00" are the same
 *
 * Returns OK; BAD_INPUT (the package has no such parameter); or NOT_FOUND: no such combination
 * exists upstream. Then catalog_write_existing() tells which do. */
MUST_USE enum mh_code catalog_choose(const struct catalog_entry *entry, const char *const *given,
                                     struct catalog_choice *ret, struct mh_fault *fault);

/* The file of a choice: appends its path below the mirror. Returns false where the file belongs to
 * other combinations. */
bool catalog_path(const struct catalog_file *file, const struct catalog_choice *choice,
                  struct buf *path);

/* Is it a folder? */
bool catalog_is_folder(const struct catalog_file *file);
/* Does it lie in a folder of its entry, where load() finds it by itself? */
bool catalog_is_beside(const struct catalog_entry *entry, const struct catalog_file *file);

/* Called for every file of an entry that exists upstream; folders are left out. Returning false
 * ends it. */
typedef bool catalog_visit(const struct catalog_file *file, const char *path, void *arg);
void catalog_each(const struct catalog_entry *entry, catalog_visit *visit, void *arg);

/* Append the combinations that exist, a line of options each, with an indentation. */
void catalog_write_existing(const struct catalog_entry *entry, struct buf *out);

/* For the 404 of a path below a mirror that a file of the catalog could have, but has not: append
 * the files that exist, those nearest to it first, each with `prefix` in front. Nothing is appended
 * for any other path, and for one that exists. */
void catalog_write_nearest(const char *path, const char *prefix, struct buf *out);

#endif
