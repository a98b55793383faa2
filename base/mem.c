/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to the heap.
 *
 * It exists so that every allocation multiplies with an overflow check and comes back zeroed, and
 * so that a search for the C library's allocators outside this file finds nothing. What it gives
 * is the C library's own memory: the public headers promise their callers free(), and mem_free() is
 * nothing else. A request for nothing gives a block of one byte, so that NULL has one meaning:
 * memory ran out, and the caller says so; nothing here ends the program.
 *
 * Any thread, no state. */
#include "mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void *
mem_calloc(size_t count, size_t size)
{
    size_t bytes;

    /* Checked here and not left to calloc(): a sanitizer's ends the program instead. */
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return bytes == 0 ? calloc(1, 1) : calloc(count, size);
}

void *
mem_resize(void *block, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    /* realloc() to nothing would free the block and give NULL, which means failure here. */
    return realloc(block, bytes == 0 ? 1 : bytes);
}

void
mem_free(void *block)
{
    free(block);
}

void
mem_give_back(void)
{
#ifdef __GLIBC__
    (void) malloc_trim(0); /* whether there was anything */
#endif
}

void
mem_freep(void *variable)
{
    void *block;

    /* The variable is a pointer to anything: memcpy, because void ** would alias its type. */
    memcpy(&block, variable, sizeof(block));
    free(block);
    memset(variable, 0, sizeof(block));
}

void *
mem_dup(const void *bytes, size_t n)
{
    void *copy = mem_calloc(n, 1);

    if (copy != NULL && n > 0)
        memcpy(copy, bytes, n);
    return copy;
}

char *
str_dup_n(const char *text, size_t n)
{
    if (text == NULL || n == SIZE_MAX)
        return NULL;

    char *copy = mem_calloc(n + 1, 1);

    if (copy != NULL && n > 0)
        memcpy(copy, text, n);
    return copy;
}

char *
str_dup(const char *text)
{
    return text == NULL ? NULL : str_dup_n(text, strlen(text));
}

char *
str_printf(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL; /* its value is undefined after a failure */
    va_end(arguments);
    return text;
}
