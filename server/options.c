/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options.
 *
 * One table says what every option is called, which commands take it, what it means and what the
 * help says of it. Most options are settings under a shorter name: they become values of the flag
 * layer, and whether the value is good is decided with the file's and the environment's (config.c),
 * so that every way of giving it is checked alike. getopt_long() cuts the arguments; its messages
 * are ours. It keeps state in globals: one thread at a time.
 */
#include "options.h"

#include "command.h"
#include "fault.h"
#include "mem.h"
#include "suggest.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define FLAGS_MAX    10000
#define HELP_COLUMN  29
#define HELP_COLUMNS 80

/* Values of long options lie above all characters. */
#define LONG_BASE 256

enum option_kind {
    OPTION_SETTING,    /* its value is the setting's */
    OPTION_SETTING_ON, /* the setting is "on" */
    OPTION_SET,        /* SECTION.KEY=VALUE */
    OPTION_MIRROR,     /* NAME=URL */
    OPTION_SWITCH,     /* a bool of struct invocation */
    OPTION_TEXT        /* a const char * of struct invocation */
};

struct option_row {
    unsigned groups;
    char letter; /* '\0': none */
    enum option_kind kind;
    const char *name;     /* with its dashes; origins of settings point to it */
    const char *argument; /* what the help calls its value; NULL: it takes none */
    const char *section;  /* of its setting */
    const char *key;
    size_t offset;
    const char *prose;
};

#define AT(member) offsetof(struct invocation, member)

