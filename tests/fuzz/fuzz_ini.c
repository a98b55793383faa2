/* SPDX-License-Identifier: Apache-2.0 */
/* ini.c: the whole input as a file. Pieces lie inside the input, hold no line breaks and no blanks
 * around them, a comment never begins in a value, and lines come in their order, each once. */
#include "ini.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct reading {
    const char *text;
    size_t n;
    size_t line; /* the last that was told */
};

static void
check(bool holds)
{
    if (!holds)
        abort();
}

static void
check_line(struct reading *reading, size_t line)
{
    check(line > reading->line && line <= reading->n + 1);
    reading->line = line;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void
check_piece(const struct reading *reading, struct ini_piece piece)
{
    check(piece.text >= reading->text && piece.text + piece.n <= reading->text + reading->n);
    if (piece.n == 0)
        return;
    check(!is_blank(piece.text[0]) && !is_blank(piece.text[piece.n - 1]));
    for (size_t i = 0; i < piece.n; i++)
        check((unsigned char) piece.text[i] >= ' ' || piece.text[i] == '\t');
}

static void
on_section(void *arg, size_t line, struct ini_piece name)
{
    check_line(arg, line);
    check_piece(arg, name);
    check(name.n > 0 && memchr(name.text, ']', name.n) == NULL);
}

static void
on_value(void *arg, size_t line, struct ini_piece key, struct ini_piece value)
{
    check_line(arg, line);
    check_piece(arg, key);
    check_piece(arg, value);
    check(key.n > 0 && memchr(key.text, '=', key.n) == NULL);
    for (size_t i = 0; i + 1 < value.n; i++)
        check(!is_blank(value.text[i]) || (value.text[i + 1] != ';' && value.text[i + 1] != '#'));
}

static void
on_mistake(void *arg, size_t line, const char *sentence)
{
    check_line(arg, line);
    check(sentence[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct reading reading = {(const char *) bytes, n, 0};
    const struct ini_sink sink = {&reading, on_section, on_value, on_mistake};

    ini_read((const char *) bytes, n, &sink);
    return 0;
}
