/* SPDX-License-Identifier: Apache-2.0 */
/* How a configuration is gathered: each source adds what it says. For config*.c only. When memory
 * runs out, config->is_out_of_memory is set and the rest is lost. */
#ifndef SERVER_CONFIG_LAYERS_H
#define SERVER_CONFIG_LAYERS_H

#include "attrs.h"
#include "config.h"
#include "ini.h"

void config_complain(struct config *config, const char *where, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A section as it was named. */
struct config_section {
    const char *kind; /* "server" ..., "mirror"; static. NULL: there is no such section */
    char mirror[65];  /* the mirror's name, or "" */
};

/* Understand "server" or "mirror NAME"; complains where it cannot. */
struct config_section config_section_of(struct config *config, const char *where,
                                        struct ini_piece name);
/* Remember a mirror. */
void config_note_mirror(struct config *config, const char *name, const char *origin);
/* Add one value; complains about a key that the section does not have, and about a second one in
 * the file. */
void config_add(struct config *config, enum config_layer layer,
                const struct config_section *section, struct ini_piece key, struct ini_piece text,
                const char *origin);
/* The value in force, or NULL where nobody gave one. */
const struct config_value *config_find(const struct config *config, const struct setting_key *key,
                                       const char *mirror);

/* The sources. */
void config_add_builtins(struct config *config);
void config_add_file(struct config *config, const char *path);
void config_add_flags(struct config *config, const struct list *flags);
void config_add_environment(struct config *config); /* after all that may name mirrors */
void config_add_cache_default(struct config *config);

/* After the values were read: complain of those that do not go together. */
void config_check_rules(struct config *config);
/* The file's complaints in the order of its lines, then the others. */
void config_sort_complaints(struct config *config);

#endif