static const struct option_row rows[] = {
    {OPTIONS_SERVE, 'l', OPTION_SETTING, "--listen", "ADDR:PORT", "server", "listen", 0,
     "listen here instead of on 127.0.0.1:8080 and [::1]:8080; unix:/PATH too, port 0 lets the "
     "system choose; may repeat"},
    {OPTIONS_SERVE, 'p', OPTION_TEXT, "--port", "PORT", NULL, NULL, AT(port),
     "the port of every TCP listener"},
    {OPTIONS_SERVE, 0, OPTION_SETTING, "--root", "DIR", "server", "root", 0,
     "the app's own files, served at / (the same as DIR)"},
    {OPTIONS_SERVE, 0, OPTION_SETTING_ON, "--offline", NULL, "cache", "offline", 0,
     "never contact an upstream: serve what is cached"},
    {OPTIONS_SERVE, 0, OPTION_SETTING, "--cors-origin", "ORIGIN", "cors", "allow_origin", 0,
     "let only pages of this origin read the models, such as https://app.example; may repeat"},
    {OPTIONS_SERVE, 0, OPTION_SETTING, "--tls-cert", "FILE", "tls", "certificate", 0,
     "serve HTTPS with this certificate (PEM, with its chain)"},
    {OPTIONS_SERVE, 0, OPTION_SETTING, "--tls-key", "FILE", "tls", "key", 0,
     "the certificate's key (PEM)"},
    {OPTIONS_SERVE, 0, OPTION_SETTING_ON, "--tls-self-signed", NULL, "tls", "self_signed", 0,
     "serve HTTPS with a certificate that modelhost makes and keeps; its fingerprint is printed"},
    {OPTIONS_SERVE, 0, OPTION_SETTING_ON, "--listing", NULL, "server", "listing", 0,
     "list what is in a directory that has no index.html"},
    {OPTIONS_SERVE, 0, OPTION_SETTING_ON, "--spa", NULL, "server", "spa", 0,
     "answer unknown paths that a person opens by the app's index.html"},
    {OPTIONS_SERVE, 0, OPTION_SETTING_ON, "--watch", NULL, "server", "watch", 0,
     "let the app's pages renew themselves when its files change"},
    {OPTIONS_SERVE, 0, OPTION_SETTING_ON, "--isolate", NULL, "server", "isolate", 0,
     "isolate the app's pages (COOP and COEP), as threads of WebAssembly need it"},
    {OPTIONS_SERVE, 0, OPTION_SWITCH, "--open", NULL, NULL, NULL, AT(wants_open),
     "open the app in the browser when the server is ready"},
    {OPTIONS_SERVE, 'H', OPTION_SETTING, "--header", "'NAME: VALUE'", "server", "header", 0,
     "a header of the answers for the app's files; may repeat"},
    {OPTIONS_PULL, 'o', OPTION_TEXT, "--output", "FILE", NULL, NULL, AT(output),
     "write the manifest to FILE and its shards beside it, instead of into the cache; WHAT is any "
     "URL, no mirror is needed"},
    {OPTIONS_PULL, 0, OPTION_SWITCH, "--refresh", NULL, NULL, NULL, AT(wants_refresh),
     "ask the upstream whether what is cached is current, however young it is"},
    {OPTIONS_EXPORT, 'o', OPTION_TEXT, "--output", "FILE", NULL, NULL, AT(output),
     "the archive to write; - is standard output"},
    {OPTIONS_VERIFY, 0, OPTION_SWITCH, "--repair", NULL, NULL, NULL, AT(wants_repair),
     "fetch what is bad or missing again"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--architecture", "NAME", NULL, NULL,
     AT(params[CATALOG_ARCHITECTURE]), "BodyPix, PoseNet: MobileNetV1 or ResNet50"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--output-stride", "N", NULL, NULL,
     AT(params[CATALOG_OUTPUT_STRIDE]), "BodyPix, PoseNet: 8, 16 or 32"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--multiplier", "N", NULL, NULL,
     AT(params[CATALOG_MULTIPLIER]), "BodyPix, PoseNet: 0.5, 0.75 or 1"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--quant-bytes", "N", NULL, NULL,
     AT(params[CATALOG_QUANT_BYTES]), "BodyPix, PoseNet: 4, 2 or 1 bytes for a weight"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--quantization-bytes", "N", NULL, NULL,
     AT(params[CATALOG_QUANTIZATION_BYTES]), "DeepLab: 4, 2 or 1"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--model-version", "N", NULL, NULL,
     AT(params[CATALOG_MODEL_VERSION]), "MobileNet: 1 or 2"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--alpha", "N", NULL, NULL, AT(params[CATALOG_ALPHA]),
     "MobileNet: 0.25, 0.5, 0.75 or 1"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--base", "NAME", NULL, NULL, AT(params[CATALOG_BASE]),
     "COCO-SSD, DeepLab: which network, or which classes"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--model-type", "NAME", NULL, NULL,
     AT(params[CATALOG_MODEL_TYPE]),
     "pose, face and hand detection: such as SinglePose.Thunder, full or lite"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--vocabulary", "NAME", NULL, NULL,
     AT(params[CATALOG_VOCABULARY]), "speech commands: 18w or directional4w"},
    {OPTIONS_CATALOG, 0, OPTION_TEXT, "--refine-landmarks", "BOOL", NULL, NULL,
     AT(params[CATALOG_REFINE_LANDMARKS]), "face landmarks: true or false"},
    {OPTIONS_URL, 0, OPTION_SWITCH, "--snippet", NULL, NULL, NULL, AT(wants_snippet),
     "print the load() call with all parameters, and what the page's CSP needs"},
    {OPTIONS_PULL, 0, OPTION_SWITCH, "--all", NULL, NULL, NULL, AT(wants_all),
     "every model of the catalog name: all combinations that exist upstream"},
    {OPTIONS_DOCTOR, 0, OPTION_TEXT, "--origin", "URL", NULL, NULL, AT(origin),
     "the page's origin, such as https://app.example: judge CORS and mixed content for it"},
    {OPTIONS_CONFIG, 0, OPTION_SWITCH, "--check", NULL, NULL, NULL, AT(wants_check),
     "look for mistakes, and show all of them"},
    {OPTIONS_CONFIG, 0, OPTION_SWITCH, "--print", NULL, NULL, NULL, AT(wants_print),
     "the settings in force, and where each came from"},
    {OPTIONS_CONFIG, 0, OPTION_SWITCH, "--example", NULL, NULL, NULL, AT(wants_example),
     "a configuration file with every key, its default and what it does"},
    {OPTIONS_MIRRORS, 0, OPTION_MIRROR, "--mirror", "NAME=URL", NULL, NULL, 0,
     "mirror URL under /NAME/, or give a built-in mirror another upstream; may repeat"},
    {OPTIONS_REPORT, 0, OPTION_SWITCH, "--json", NULL, NULL, NULL, AT(wants_json),
     "report as JSON on standard output"},
    {OPTIONS_COMMON, 'c', OPTION_TEXT, "--config", "FILE", NULL, NULL, AT(config_file),
     "the configuration file"},
    {OPTIONS_COMMON, 0, OPTION_SETTING, "--cache-dir", "DIR", "cache", "directory", 0,
     "where the models are kept"},
    {OPTIONS_COMMON, 0, OPTION_SET, "--set", "SECTION.KEY=VALUE", NULL, NULL, 0,
     "any setting, such as \"mirror tfjs-models.revalidate=1h\"; may repeat"},
    {OPTIONS_COMMON, 'q', OPTION_SWITCH, "--quiet", NULL, NULL, NULL, AT(is_quiet),
     "say nothing but errors"},
    {OPTIONS_COMMON, 'v', OPTION_SWITCH, "--verbose", NULL, NULL, NULL, AT(is_verbose), "say more"},
    {OPTIONS_COMMON, 'V', OPTION_SWITCH, "--version", NULL, NULL, NULL, AT(wants_version),
     "print the version"},
    {OPTIONS_COMMON, 'h', OPTION_SWITCH, "--help", NULL, NULL, NULL, AT(wants_help), "print this"},
};

