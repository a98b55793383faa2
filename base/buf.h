/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a ceiling, always NUL-terminated. Appending to a full buffer, or when
 * memory runs out, sets a sticky flag instead of failing each call: check buf_is_ok() once at the
 * end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "attrs.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *text; /* NULL until something is appended; use buf_text() */
    size_t length;
    size_t room; /* allocated */
    size_t max;  /* ceiling of length, in bytes */
    bool has_failed;
};

#define BUF_INIT(max_) ((struct buf){.max = (max_)})

void buf_done(struct buf *buf);  /* frees; the buffer may be used again */
void buf_clear(struct buf *buf); /* empties, keeps the memory and the ceiling, forgets a failure */
void buf_add(struct buf *buf, const void *bytes, size_t n);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
bool buf_is_ok(const struct buf *buf);
const char *buf_text(const struct buf *buf); /* never NULL */
/* Hand the text over to the caller (mem_free()); the buffer is empty afterwards. NULL if it failed
 * or memory runs out. An empty buffer gives "". */
char *buf_take(struct buf *buf);

#endif
