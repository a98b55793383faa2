/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes under short names, and scope-exit release of locals. */
#ifndef BASE_ATTRS_H
#define BASE_ATTRS_H

#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define UNUSED            __attribute__((unused))

/* Release a local when it leaves its scope: `scoped(fd_closep) int fd = -1;`. The function takes a
 * pointer to the variable and accepts the empty value. */
#define scoped(release) __attribute__((cleanup(release)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