/* --- settings given as options --- */

static bool
add_flag(struct invocation *invocation, struct config_flag flag)
{
    struct config_flag *copy = mem_dup(&flag, sizeof flag);

    if (copy == NULL || !list_add(&invocation->flags, copy)) {
        mem_free(copy);
        mem_free(flag.owned);
        return false;
    }
    return true;
}

static bool
add_setting(struct invocation *invocation, const char *flag, const char *section, const char *key,
            const char *text)
{
    return add_flag(invocation, (struct config_flag){.flag = flag,
                                                     .section = section,
                                                     .section_n = strlen(section),
                                                     .key = key,
                                                     .key_n = strlen(key),
                                                     .text = text});
}

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "there are too many options, or memory ran out");
}

/* SECTION.KEY=VALUE. A mirror's name may hold dots, a key does not: the last dot before the first
 * '=' parts them. */
static enum mh_code
take_set(struct invocation *invocation, const char *text, struct mh_fault *fault)
{
    const char *equals = strchr(text, '=');
    const char *dot = equals != NULL ? memrchr(text, '.', (size_t) (equals - text)) : NULL;
    struct config_flag flag = {.flag = "--set", .section = text};

    if (dot == NULL || dot == text || dot + 1 == equals)
        return fail(fault, MH_BAD_INPUT, 0,
                    "--set takes SECTION.KEY=VALUE, as in --set cache.offline=on; this was '%s'",
                    text);
    flag.section_n = (size_t) (dot - text);
    flag.key = dot + 1;
    flag.key_n = (size_t) (equals - dot) - 1;
    flag.text = equals + 1;
    return add_flag(invocation, flag) ? MH_OK : no_memory(fault);
}

static enum mh_code
take_mirror(struct invocation *invocation, const char *text, struct mh_fault *fault)
{
    const char *equals = strchr(text, '=');
    struct config_flag flag = {.flag = "--mirror", .key = "upstream", .key_n = 8};

    if (equals == NULL || equals == text)
        return fail(
            fault, MH_BAD_INPUT, 0,
            "--mirror takes NAME=URL, as in --mirror mine=https://models.example/; this was "
            "'%s'",
            text);
    flag.owned = str_printf("mirror %.*s", (int) (equals - text), text);
    if (flag.owned == NULL)
        return no_memory(fault);
    flag.section = flag.owned;
    flag.section_n = strlen(flag.owned);
    flag.text = equals + 1;
    return add_flag(invocation, flag) ? MH_OK : no_memory(fault);
}

/* --- cutting the arguments --- */

/* What getopt_long() wants, made from the rows of one command. */
struct cutting {
    struct option longs[COUNT_OF(rows) + 1];
    char letters[2 * COUNT_OF(rows) + 2];
};

