/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzzer's input as lines, for functions that take several texts: each line a string in a block
 * of its own length, so that reading beyond it is seen. */
#ifndef FUZZ_LINES_H
#define FUZZ_LINES_H

#include "mem.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FUZZ_LINES_MAX 8

struct fuzz_lines {
    char *items[FUZZ_LINES_MAX]; /* NULL beyond the last line */
    size_t count;
};

static inline struct fuzz_lines
fuzz_lines_split(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = {0};
    const char *at = (const char *) bytes;
    const char *end = at + n;

    while (at < end && lines.count < FUZZ_LINES_MAX) {
        const char *newline = memchr(at, '\n', (size_t) (end - at));
        const size_t line_n = (size_t) ((newline != NULL ? newline : end) - at);

        lines.items[lines.count++] = str_dup_n(at, line_n);
        at += line_n + (newline != NULL);
    }
    return lines;
}

static inline void
fuzz_lines_done(struct fuzz_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        mem_free(lines->items[i]);
}

/* A line, or "" where there are fewer. */
static inline const char *
fuzz_line(const struct fuzz_lines *lines, size_t index)
{
    return index < lines->count && lines->items[index] != NULL ? lines->items[index] : "";
}

#endif
