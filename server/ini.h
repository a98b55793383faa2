/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of an INI file: sections, keys and values with their lines. Pure.
 *
 * A line is a [section], "key = value", a comment (its first character is ';' or '#'), or blank.
 * A ';' or '#' after white space ends a value; elsewhere it belongs to it. White space around
 * names and values is dropped. There are no quotes, no escapes and no continued lines; a line may
 * be of any length. Names keep their case. A byte-order mark and CRLF are passed over. */
#ifndef SERVER_INI_H
#define SERVER_INI_H

#include "attrs.h"

#include <stddef.h>

/* A piece of the text; not NUL-terminated. */
struct ini_piece {
    const char *text;
    size_t n;
};

/* Who is told, in the order of the lines. No function is NULL. */
struct ini_sink {
    void *arg;
    void (*section)(void *arg, size_t line, struct ini_piece name);
    void (*value)(void *arg, size_t line, struct ini_piece key, struct ini_piece value);
    void (*mistake)(void *arg, size_t line, const char *sentence);
};

/* Read a whole text. Every mistake is told, and reading goes on with the next line. Pieces point
 * into `text`. A value holds no control byte but tabs. */
void ini_read(const char *text, size_t n, const struct ini_sink *sink);

#endif