static void
prepare(struct cutting *cutting, unsigned groups)
{
    size_t n = 0, letters = 0;

    /* ':' in front: a missing value is told apart from an unknown option. */
    cutting->letters[letters++] = ':';
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((rows[i].groups & groups) == 0)
            continue;
        cutting->longs[n++] = (struct option){
            .name = rows[i].name + 2,
            .has_arg = rows[i].argument != NULL ? required_argument : no_argument,
            .val = LONG_BASE + (int) i,
        };
        if (rows[i].letter == '\0')
            continue;
        cutting->letters[letters++] = rows[i].letter;
        if (rows[i].argument != NULL)
            cutting->letters[letters++] = ':';
    }
    cutting->longs[n] = (struct option){0};
    cutting->letters[letters] = '\0';
}

/* The row behind what getopt_long() returned; NULL: none. */
static const struct option_row *
row_of(int value, unsigned groups)
{
    if (value >= LONG_BASE)
        return &rows[value - LONG_BASE];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].letter != '\0' && rows[i].letter == value && (rows[i].groups & groups) != 0)
            return &rows[i];
    }
    return NULL;
}

static enum mh_code
take_option(struct invocation *invocation, const struct option_row *row, const char *text,
            struct mh_fault *fault)
{
    char *member = (char *) invocation + row->offset;
    bool is_added = true;

    switch (row->kind) {
    case OPTION_SETTING:
        is_added = add_setting(invocation, row->name, row->section, row->key, text);
        break;
    case OPTION_SETTING_ON:
        is_added = add_setting(invocation, row->name, row->section, row->key, "on");
        break;
    case OPTION_SET:
        return take_set(invocation, text, fault);
    case OPTION_MIRROR:
        return take_mirror(invocation, text, fault);
    case OPTION_SWITCH:
        *(bool *) member = true;
        break;
    case OPTION_TEXT:
        *(const char **) member = text;
        break;
    }
    return is_added ? MH_OK : no_memory(fault);
}

/* --- mistakes --- */

/* How many of the command's options begin with what was written. */
static size_t
count_prefixed(const char *word, unsigned groups)
{
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        count += (rows[i].groups & groups) != 0 && strncmp(rows[i].name, word, strlen(word)) == 0;
    return count;
}

static enum mh_code
refuse_long(const struct command *command, const char *argument, struct mh_fault *fault)
{
    scoped(mem_freep) char *word = str_dup_n(argument, strcspn(argument, "="));
    struct suggestion guess = SUGGESTION_INIT(word);

    if (word == NULL)
        return no_memory(fault);
    if (count_prefixed(word, command->option_groups) > 1)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' could be several options; write it out", word);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((rows[i].groups & command->option_groups) != 0)
            suggest_consider(&guess, rows[i].name);
    }
    if (guess.best != NULL)
        return fail(fault, MH_BAD_INPUT, 0, "`%s` has no option '%s'; did you mean '%s'?",
                    command->name, word, guess.best);
    return fail(fault, MH_BAD_INPUT, 0, "`%s` has no option '%s'", command->name, word);
}

/* getopt_long() returned '?' or ':'. */
static enum mh_code
refuse(const struct command *command, int verdict, char **argv, struct mh_fault *fault)
{
    const struct option_row *row = row_of(optopt, command->option_groups);

    if (row == NULL && optopt != 0)
        return fail(fault, MH_BAD_INPUT, 0, "`%s` has no option '-%c'", command->name, optopt);
    if (row == NULL)
        return refuse_long(command, argv[optind - 1], fault);
    if (verdict == ':')
        return fail(fault, MH_BAD_INPUT, 0, "'%s' needs a value: %s", row->name, row->argument);
    return fail(fault, MH_BAD_INPUT, 0, "'%s' takes no value", row->name);
}

static bool
has_setting(const struct invocation *invocation, const char *flag)
{
    for (size_t i = 0; i < invocation->flags.count; i++) {
        const struct config_flag *given = invocation->flags.items[i];

        if (strcmp(given->flag, flag) == 0)
            return true;
    }
    return false;
}

