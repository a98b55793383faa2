/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, sizes and times as people write them. Pure. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, nothing around them, at most max. */
MUST_USE bool uint_parse(const char *text, uint64_t max, uint64_t *ret);
/* The same with a '-' in front if it is negative; the magnitude is at most INT64_MAX. NULL is
 * refused. */
MUST_USE bool int_parse(const char *text, int64_t *ret);
MUST_USE bool uint_parse_n(const char *text, size_t n, uint64_t max, uint64_t *ret);
/* "0", "512", "8KiB", "20GiB", also "B", "K", "KB", "M", "G", "T" ... in either case (all powers of
 * 1024), with blanks between. In bytes. */
MUST_USE bool size_parse(const char *text, uint64_t *ret_bytes);
/* "10s", "1d", "500ms", "5m", "2h"; a bare number is refused, except "0". Blanks may
 * stand between. In milliseconds. */
MUST_USE bool duration_parse(const char *text, uint64_t *ret_ms);

#define UNIT_TEXT_SIZE 32
/* "512 B", "4.0 MiB", "95.7 MiB", "312 MiB": rounded, binary units. Returns ret. */
const char *size_format(uint64_t bytes, char ret[UNIT_TEXT_SIZE]);
/* The shortest exact form that duration_parse()/size_parse() read back: "90s", "5m", "20GiB". */
const char *duration_exact(uint64_t ms, char ret[UNIT_TEXT_SIZE]);
const char *size_exact(uint64_t bytes, char ret[UNIT_TEXT_SIZE]);
/* Roughly, for people: "12 s", "3 min 20 s". */
const char *duration_format(uint64_t ms, char ret[UNIT_TEXT_SIZE]);

#endif
