/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer.
 *
 * It appends to the caller's buffer and keeps nothing but the depth and whether a comma is due, so
 * that a failure is the buffer's sticky flag and nobody checks in between. What it writes always
 * passes the strict scanner: bytes that are not UTF-8 become U+FFFD (paths and headers hold any
 * bytes), a NaN or an infinity becomes null. Beginning and ending in pairs is the caller's duty.
 *
 * Pure; a writer belongs to one thread. */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length of the UTF-8 character at the beginning, or 0 if there is none (Unicode, table 3-7). The
 * text is NUL-terminated, which no later byte of a character is. */
static size_t
character_length(const unsigned char *p)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high, length;
    } rows[] = {
        {0x00, 0x7F, 0x00, 0xFF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (p[0] < rows[i].first_low || p[0] > rows[i].first_high)
            continue;
        if (rows[i].length > 1 && (p[1] < rows[i].second_low || p[1] > rows[i].second_high))
            return 0;
        for (size_t k = 2; k < rows[i].length; k++)
            if ((p[k] & 0xC0) != 0x80)
                return 0;
        return rows[i].length;
    }
    return 0;
}

static void
put_escaped(struct buf *buf, unsigned char byte)
{
    static const char letters[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *found = strchr(letters, byte);

    if (found != NULL)
        buf_add(buf, (char[]){'\\', names[found - letters]}, 2);
    else
        buf_printf(buf, "\\u%04x", byte);
}

static void
put_string(struct buf *buf, const char *text)
{
    const unsigned char *p = (const unsigned char *) text;

    buf_add_char(buf, '"');
    while (*p != '\0') {
        size_t n = character_length(p);

        if (n == 0)
            buf_add_str(buf, REPLACEMENT);
        else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7F)
            put_escaped(buf, *p);
        else
            buf_add(buf, p, n);
        p += n == 0 ? 1 : n;
    }
    buf_add_char(buf, '"');
}

static void
new_line(struct jsonw *w)
{
    if (!w->pretty)
        return;
    buf_add_char(w->buf, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        buf_add_str(w->buf, "  ");
}

/* All that stands in front of a value. */
static void
begin(struct jsonw *w, const char *name)
{
    if (w->needs_comma)
        buf_add_char(w->buf, ',');
    if (w->depth > 0)
        new_line(w);
    if (name != NULL) {
        put_string(w->buf, name);
        buf_add_str(w->buf, w->pretty ? ": " : ":");
    }
}

static void
end(struct jsonw *w)
{
    w->needs_comma = w->depth > 0;
    if (w->depth == 0 && w->pretty)
        buf_add_char(w->buf, '\n');
}

static void
container_begin(struct jsonw *w, const char *name, char bracket)
{
    begin(w, name);
    buf_add_char(w->buf, bracket);
    w->depth++;
    w->needs_comma = false;
}

static void
container_end(struct jsonw *w, char bracket)
{
    bool is_empty = !w->needs_comma;

    w->depth--;
    if (!is_empty)
        new_line(w);
    buf_add_char(w->buf, bracket);
    end(w);
}

void
jsonw_object_begin(struct jsonw *w, const char *name)
{
    container_begin(w, name, '{');
}

void
jsonw_object_end(struct jsonw *w)
{
    container_end(w, '}');
}

void
jsonw_array_begin(struct jsonw *w, const char *name)
{
    container_begin(w, name, '[');
}

void
jsonw_array_end(struct jsonw *w)
{
    container_end(w, ']');
}

static void
put_word(struct jsonw *w, const char *name, const char *word)
{
    begin(w, name);
    buf_add_str(w->buf, word);
    end(w);
}

void
jsonw_string(struct jsonw *w, const char *name, const char *value)
{
    if (value == NULL) {
        put_word(w, name, "null");
        return;
    }
    begin(w, name);
    put_string(w->buf, value);
    end(w);
}

void
jsonw_uint(struct jsonw *w, const char *name, uint64_t value)
{
    begin(w, name);
    buf_printf(w->buf, "%" PRIu64, value);
    end(w);
}

void
jsonw_int(struct jsonw *w, const char *name, int64_t value)
{
    begin(w, name);
    buf_printf(w->buf, "%" PRId64, value);
    end(w);
}

/* The decimal point is the locale's, one byte or several: make it '.'. */
static void
put_with_point(struct buf *buf, const char *digits)
{
    for (const char *p = digits; *p != '\0';) {
        size_t n = strspn(p, "0123456789+-eE");

        buf_add(buf, p, n);
        p += n;
        if (*p != '\0')
            buf_add_char(buf, '.');
        p += strcspn(p, "0123456789+-eE");
    }
}

void
jsonw_double(struct jsonw *w, const char *name, double value)
{
    char digits[64];

    if (!isfinite(value)) {
        put_word(w, name, "null");
        return;
    }
    /* The fewest digits that read back as the same number: 17 always do. */
    for (int precision = 15; precision <= 17; precision++) {
        int n = snprintf(digits, sizeof(digits), "%.*g", precision, value);

        if (n < 0 || (size_t) n >= sizeof(digits))
            return; /* cannot be: 17 digits, signs and an exponent are 24 characters */
        if (strtod(digits, NULL) == value)
            break;
    }
    begin(w, name);
    put_with_point(w->buf, digits);
    end(w);
}

void
jsonw_bool(struct jsonw *w, const char *name, bool value)
{
    put_word(w, name, value ? "true" : "false");
}

void
jsonw_null(struct jsonw *w, const char *name)
{
    put_word(w, name, "null");
}
