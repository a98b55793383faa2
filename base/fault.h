/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a struct mh_fault. Every function accepts a NULL fault. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "attrs.h"

#include <modelhost/code.h>

/* Set the sentence and return `code`, so that refusing is one expression. Clears expected, found
 * and upstream. errno is kept. A sentence that is too long is cut at a character's border. */
enum mh_code fail(struct mh_fault *fault, enum mh_code code, int foreign, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* fail() for a failed system call: the code follows from `error` (ENOSPC and EDQUOT: NO_SPACE,
 * ENOENT: NOT_FOUND, EACCES, EPERM and EROFS: DENIED, ENOMEM: NOMEM, else IO), and strerror's words
 * are appended after ": ". */
enum mh_code fail_errno(struct mh_fault *fault, int error, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Put context in front of the sentence: "context: sentence". */
void fault_prepend(struct mh_fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

/* Say what a check wanted and what came. */
void fault_expected(struct mh_fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);
void fault_found(struct mh_fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
