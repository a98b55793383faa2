/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' frame: what a command is, and what it is given. */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include "catalog.h"
#include "config.h"
#include "list.h"
#include "options.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>

/* A command line, read. Texts are borrowed from argv. */
struct invocation {
    struct list flags;       /* struct config_flag: settings given as options */
    const char *config_file; /* -c */
    const char *port;        /* -p */
    bool is_quiet;
    bool is_verbose;
    bool wants_help;
    bool wants_version;
    bool wants_json;
    bool wants_open;                         /* serve --open */
    bool wants_repair;                       /* verify --repair */
    bool wants_refresh;                      /* pull --refresh */
    bool wants_check;                        /* config --check */
    bool wants_print;                        /* config --print */
    bool wants_example;                      /* config --example */
    const char *output;                      /* pull -o, export -o */
    bool wants_all;                          /* pull --all */
    const char *origin;                      /* doctor --origin */
    bool wants_snippet;                      /* url --snippet */
    const char *params[CATALOG_PARAM_COUNT]; /* of the catalog; NULL: not given */
    char **words;                            /* what is not an option */
    size_t word_count;
};

/* Run a command. Returns the exit status.
 *
 * config  without complaints, unless the command takes_complaints; config->settings is complete
 *
 * The log's level is already set. Called once, on the main thread, before any other thread runs. */
typedef int command_run(const struct invocation *invocation, const struct config *config);

struct command {
    const char *name;
    const char *synopsis;   /* what follows the name: "[OPTIONS] [DIR]" */
    const char *summary;    /* one line, for the list of commands */
    const char *prose;      /* paragraphs, for its own help */
    const char *examples;   /* lines, for its own help */
    unsigned option_groups; /* OPTIONS_... */
    size_t min_words;
    size_t max_words;
    const char *word_name;    /* what a word is called in messages */
    const char *word_setting; /* "server.root": its word is this setting; or NULL */
    bool takes_complaints;    /* it wants to see a configuration with mistakes */
    command_run *run;
};

command_run cmd_serve;
command_run cmd_pull;
command_run cmd_url;
command_run cmd_inspect;
command_run cmd_doctor;
command_run cmd_list;
command_run cmd_verify;
command_run cmd_rm;
command_run cmd_gc;
command_run cmd_export;
command_run cmd_import;
command_run cmd_pin;
command_run cmd_unpin;
command_run cmd_config;

/* The whole program. Returns the exit status. */
int command_main(int argc, char **argv);

/* The one table from a failure to an exit status: 0 done, 1 failed, 2 usage or configuration,
 * 3 not found, 4 upstream or network, 5 integrity. */
int exit_status_of(enum mh_code code);
#define EXIT_USAGE 2

#endif
