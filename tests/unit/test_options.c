/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: how a command line is understood, and what is said of one that is not. */
#include "command.h"
#include "unit.h"

static const struct command serve = {
    .name = "serve",
    .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_SERVE,
    .max_words = 1,
    .word_name = "DIR",
    .word_setting = "server.root",
};

static const struct command pull = {
    .name = "pull",
    .option_groups = OPTIONS_COMMON | OPTIONS_MIRRORS | OPTIONS_REPORT | OPTIONS_PULL,
    .min_words = 1,
    .max_words = 3,
    .word_name = "WHAT",
};

#define ARGUMENTS_MAX 16

/* A line's words, cut at blanks; '~' stands for a blank in a word. argv is filled and argc
 * returned. */
static int
cut(const struct command *command, char *line, char *argv[ARGUMENTS_MAX])
{
    int argc = 0;
    char *rest = line;

    argv[argc++] = (char *) (uintptr_t) command->name;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (word[0] == '\0')
            continue;
        for (char *at = word; *at != '\0'; at++) {
            if (*at == '~')
                *at = ' ';
        }
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return argc;
}

static char *
describe(const struct invocation *in)
{
    struct buf out = BUF_INIT(4096);
    char *text;

    for (size_t i = 0; i < in->flags.count; i++) {
        const struct config_flag *flag = in->flags.items[i];

        buf_printf(&out, "<%s|%.*s|%.*s|%s>", flag->flag, (int) flag->section_n, flag->section,
                   (int) flag->key_n, flag->key, flag->text);
    }
    if (in->config_file != NULL)
        buf_printf(&out, "config=%s ", in->config_file);
    if (in->port != NULL)
        buf_printf(&out, "port=%s ", in->port);
    if (in->output != NULL)
        buf_printf(&out, "output=%s ", in->output);
    buf_printf(&out, "%s%s%s%s%s", in->is_quiet ? "q" : "", in->is_verbose ? "v" : "",
               in->wants_help ? "h" : "", in->wants_version ? "V" : "", in->wants_json ? "j" : "");
    for (size_t i = 0; i < in->word_count; i++)
        buf_printf(&out, "{%s}", in->words[i]);
    text = buf_take(&out);
    assert_non_null(text);
    return text;
}

struct row {
    const struct command *command;
    const char *line, *wanted;
};

static void
check_rows(const struct row *rows, size_t count, bool is_good)
{
    for (size_t i = 0; i < count; i++) {
        char *line = strdup(rows[i].line);
        char *argv[ARGUMENTS_MAX];
        int argc = cut(rows[i].command, line, argv);
        struct invocation invocation;
        struct mh_fault fault = {0};
        enum mh_code code = options_read(rows[i].command, argc, argv, &invocation, &fault);

        if (is_good) {
            char *got = describe(&invocation);

            CHECK_TEXT(rows[i].line, fault.sentence, "");
            CHECK_TEXT(rows[i].line, got, rows[i].wanted);
            free(got);
        } else {
            CHECK(rows[i].line, code == MH_BAD_INPUT);
            if (strstr(fault.sentence, rows[i].wanted) == NULL)
                CHECK_TEXT(rows[i].line, fault.sentence, rows[i].wanted);
        }
        invocation_done(&invocation);
        free(line);
    }
}

static void
test_good(void **state)
{
    static const struct row rows[] = {
        {&serve, "", ""},
        {&serve, "-l 127.0.0.1:1 --listen unix:/a -p 9000",
         "<--listen|server|listen|127.0.0.1:1><--listen|server|listen|unix:/a>port=9000 "},
        {&serve, "--cache-dir=/c --offline -qv",
         "<--cache-dir|cache|directory|/c>"
         "<--offline|cache|offline|on>qv"},
        {&serve, "site", "<DIR|server|root|site>{site}"},
        {&serve, "site -q", "<DIR|server|root|site>q{site}"},
        {&serve, "--root site", "<--root|server|root|site>"},
        {&serve, "-- -odd", "<DIR|server|root|-odd>{-odd}"},
        {&serve, "--mirror mine=http://h/?a=b", "<--mirror|mirror mine|upstream|http://h/?a=b>"},
        {&serve, "--set cache.settle=1s", "<--set|cache|settle|1s>"},
        /* the last dot before '=' */
        {&serve, "--set mirror~a.b.upstream=http://h.example/x=y.z",
         "<--set|mirror a.b|upstream|http://h.example/x=y.z>"},
        {&serve, "--set server.root=", "<--set|server|root|>"},
        {&serve, "--cors-origin https://a.example",
         "<--cors-origin|cors|allow_origin|https://a.example>"},
        {&serve, "-c f.ini --help", "config=f.ini h"},
        {&serve, "-V", "V"},
        {&pull, "a b --json -o f", "output=f j{a}{b}"},
        {&pull, "-h", "h"},
        /* an unambiguous beginning */
        {&serve, "--off", "<--offline|cache|offline|on>"},
    };

    check_rows(rows, COUNT(rows), true);
}

static void
test_bad(void **state)
{
    static const struct row rows[] = {
        {&serve, "--lisen x", "`serve` has no option '--lisen'; did you mean '--listen'?"},
        {&serve, "--lisen=x", "'--lisen'; did you mean '--listen'?"},
        {&serve, "--zebra", "`serve` has no option '--zebra'"},
        {&serve, "-z", "`serve` has no option '-z'"},
        {&serve, "-qz", "`serve` has no option '-z'"},
        {&serve, "--co x", "'--co' could be several options"},
        {&serve, "-l", "'--listen' needs a value: ADDR:PORT"},
        {&serve, "--cache-dir", "'--cache-dir' needs a value: DIR"},
        {&serve, "--offline=on", "'--offline' takes no value"},
        /* an option of another command */
        {&serve, "-o f", "`serve` has no option '-o'"},
        {&serve, "--json", "`serve` has no option '--json'"},
        {&pull, "--offline x", "`pull` has no option '--offline'"},
        {&serve, "a b", "does not know what to do with 'b'"},
        {&serve, "a --root b", "DIR 'a' and --root are the same"},
        {&pull, "", "`pull` needs WHAT"},
        {&pull, "a b c d", "does not know what to do with 'd'"},
        {&serve, "--set cache", "--set takes SECTION.KEY=VALUE"},
        {&serve, "--set cache=1", "--set takes SECTION.KEY=VALUE"},
        {&serve, "--set .key=1", "--set takes SECTION.KEY=VALUE"},
        {&serve, "--set cache.=1", "--set takes SECTION.KEY=VALUE"},
        {&serve, "--mirror http://h/", "--mirror takes NAME=URL"},
        {&serve, "--mirror =http://h/", "--mirror takes NAME=URL"},
    };

    check_rows(rows, COUNT(rows), false);
}

static void
test_help(void **state)
{
    struct buf out = BUF_INIT(1 << 16);
    const char *line;

    options_help(serve.option_groups, &out);
    assert_non_null(strstr(buf_text(&out), "  -l, --listen ADDR:PORT"));
    assert_non_null(strstr(buf_text(&out), "      --offline"));
    assert_null(strstr(buf_text(&out), "--output"));
    for (line = buf_text(&out); *line != '\0';) {
        size_t n = strcspn(line, "\n");

        CHECK(line, n <= 80);
        CHECK(line, n == 0 || line[n - 1] != ' ');
        line += n + (line[n] == '\n');
    }
    buf_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
