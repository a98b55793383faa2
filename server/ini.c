/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The INI reader.
 *
 * It knows lines and nothing of what sections and keys mean: config.c decides that, and has the
 * line of everything it is told. It is a function of its text: it allocates nothing, keeps nothing
 * and calls back in the order of the lines. Any thread.
 *
 * A mistake costs its own line only, so that one run shows all of them. What the reader refuses is
 * what could be misread: control bytes (a NUL would hide the rest of a value), a section without
 * its bracket, a line without '=', a key without a name. Why it is not a library's:
 * docs/decisions/0001-own-ini-reader.md.
 */
#include "ini.h"

#include <stdbool.h>
#include <string.h>

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_comment_mark(char c)
{
    return c == ';' || c == '#';
}

static struct ini_piece
trim(struct ini_piece piece)
{
    while (piece.n > 0 && is_blank(piece.text[0])) {
        piece.text++;
        piece.n--;
    }
    while (piece.n > 0 && is_blank(piece.text[piece.n - 1]))
        piece.n--;
    return piece;
}

/* What stands before a comment. A mark begins one at the start, and after white space. */
static struct ini_piece
cut_comment(struct ini_piece piece)
{
    for (size_t i = 0; i < piece.n; i++) {
        if (is_comment_mark(piece.text[i]) && (i == 0 || is_blank(piece.text[i - 1])))
            return (struct ini_piece){piece.text, i};
    }
    return piece;
}

static bool
has_control_byte(struct ini_piece piece)
{
    for (size_t i = 0; i < piece.n; i++) {
        unsigned char c = (unsigned char) piece.text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static void
read_section(const struct ini_sink *sink, size_t line, struct ini_piece piece)
{
    const char *end = memchr(piece.text, ']', piece.n);
    struct ini_piece name, rest;

    if (end == NULL) {
        sink->mistake(sink->arg, line, "a section's name ends with ']', as in \"[server]\"");
        return;
    }
    name = (struct ini_piece){piece.text + 1, (size_t) (end - piece.text) - 1};
    rest = (struct ini_piece){end + 1, piece.n - name.n - 2};
    name = trim(name);
    if (trim(cut_comment(rest)).n > 0)
        sink->mistake(sink->arg, line, "nothing but a comment may follow a section's ']'");
    else if (name.n == 0)
        sink->mistake(sink->arg, line, "a section needs a name, as in \"[server]\"");
    else
        sink->section(sink->arg, line, name);
}

static void
read_value(const struct ini_sink *sink, size_t line, struct ini_piece piece)
{
    const char *equals = memchr(piece.text, '=', piece.n);
    struct ini_piece key, value;

    if (equals == NULL) {
        sink->mistake(sink->arg, line,
                      "a line is \"key = value\", \"[section]\" or a comment; this has no '='");
        return;
    }
    key = trim((struct ini_piece){piece.text, (size_t) (equals - piece.text)});
    value = (struct ini_piece){equals + 1, piece.n - (size_t) (equals - piece.text) - 1};
    if (key.n == 0)
        sink->mistake(sink->arg, line, "a key's name is missing before '='");
    else
        sink->value(sink->arg, line, key, trim(cut_comment(value)));
}

static void
read_line(const struct ini_sink *sink, size_t line, struct ini_piece piece)
{
    piece = trim(piece);
    if (piece.n == 0 || is_comment_mark(piece.text[0]))
        return;
    if (has_control_byte(piece))
        sink->mistake(sink->arg, line, "a control byte (such as NUL) has no place here");
    else if (piece.text[0] == '[')
        read_section(sink, line, piece);
    else
        read_value(sink, line, cut_comment(piece));
}

void
ini_read(const char *text, size_t n, const struct ini_sink *sink)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t at = n >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;

    for (size_t line = 1; at < n; line++) {
        const char *start = text + at;
        const char *end = memchr(start, '\n', n - at);
        size_t length = end != NULL ? (size_t) (end - start) : n - at;

        at += length + (end != NULL ? 1 : 0);
        if (length > 0 && start[length - 1] == '\r')
            length--;
        read_line(sink, line, (struct ini_piece){start, length});
    }
}
