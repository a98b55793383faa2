/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a ceiling.
 *
 * Invariants: while `text` is not NULL, length < room and text[length] is NUL; length never exceeds
 * max. After a failure nothing more is added, so that what is there is always a prefix of what was
 * meant, never a text with a hole in it.
 *
 * A buffer belongs to one thread at a time. Bytes that lie in the buffer itself cannot be appended
 * to it: growing would move them. */
#include "buf.h"

#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BUF_FIRST_ROOM 64

/* Make room for n more bytes and the NUL. */
static bool
reserve(struct buf *buf, size_t n)
{
    if (buf->has_failed)
        return false;
    if (n > buf->max - buf->length || buf->length + n == SIZE_MAX) {
        buf->has_failed = true;
        return false;
    }

    size_t need = buf->length + n + 1;

    if (need <= buf->room)
        return true;

    size_t room = buf->room == 0 ? BUF_FIRST_ROOM : buf->room;

    if (room > buf->max / 2)
        room = buf->max == SIZE_MAX ? need : buf->max + 1;
    else if (buf->room > 0)
        room *= 2;
    if (room < need)
        room = need;

    char *text = mem_resize(buf->text, room, 1);

    if (text == NULL) {
        buf->has_failed = true;
        return false;
    }
    buf->text = text;
    buf->room = room;
    return true;
}

void
buf_done(struct buf *buf)
{
    mem_free(buf->text);
    *buf = BUF_INIT(buf->max);
}

void
buf_clear(struct buf *buf)
{
    buf->length = 0;
    buf->has_failed = false;
    if (buf->text != NULL)
        buf->text[0] = '\0';
}

void
buf_add(struct buf *buf, const void *bytes, size_t n)
{
    if (!reserve(buf, n))
        return;
    if (n > 0)
        memcpy(buf->text + buf->length, bytes, n);
    buf->length += n;
    buf->text[buf->length] = '\0';
}

void
buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void
buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void
buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);

    int n = vsnprintf(NULL, 0, format, again);

    va_end(again);
    if (n < 0) {
        buf->has_failed = true;
        return;
    }
    if (!reserve(buf, (size_t) n))
        return;
    if (vsnprintf(buf->text + buf->length, (size_t) n + 1, format, arguments) != n) {
        buf->text[buf->length] = '\0';
        buf->has_failed = true;
        return;
    }
    buf->length += (size_t) n;
}

bool
buf_is_ok(const struct buf *buf)
{
    return !buf->has_failed;
}

const char *
buf_text(const struct buf *buf)
{
    return buf->text == NULL ? "" : buf->text;
}

char *
buf_take(struct buf *buf)
{
    char *text = NULL;

    if (!buf->has_failed)
        text = buf->text == NULL ? str_dup("") : ptr_take(&buf->text);
    buf_done(buf);
    return text;
}
