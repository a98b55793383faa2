/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on standard error.
 *
 * One message is one line and one write(2), so that lines of different threads never mix; longer
 * ones are cut, at LINE_MAX_BYTES. The level is set once before other threads start and only read
 * afterwards. Under journald a line begins with its syslog priority, "<4>", so that the journal can
 * tell warnings from notes.
 *
 * What comes from a client or an upstream may stand in a message: control bytes are shown as \xNN,
 * so that nobody writes lines or terminal sequences of his own. A failed write is ignored: there is
 * nowhere left to say so.
 */
#include "log.h"

#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static const struct {
    const char *word;
    int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_NOTE] = {"note", 5},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static enum log_level shown = LOG_LEVEL_NOTE;
static bool has_journal;

/* JOURNAL_STREAM is inherited by children whose stderr goes elsewhere: it names the device and
 * inode of the journal's stream, to be compared (systemd.exec(5)). */
static bool
is_journal_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char mine[64];
    int n;

    if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
        return false;
    n = snprintf(mine, sizeof mine, "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
    if (n < 0 || (size_t) n >= sizeof mine)
        return false;
    for (size_t i = 0; i <= (size_t) n; i++) {
        if (stream[i] != mine[i])
            return false;
    }
    return true;
}

void
log_init(enum log_level level)
{
    shown = level;
    has_journal = is_journal_stderr();
}

enum log_level
log_level_shown(void)
{
    return shown;
}

static void
add_escaped(struct buf *line, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;

        if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\x%02X", c);
        else
            buf_add_char(line, *text);
    }
}

static void log_line(enum log_level level, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

static void
log_line(enum log_level level, const char *format, va_list arguments)
{
    struct buf line = BUF_INIT(4 * LINE_MAX_BYTES + 64);
    char message[LINE_MAX_BYTES];
    ssize_t written = 0;
    int saved = errno, n;

    if (level > shown && level != LOG_LEVEL_ERROR)
        return;
    n = vsnprintf(message, sizeof message, format, arguments);
    if (n < 0)
        return;
    if (has_journal)
        buf_printf(&line, "<%d>", levels[level].priority);
    buf_printf(&line, "modelhost: %s: ", levels[level].word);
    add_escaped(&line, message);
    if ((size_t) n >= sizeof message)
        buf_add_str(&line, "...");
    buf_add_char(&line, '\n');
    if (buf_is_ok(&line))
        written = write(STDERR_FILENO, buf_text(&line), line.length);
    (void) written; /* ignored: see the banner */
    buf_done(&line);
    errno = saved;
}

#define DEFINE_LOG(name, level)                                                                    \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list arguments;                                                                         \
                                                                                                   \
        va_start(arguments, format);                                                               \
        log_line(level, format, arguments);                                                        \
        va_end(arguments);                                                                         \
    }

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_note, LOG_LEVEL_NOTE)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
