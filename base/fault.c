/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a struct mh_fault.
 *
 * The sentence is made once, where the failure is understood, and travels up by value; callers put
 * context in front of it. A fault has fixed room, because it must be fillable when memory has run
 * out: what does not fit is cut at the border of a UTF-8 character, never refused.
 *
 * Any thread, no state; errno survives every call, so that a failing path may report first and look
 * at errno afterwards. */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Remove a character that is cut in two from the end of a text that filled its room. */
static void
trim_broken_character(char *text, size_t n)
{
    size_t start = n;

    while (start > 0 && n - start < 4) {
        unsigned char byte = (unsigned char) text[--start];

        if ((byte & 0xC0) == 0x80)
            continue;

        size_t whole = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;

        if (start + whole > n)
            text[start] = '\0';
        return;
    }
}

static void format_cut(char *ret, size_t size, const char *format, va_list arguments)
    PRINTF_LIKE(3, 0);

static void
format_cut(char *ret, size_t size, const char *format, va_list arguments)
{
    int n = vsnprintf(ret, size, format, arguments);

    if (n < 0)
        ret[0] = '\0';
    else if ((size_t) n >= size)
        trim_broken_character(ret, size - 1);
}

static void add_cut(char *text, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/* Append to a text of `size` bytes of room. */
static void
add_cut(char *text, size_t size, const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    format_cut(text + n, size - n, format, arguments);
    va_end(arguments);
}

static void fill(struct mh_fault *fault, int foreign, const char *format, va_list arguments)
    PRINTF_LIKE(3, 0);

static void
fill(struct mh_fault *fault, int foreign, const char *format, va_list arguments)
{
    fault->foreign = foreign;
    fault->expected[0] = '\0';
    fault->found[0] = '\0';
    fault->upstream[0] = '\0';
    format_cut(fault->sentence, sizeof(fault->sentence), format, arguments);
}

enum mh_code
fail(struct mh_fault *fault, enum mh_code code, int foreign, const char *format, ...)
{
    int saved = errno;

    if (fault != NULL) {
        va_list arguments;

        va_start(arguments, format);
        fill(fault, foreign, format, arguments);
        va_end(arguments);
    }
    errno = saved;
    return code;
}

static enum mh_code
code_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* of the file system, or of the process (RLIMIT_FSIZE) */
        return MH_NO_SPACE;
    case ENOENT:
        return MH_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return MH_DENIED;
    case ENOMEM:
        return MH_NOMEM;
    default:
        return MH_IO;
    }
}

enum mh_code
fail_errno(struct mh_fault *fault, int error, const char *format, ...)
{
    int saved = errno;

    if (fault != NULL) {
        char words[128];
        va_list arguments;

        va_start(arguments, format);
        fill(fault, error, format, arguments);
        va_end(arguments);
        add_cut(fault->sentence, sizeof(fault->sentence), ": %s",
                strerror_r(error, words, sizeof(words)));
    }
    errno = saved;
    return code_of_errno(error);
}

void
fault_prepend(struct mh_fault *fault, const char *format, ...)
{
    int saved = errno;

    if (fault != NULL) {
        char rest[sizeof(fault->sentence)];
        va_list arguments;

        memcpy(rest, fault->sentence, sizeof(rest));
        va_start(arguments, format);
        format_cut(fault->sentence, sizeof(fault->sentence), format, arguments);
        va_end(arguments);
        add_cut(fault->sentence, sizeof(fault->sentence), ": %s", rest);
    }
    errno = saved;
}

void
fault_expected(struct mh_fault *fault, const char *format, ...)
{
    int saved = errno;

    if (fault != NULL) {
        va_list arguments;

        va_start(arguments, format);
        format_cut(fault->expected, sizeof(fault->expected), format, arguments);
        va_end(arguments);
    }
    errno = saved;
}

void
fault_found(struct mh_fault *fault, const char *format, ...)
{
    int saved = errno;

    if (fault != NULL) {
        va_list arguments;

        va_start(arguments, format);
        format_cut(fault->found, sizeof(fault->found), format, arguments);
        va_end(arguments);
    }
    errno = saved;
}
