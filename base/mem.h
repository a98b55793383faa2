/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to the heap. Everything returns NULL when memory runs out, and is freed by
 * mem_free(); blocks are zeroed. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "attrs.h"

#include <stddef.h>

/* `count` elements of `size` bytes, zeroed. NULL also when the product overflows. */
void *mem_calloc(size_t count, size_t size);
/* Grow or shrink to `count` elements; what was added is not zeroed. On NULL the block is unchanged.
 */
void *mem_resize(void *block, size_t count, size_t size);
void mem_free(void *block);
void *mem_dup(const void *bytes, size_t n);
/* Let the system have back what was freed and is kept for later. After large work; any thread. */
void mem_give_back(void);
char *str_dup(const char *text); /* NULL gives NULL */
char *str_dup_n(const char *text, size_t n);
char *str_printf(const char *format, ...) PRINTF_LIKE(1, 2);

#define mem_new(type) ((type *) mem_calloc(1, sizeof(type)))

/* For scoped(): frees what the variable points to. */
void mem_freep(void *variable);

/* Hand a pointer over: returns it and nulls the variable. */
#define ptr_take(variable)                                                                         \
    __extension__({                                                                                \
        __typeof__(*(variable)) taken_ = *(variable);                                              \
        *(variable) = NULL;                                                                        \
        taken_;                                                                                    \
    })

#endif
