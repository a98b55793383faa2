/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP dates (RFC 9110 §5.6.7). Pure; independent of the locale and the time zone. */
#ifndef BASE_HTTPDATE_H
#define BASE_HTTPDATE_H

#include "attrs.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTPDATE_SIZE 32

/* All three forms that recipients must accept; a two-digit year is taken as RFC 9110 says, relative
 * to now_s. Seconds since the epoch. */
MUST_USE bool httpdate_parse(const char *text, int64_t now_s, int64_t *ret_s);
/* "Sun, 06 Nov 1994 08:49:37 GMT". Returns ret. Years beyond 9999 and before 1 are clamped. */
const char *httpdate_format(int64_t s, char ret[HTTPDATE_SIZE]);

#endif
