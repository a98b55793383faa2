/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress bar of long commands.
 *
 * It is drawn on a terminal only, five times a second at the most, in one write, and never leaves
 * anything behind: progress_clear() takes the line away before other output and at the end. How a
 * line looks is a pure function of what is known and of the columns; what does not fit is dropped
 * from the right, so that a narrow terminal still shows what, how far, how much. Names come from
 * URLs: anything but printable ASCII is shown as '?', so that none can move the cursor.
 *
 * One thread. Failed writes are ignored: a bar is not worth failing for.
 */
#include "progress.h"

#include "units.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS       200
#define COLUMNS_DEFAULT 80
#define COLUMNS_MAX     400
#define NAME_MAX_SHOWN  40
#define NAME_MIN_SHOWN  8
#define BAR_MIN         8
#define BAR_MAX         30

/* How much of a new reading goes into the rate; at five readings a second, some two seconds of
 * memory. */
#define RATE_WEIGHT 0.1

static void
add_name(const char *name, size_t room, struct buf *out)
{
    size_t n = strlen(name);
    size_t from = 0;

    if (n > room) {
        /* The end of a path tells models apart, its beginning does not. */
        from = n - room + 3;
        buf_add_str(out, "...");
    }
    for (size_t i = from; i < n; i++)
        buf_add_char(out, name[i] >= ' ' && name[i] < 0x7f ? name[i] : '?');
}

static unsigned
percent_of(const struct progress_line *line)
{
    if (line->bytes >= line->total)
        return 100;
    return (unsigned) ((double) line->bytes * 100.0 / (double) line->total);
}

static void
add_bar(const struct progress_line *line, size_t width, struct buf *out)
{
    size_t inner = width - 2;
    size_t full = inner * percent_of(line) / 100;

    buf_add_char(out, '[');
    for (size_t i = 0; i < inner; i++)
        buf_add_char(out, i < full ? '=' : (i == full ? '>' : ' '));
    buf_add_char(out, ']');
}

/* The columns after the name, each in its own text, "" where it is not known. */
struct fields {
    struct buf percent, bytes, rate, left;
};

static void
make_fields(const struct progress_line *line, struct fields *ret)
{
    char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];

    *ret = (struct fields){BUF_INIT(64), BUF_INIT(128), BUF_INIT(64), BUF_INIT(64)};
    if (line->total > 0)
        buf_printf(&ret->percent, "%3u%%", percent_of(line));
    buf_add_str(&ret->bytes, size_format(line->bytes, a));
    if (line->total > 0)
        buf_printf(&ret->bytes, " of %s", size_format(line->total, b));
    if (line->rate_bytes > 0)
        buf_printf(&ret->rate, "%s/s", size_format(line->rate_bytes, a));
    if (line->rate_bytes > 0 && line->total > line->bytes) {
        double seconds = (double) (line->total - line->bytes) / (double) line->rate_bytes;

        if (seconds < 100.0 * 3600)
            buf_printf(&ret->left, "%s left", duration_format((uint64_t) (seconds * 1000), a));
    }
}

void
progress_format(const struct progress_line *line, size_t columns, struct buf *out)
{
    struct fields fields;
    struct buf *order[] = {&fields.percent, &fields.bytes, &fields.rate, &fields.left};
    size_t name = strlen(line->name), room, shown = 0, used = 0;

    make_fields(line, &fields);
    room = name < NAME_MIN_SHOWN ? name : NAME_MIN_SHOWN;
    /* How many of the fields fit behind the shortest name? */
    for (; shown < COUNT_OF(order); shown++) {
        size_t n = order[shown]->length > 0 ? order[shown]->length + 2 : 0;

        if (room + used + n > columns)
            break;
        used += n;
    }
    room = columns - used;
    if (room > NAME_MAX_SHOWN)
        room = NAME_MAX_SHOWN;
    if (room >= 4 || name <= room) {
        add_name(line->name, room, out);
        used += name < room ? name : room;
    }
    for (size_t i = 0; i < shown; i++) {
        if (order[i]->length > 0)
            buf_printf(out, "  %s", buf_text(order[i]));
    }
    if (shown == COUNT_OF(order) && line->total > 0 && columns >= used + 2 + BAR_MIN) {
        size_t width = columns - used - 2;

        buf_add_str(out, "  ");
        add_bar(line, width < BAR_MAX ? width : BAR_MAX, out);
    }
    for (size_t i = 0; i < COUNT_OF(order); i++)
        buf_done(order[i]);
}

uint64_t
progress_rate_add(struct progress_rate *rate, uint64_t now_ms, uint64_t bytes)
{
    if (!rate->has_reading || bytes < rate->last_bytes) {
        *rate = (struct progress_rate){.last_ms = now_ms, .last_bytes = bytes, .has_reading = true};
    } else if (now_ms > rate->last_ms) {
        double now =
            (double) (bytes - rate->last_bytes) * 1000.0 / (double) (now_ms - rate->last_ms);
        /* The first reading stands for itself: there is nothing to smooth it with. */
        double weight = rate->bytes_per_s > 0 ? RATE_WEIGHT : 1.0;

        rate->bytes_per_s += (now - rate->bytes_per_s) * weight;
        rate->last_ms = now_ms;
        rate->last_bytes = bytes;
    }
    return (uint64_t) rate->bytes_per_s;
}

/* --- the terminal --- */

static size_t
terminal_columns(int fd)
{
    const char *text = getenv("COLUMNS");
    struct winsize size;
    uint64_t columns;

    if (text == NULL || !uint_parse(text, COLUMNS_MAX, &columns)) {
        columns = COLUMNS_DEFAULT;
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
            columns = size.ws_col;
    }
    return columns < COLUMNS_MAX ? (size_t) columns : COLUMNS_MAX;
}

static void
write_line(int fd, const struct buf *text)
{
    ssize_t written UNUSED = 0;

    if (buf_is_ok(text))
        written = write(fd, buf_text(text), text->length);
}

void
progress_init(struct progress *progress, int fd, bool is_wanted)
{
    const char *terminal = getenv("TERM");

    *progress = (struct progress){.fd = fd};
    progress->is_terminal =
        is_wanted && isatty(fd) == 1 && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void
progress_draw(struct progress *progress, uint64_t now_ms, struct progress_line line)
{
    struct buf text = BUF_INIT(4096);
    size_t columns;

    if (!progress->is_terminal || (progress->is_drawn && now_ms - progress->drawn_ms < REDRAW_MS))
        return;
    line.rate_bytes = progress_rate_add(&progress->rate, now_ms, line.bytes);
    columns = terminal_columns(progress->fd);
    /* The last column stays free: a terminal may wrap as soon as it is filled. */
    buf_add_str(&text, "\r\x1b[K");
    progress_format(&line, columns > 1 ? columns - 1 : 1, &text);
    write_line(progress->fd, &text);
    buf_done(&text);
    progress->is_drawn = true;
    progress->drawn_ms = now_ms;
}

void
progress_clear(struct progress *progress)
{
    struct buf text = BUF_INIT(16);

    if (!progress->is_drawn)
        return;
    buf_add_str(&text, "\r\x1b[K");
    write_line(progress->fd, &text);
    buf_done(&text);
    progress->is_drawn = false;
}