/* A word that stands for a setting: DIR of `serve`. */
static enum mh_code
take_word_setting(const struct command *command, struct invocation *invocation,
                  struct mh_fault *fault)
{
    const char *dot = strchr(command->word_setting, '.');
    struct config_flag flag = {
        .flag = command->word_name,
        .section = command->word_setting,
        .section_n = (size_t) (dot - command->word_setting),
        .key = dot + 1,
        .key_n = strlen(dot + 1),
        .text = invocation->words[0],
    };

    if (has_setting(invocation, "--root"))
        return fail(fault, MH_BAD_INPUT, 0, "%s '%s' and --root are the same; give one of them",
                    command->word_name, invocation->words[0]);
    return add_flag(invocation, flag) ? MH_OK : no_memory(fault);
}

static enum mh_code
take_words(const struct command *command, int argc, char **argv, struct invocation *invocation,
           struct mh_fault *fault)
{
    invocation->words = argv + optind;
    invocation->word_count = (size_t) (argc - optind);
    if (invocation->wants_help || invocation->wants_version)
        return MH_OK;
    if (invocation->word_count < command->min_words)
        return fail(fault, MH_BAD_INPUT, 0, "`%s` needs %s", command->name, command->word_name);
    if (invocation->word_count > command->max_words)
        return fail(fault, MH_BAD_INPUT, 0, "`%s` does not know what to do with '%s'",
                    command->name, invocation->words[command->max_words]);
    if (command->word_setting != NULL && invocation->word_count > 0)
        return take_word_setting(command, invocation, fault);
    return MH_OK;
}

enum mh_code
options_read(const struct command *command, int argc, char **argv, struct invocation *ret,
             struct mh_fault *fault)
{
    struct cutting cutting;
    enum mh_code code = MH_OK;

    *ret = (struct invocation){.flags = LIST_INIT(FLAGS_MAX)};
    prepare(&cutting, command->option_groups);
    opterr = 0;
    optind = 0; /* glibc: begin anew, whatever was cut before */
    while (code == MH_OK) {
        int value = getopt_long(argc, argv, cutting.letters, cutting.longs, NULL);

        if (value == -1)
            break;
        if (value == '?' || value == ':')
            code = refuse(command, value, argv, fault);
        else
            code = take_option(ret, row_of(value, command->option_groups), optarg, fault);
    }
    return code == MH_OK ? take_words(command, argc, argv, ret, fault) : code;
}

static void
free_flag(void *item)
{
    struct config_flag *flag = item;

    mem_free(flag->owned);
    mem_free(flag);
}

void
invocation_done(struct invocation *invocation)
{
    list_done(&invocation->flags, free_flag);
}

/* --- help --- */

/* Prose, broken between words; the cursor stands at HELP_COLUMN. */
static void
help_prose(const char *prose, struct buf *out)
{
    size_t column = HELP_COLUMN;
    bool is_first = true;

    while (*prose != '\0') {
        size_t n = strcspn(prose, " ");

        if (!is_first && column + 1 + n > HELP_COLUMNS) {
            buf_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            is_first = true;
        }
        buf_printf(out, "%s%.*s", is_first ? "" : " ", (int) n, prose);
        column += n + (is_first ? 0 : 1);
        is_first = false;
        prose += n;
        prose += strspn(prose, " ");
    }
    buf_add_char(out, '\n');
}

static void
help_row(const struct option_row *row, struct buf *out)
{
    struct buf left = BUF_INIT(256);

    if (row->letter != '\0')
        buf_printf(&left, "  -%c, %s", row->letter, row->name);
    else
        buf_printf(&left, "      %s", row->name);
    if (row->argument != NULL)
        buf_printf(&left, " %s", row->argument);
    buf_add_str(out, buf_text(&left));
    if (left.length + 2 > HELP_COLUMN)
        buf_printf(out, "\n%*s", HELP_COLUMN, "");
    else
        buf_printf(out, "%*s", (int) (HELP_COLUMN - left.length), "");
    help_prose(row->prose, out);
    buf_done(&left);
}

void
options_help(unsigned groups, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((rows[i].groups & groups) != 0)
            help_row(&rows[i], out);
    }
}
