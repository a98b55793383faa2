/* SPDX-License-Identifier: Apache-2.0 */
/* log.c: which lines come, how they look, and that nothing in a message can forge one. */
#include "log.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written to standard error while it is caught: a file stands in for it. */
struct catch
{
    FILE *file;
    int real;
};

static int
setup(void **state)
{
    struct catch *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->file = tmpfile();
    assert_non_null(c->file);
    c->real = dup(STDERR_FILENO);
    assert_true(c->real >= 0);
    unsetenv("JOURNAL_STREAM");
    *state = c;
    return 0;
}

static int
teardown(void **state)
{
    struct catch *c = *state;

    (void) close(c->real);
    (void) fclose(c->file);
    free(c);
    return 0;
}

static void
begin(struct catch *c)
{
    assert_int_equal(ftruncate(fileno(c->file), 0), 0);
    assert_int_equal(lseek(fileno(c->file), 0, SEEK_SET), 0);
    assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

static const char *
end(struct catch *c)
{
    static char text[32768];
    ssize_t n = pread(fileno(c->file), text, sizeof text - 1, 0);

    assert_true(dup2(c->real, STDERR_FILENO) >= 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static void
write_all_levels(void)
{
    log_error("e %d", 1);
    log_warning("w %s", "2");
    log_note("n");
    log_debug("d");
}

static void
test_levels(void **state)
{
    struct catch *c = *state;
    static const struct {
        enum log_level level;
        const char *wanted;
    } rows[] = {
        {LOG_LEVEL_ERROR, "modelhost: error: e 1\n"},
        {LOG_LEVEL_WARNING, "modelhost: error: e 1\nmodelhost: warning: w 2\n"},
        {LOG_LEVEL_NOTE, "modelhost: error: e 1\nmodelhost: warning: w 2\nmodelhost: note: n\n"},
        {LOG_LEVEL_DEBUG, "modelhost: error: e 1\nmodelhost: warning: w 2\nmodelhost: note: n\n"
                          "modelhost: debug: d\n"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        log_init(rows[i].level);
        assert_int_equal(log_level_shown(), rows[i].level);
        begin(c);
        write_all_levels();
        assert_string_equal(end(c), rows[i].wanted);
    }
}

static void
test_one_message_is_one_line(void **state)
{
    struct catch *c = *state;

    log_init(LOG_LEVEL_NOTE);
    begin(c);
    log_note("a\nmodelhost: error: b\r\x1b[2J\x7f\xc3\xa9");
    assert_string_equal(end(c),
                        "modelhost: note: a\\x0Amodelhost: error: b\\x0D\\x1B[2J\\x7F\xc3\xa9\n");
}

static void
test_long_messages_are_cut(void **state)
{
    struct catch *c = *state;
    static char message[10000];
    const char *line;

    memset(message, 'x', sizeof message - 1);
    log_init(LOG_LEVEL_NOTE);
    begin(c);
    log_note("%s", message);
    line = end(c);
    assert_true(strlen(line) < 5000);
    assert_string_equal(line + strlen(line) - 4, "...\n");
}

/* The variable names the stream: a child whose standard error goes elsewhere has none. */
static void
test_journal(void **state)
{
    struct catch *c = *state;
    struct stat st;
    char *name = NULL;

    assert_int_equal(fstat(fileno(c->file), &st), 0);
    assert_true(asprintf(&name, "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino) > 0);
    setenv("JOURNAL_STREAM", name, 1);
    begin(c);
    log_init(LOG_LEVEL_DEBUG);
    write_all_levels();
    assert_string_equal(end(c), "<3>modelhost: error: e 1\n<4>modelhost: warning: w 2\n"
                                "<5>modelhost: note: n\n<7>modelhost: debug: d\n");

    setenv("JOURNAL_STREAM", "0:0", 1);
    begin(c);
    log_init(LOG_LEVEL_NOTE);
    log_note("n");
    assert_string_equal(end(c), "modelhost: note: n\n");
    free(name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_message_is_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_messages_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journal, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
