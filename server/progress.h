/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar: one line on a terminal, redrawn in place; nothing anywhere else. */
#ifndef SERVER_PROGRESS_H
#define SERVER_PROGRESS_H

#include "attrs.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- pure --- */

/* What a line tells. */
struct progress_line {
    const char *name;
    uint64_t bytes;
    uint64_t total;      /* 0: not known yet */
    uint64_t rate_bytes; /* per second; 0: not known yet */
};

/* Append the line, of at most `columns` characters: name, percent, bytes, rate, time left, bar;
 * what does not fit is left out from the end, and a long name is shortened in front. Only printable
 * ASCII. */
void progress_format(const struct progress_line *line, size_t columns, struct buf *out);

/* A smoothed rate, from readings of a growing count. */
struct progress_rate {
    uint64_t last_ms;
    uint64_t last_bytes;
    double bytes_per_s;
    bool has_reading;
};

/* Take a reading; a count that shrinks begins anew. Returns bytes per second, 0 while unknown. */
uint64_t progress_rate_add(struct progress_rate *rate, uint64_t now_ms, uint64_t bytes);

/* --- the terminal --- */

struct progress {
    int fd;
    bool is_terminal;
    bool is_drawn;
    uint64_t drawn_ms;
    struct progress_rate rate;
};

/* is_wanted false: never draw. */
void progress_init(struct progress *progress, int fd, bool is_wanted);
/* Draw, at most five times a second. rate_bytes of the line is filled in here. */
void progress_draw(struct progress *progress, uint64_t now_ms, struct progress_line line);
/* Take the line away, before anything else is written and at the end. */
void progress_clear(struct progress *progress);

#endif
