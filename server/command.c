/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands' frame: finds the command, reads its options and the configuration, tells mistakes,
 * runs it, and sees to it that what it printed got out.
 *
 * A new command is a row here and a file of its own. No command means `serve`; so does a word that
 * can only be a directory, since `modelhost .` is what people type. Any other unknown word is an
 * error: a mistyped command must not start a server. Main thread, before any other runs.
 */
#include "command.h"

#include "log.h"
#include "mem.h"
#include "suggest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "modelhost"
#define MODEL_WORD                                                                                 \
    "MODEL: a local path such as /tfjs-models/..., an upstream URL, or a name such as bodypix"

static const struct command commands[] = {
    {
        .name = "serve",
        .synopsis = "[OPTIONS] [DIR]",
        .summary = "serve models, and DIR at / (what is done without a command)",
        .prose =
            "Serves models to browsers. A model that is not in the cache is fetched from its\n"
            "upstream on the first request, with all its files, and checked; afterwards it is\n"
            "served from disk. DIR holds the app's own files, served at /. INT and TERM stop\n"
            "the server; HUP reads the configuration and the certificate again.\n",
        .examples = "  modelhost\n"
                    "  modelhost serve ./site -p 9000\n"
                    "  modelhost serve --mirror mine=https://models.example/ -l unix:/run/mh.sock\n"
                    "  modelhost serve --offline\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_SERVE,
        .max_words = 1,
        .word_name = "DIR",
        .word_setting = "server.root",
        .run = cmd_serve,
    },
    {
        .name = "pull",
        .synopsis = "[OPTIONS] WHAT...",
        .summary = "make models local",
        .prose =
            "Makes models local: the manifest and all its files. WHAT is an upstream URL below\n"
            "a mirror, a local path, or a name of the catalog with its parameters (see\n"
            "`modelhost url`). Where a server runs on the cache, it does the work.\n",
        .examples = "  modelhost pull /tfjs-models/savedmodel/bodypix/mobilenet/float/050/"
                    "model-stride16.json\n"
                    "  modelhost pull https://storage.googleapis.com/tfjs-models/savedmodel/"
                    "posenet/mobilenet/quant2/075/model-stride16.json\n"
                    "  modelhost pull bodypix --architecture ResNet50 --output-stride 16\n"
                    "  modelhost pull bodypix --all\n"
                    "  modelhost pull -o public/model.json https://models.example/a/model.json\n",
        .option_groups =
            OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_PULL | OPTIONS_CATALOG,
        .min_words = 1,
        .max_words = 10000,
        .word_name = "WHAT: an upstream URL, a local path such as /tfjs-models/..., or a name of "
                     "the catalog such as bodypix",
        .run = cmd_pull,
    },
    {
        .name = "url",
        .synopsis = "[OPTIONS] [NAME]",
        .summary = "print the URL that a model package's load() is given",
        .prose =
            "Prints the modelUrl for a TensorFlow.js model package, at the running server or at\n"
            "the address that is configured. Parameters that are left out are those that load()\n"
            "takes without any. Without NAME, it lists the names that the catalog has.\n",
        .examples = "  modelhost url bodypix --multiplier 0.5\n"
                    "  modelhost url bodypix --architecture ResNet50 --output-stride 16 --snippet\n"
                    "  modelhost url\n",
        .option_groups =
            OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_URL | OPTIONS_CATALOG,
        .max_words = 1,
        .word_name = "NAME",
        .run = cmd_url,
    },
    {
        .name = "inspect",
        .synopsis = "[OPTIONS] MODEL|FILE|URL...",
        .summary = "tell what a model is: tensors, quantization, outputs, shards",
        .prose =
            "Tells a manifest's format, tensors, quantization, inputs, outputs and shards; for\n"
            "BodyPix and PoseNet also the parameters that load() must be given with it. MODEL is\n"
            "a local path or a name of the catalog, and must be in the cache; a URL that is not\n"
            "in the cache is fetched, and not kept.\n",
        .examples = "  modelhost inspect ./public/model.json\n"
                    "  modelhost inspect bodypix --multiplier 0.5\n"
                    "  modelhost inspect https://models.example/a/model.json --json\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_CATALOG,
        .min_words = 1,
        .max_words = 10000,
        .word_name = "MODEL: a local path, a name of the catalog, a file or a URL",
        .run = cmd_inspect,
    },
    {
        .name = "doctor",
        .synopsis = "[OPTIONS] URL",
        .summary = "fetch a model as TensorFlow.js would, and say what is wrong",
        .prose =
            "Fetches a manifest and its shards, from this modelhost or from anybody, as\n"
            "TensorFlow.js would, and says in plain words what a page would run into: status,\n"
            "redirects, CORS, mixed content, type, length, a missing or swapped shard, and the\n"
            "wrong variant for the parameters that are given. The exit status is that of the\n"
            "worst finding: 1 the page, 3 not there, 4 the server, 5 wrong bytes.\n",
        .examples = "  modelhost doctor https://models.example/a/model.json\n"
                    "  modelhost doctor --origin https://app.example \"$(modelhost url bodypix)\"\n"
                    "  modelhost doctor --output-stride 16 http://localhost:8080/model.json\n",
        .option_groups =
            OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_CATALOG | OPTIONS_DOCTOR,
        .min_words = 1,
        .max_words = 1,
        .word_name = "the URL of a model.json",
        .run = cmd_doctor,
    },
    {
        .name = "list",
        .synopsis = "[OPTIONS]",
        .summary = "the models in the cache",
        .prose = "Lists the models in the cache: state, size, files present and in all, whether "
                 "pinned,\n"
                 "and the local path. --json tells when each was last used, too.\n",
        .examples = "  modelhost list\n"
                    "  modelhost list --json\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT,
        .min_words = 0,
        .max_words = 0,
        .word_name = "nothing",
        .run = cmd_list,
    },
    {
        .name = "verify",
        .synopsis = "[OPTIONS] [MODEL...]",
        .summary = "check what is cached",
        .prose =
            "Hashes every file of the models again, of all models if none is named. A bad file\n"
            "is told and taken out of the cache; the next request fetches it anew. Where a server\n"
            "runs on the cache, it does the work.\n",
        .examples = "  modelhost verify\n"
                    "  modelhost verify --repair /tfjs-models/a/model.json\n"
                    "  modelhost verify bodypix --multiplier 0.5\n",
        .option_groups =
            OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_CATALOG | OPTIONS_VERIFY,
        .min_words = 0,
        .max_words = 1000,
        .word_name = MODEL_WORD,
        .run = cmd_verify,
    },
    {
        .name = "rm",
        .synopsis = "[OPTIONS] MODEL...",
        .summary = "remove models from the cache",
        .prose =
            "Removes models with all their files; files that another cached model needs stay.\n"
            "Where a server runs on the cache, it does the work.\n",
        .examples = "  modelhost rm /tfjs-models/a/model.json\n"
                    "  modelhost rm bodypix --multiplier 0.5\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_CATALOG,
        .min_words = 1,
        .max_words = 1000,
        .word_name = MODEL_WORD,
        .run = cmd_rm,
    },
    {
        .name = "gc",
        .synopsis = "[OPTIONS]",
        .summary = "evict models down to the limits",
        .prose = "Evicts models until the cache keeps to cache.max_size and cache.min_free: least\n"
                 "recently used first, never pinned ones or those in use. Where a server runs\n"
                 "on the cache, it does the work.\n",
        .examples = "  modelhost gc\n"
                    "  modelhost gc --json\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT,
        .min_words = 0,
        .max_words = 0,
        .word_name = "nothing",
        .run = cmd_gc,
    },
    {
        .name = "pin",
        .synopsis = "[OPTIONS] MODEL...",
        .summary = "never evict models",
        .prose = "Pins models and all those that share files with them: they are never evicted.\n"
                 "Where a server runs on the cache, it does the work.\n",
        .examples = "  modelhost pin /tfjs-models/a/model.json\n"
                    "  modelhost pin bodypix --multiplier 0.5\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_CATALOG,
        .min_words = 1,
        .max_words = 1000,
        .word_name = MODEL_WORD,
        .run = cmd_pin,
    },
    {
        .name = "unpin",
        .synopsis = "[OPTIONS] MODEL...",
        .summary = "let models be evicted again",
        .prose = "Unpins models and all those that share files with them. Where a server\n"
                 "runs on the cache, it does the work.\n",
        .examples = "  modelhost unpin /tfjs-models/a/model.json\n"
                    "  modelhost unpin bodypix --multiplier 0.5\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_CATALOG,
        .min_words = 1,
        .max_words = 1000,
        .word_name = MODEL_WORD,
        .run = cmd_unpin,
    },
    {
        .name = "export",
        .synopsis = "[OPTIONS] MODEL... -o FILE.tar",
        .summary = "write models to an archive, to carry them elsewhere",
        .prose =
            "Writes models with all their files to a tar archive, for `modelhost import` on a\n"
            "machine without network, or for any static server: unpacked, the files lie at\n"
            "MIRROR/PATH, as they are asked for. The same models give the same bytes. FILE is\n"
            "replaced as a whole; `-o -` writes to standard output.\n",
        .examples = "  modelhost export /tfjs-models/a/model.json -o a.tar\n"
                    "  modelhost export bodypix --multiplier 0.5 -o bodypix.tar\n"
                    "  modelhost export bodypix -o - | ssh host modelhost import -\n",
        .option_groups =
            OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_EXPORT | OPTIONS_CATALOG,
        .min_words = 1,
        .max_words = 1000,
        .word_name = MODEL_WORD,
        .run = cmd_export,
    },
    {
        .name = "import",
        .synopsis = "[OPTIONS] FILE.tar",
        .summary = "bring models into the cache from an archive",
        .prose =
            "Brings the models of an archive that `modelhost export` wrote into the cache. All of\n"
            "it is checked first, and comes in as a whole or not at all; files that are cached\n"
            "already stay. Where a server runs on the cache, it takes them in, and what replaces\n"
            "a cached version waits until nobody is loading it. FILE `-` is standard input.\n",
        .examples = "  modelhost import bodypix.tar\n"
                    "  modelhost import --json - < bodypix.tar\n",
        .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT,
        .min_words = 1,
        .max_words = 1,
        .word_name = "FILE: an archive that `modelhost export` wrote",
        .run = cmd_import,
    },
    {
        .name = "config",
        .synopsis = "--check | --print | --example [OPTIONS]",
        .summary = "check the configuration, or print it",
        .prose = "Without an option that says what, the configuration is checked.\n",
        .examples = "  modelhost config --check -c ./config.ini\n"
                    "  modelhost config --print\n"
                    "  modelhost config --example > config.ini\n",
        .option_groups =
            OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_SERVE | OPTIONS_REPORT | OPTIONS_CONFIG,
        .word_name = "DIR",
        .takes_complaints = true,
        .run = cmd_config,
    },
};

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* --- help --- */

/* Everything printed must get out: a full disk or a closed pipe is a failure of the command. */
static int
flush_output(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    log_error("cannot write to standard output: %s", strerror(errno));
    return status != 0 ? status : 1;
}

static int
print_text(struct buf *text)
{
    int status = buf_is_ok(text) && fputs(buf_text(text), stdout) >= 0 ? 0 : 1;

    buf_done(text);
    return flush_output(status);
}

static int
print_help(void)
{
    struct buf out = BUF_INIT((size_t) 1 << 16);

    buf_add_str(&out, "modelhost serves machine-learning models to browsers. It fetches them from "
                      "their\nupstream on the first request, checks them, and keeps them.\n\n"
                      "Usage: " PROGRAM " [COMMAND] [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        buf_printf(&out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    buf_printf(&out, "  %-10s %s\n", "help", "the same as --help");
    buf_add_str(&out, "\nOptions of every command:\n");
    options_help(OPTIONS_COMMON, &out);
    buf_add_str(
        &out,
        "\n`" PROGRAM " COMMAND --help` shows a command's options, and examples.\n\n"
        "Exit status: 0 done, 1 failed, 2 usage or configuration, 3 not found, 4 upstream or\n"
        "network, 5 integrity.\n");
    return print_text(&out);
}

static int
print_command_help(const struct command *command)
{
    struct buf out = BUF_INIT((size_t) 1 << 16);

    buf_printf(&out, "Usage: " PROGRAM " %s %s\n\n%s\nOptions:\n", command->name, command->synopsis,
               command->prose);
    options_help(command->option_groups, &out);
    buf_printf(&out, "\nExamples:\n%s", command->examples);
    return print_text(&out);
}

/* --- running --- */

static int
refuse_usage(const struct command *command, const char *sentence)
{
    log_error("%s (see `" PROGRAM " %s --help`)", sentence, command->name);
    return EXIT_USAGE;
}

static int
tell_complaints(const struct config *config)
{
    for (size_t i = 0; i < config->complaints.count; i++) {
        const struct config_complaint *complaint = config->complaints.items[i];

        log_error("%s: %s", complaint->where, complaint->sentence);
    }
    return EXIT_USAGE;
}

static int
run_configured(const struct command *command, const struct invocation *invocation)
{
    struct config_input input = {invocation->config_file, &invocation->flags, invocation->port};
    struct config config;
    enum mh_code code = config_load(&input, &config);
    int status;

    if (code != MH_OK) {
        log_error("memory ran out while the configuration was read");
        status = exit_status_of(code);
    } else if (config.complaints.count > 0 && !command->takes_complaints) {
        status = tell_complaints(&config);
    } else {
        status = flush_output(command->run(invocation, &config));
    }
    config_done(&config);
    return status;
}

static enum log_level
level_of(const struct invocation *invocation)
{
    if (invocation->is_verbose)
        return LOG_LEVEL_DEBUG;
    return invocation->is_quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTE;
}

static int
run_command(const struct command *command, int argc, char **argv)
{
    struct invocation invocation;
    struct mh_fault fault = {0};
    enum mh_code code = options_read(command, argc, argv, &invocation, &fault);
    int status;

    log_init(level_of(&invocation));
    if (code != MH_OK) {
        status = refuse_usage(command, fault.sentence);
    } else if (invocation.wants_help) {
        status = print_command_help(command);
    } else if (invocation.wants_version) {
        status = printf(PROGRAM " " MODELHOST_VERSION "\n") < 0 ? 1 : 0;
        status = flush_output(status);
    } else {
        status = run_configured(command, &invocation);
    }
    invocation_done(&invocation);
    return status;
}

static bool
is_place(const char *word)
{
    return strchr(word, '/') != NULL || strcmp(word, ".") == 0 || strcmp(word, "..") == 0;
}

static int
refuse_command(const char *word)
{
    struct suggestion guess = SUGGESTION_INIT(word);

    for (size_t i = 0; i < COUNT_OF(commands); i++)
        suggest_consider(&guess, commands[i].name);
    if (guess.best != NULL)
        log_error("there is no command '%s'; did you mean '%s'?", word, guess.best);
    else
        log_error("there is no command '%s'; `" PROGRAM
                  " --help` lists them. To serve a directory: "
                  "`" PROGRAM " serve %s`",
                  word, word);
    return EXIT_USAGE;
}

static bool
is_word(const char *argument, const char *a, const char *b)
{
    return strcmp(argument, a) == 0 || strcmp(argument, b) == 0;
}

int
command_main(int argc, char **argv)
{
    const struct command *serve = find_command("serve");
    const struct command *command;

    log_init(LOG_LEVEL_NOTE);
    /* A file that grows beyond a limit is an error of write(2), not the end of the process. */
    (void) signal(SIGXFSZ, SIG_IGN);
    if (argc < 2)
        return run_command(serve, argc, argv);
    if (is_word(argv[1], "--help", "-h") || (is_word(argv[1], "help", "help") && argc == 2))
        return print_help();
    if (strcmp(argv[1], "help") == 0) {
        command = find_command(argv[2]);
        return command != NULL ? print_command_help(command) : refuse_command(argv[2]);
    }
    if (argv[1][0] == '-' || is_place(argv[1]))
        return run_command(serve, argc, argv);
    command = find_command(argv[1]);
    return command != NULL ? run_command(command, argc - 1, argv + 1) : refuse_command(argv[1]);
}
