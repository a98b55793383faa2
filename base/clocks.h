/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks, each under a name that says which. */
#ifndef BASE_CLOCKS_H
#define BASE_CLOCKS_H

#include <stdint.h>

uint64_t clock_mono_ms(void);   /* monotonic; for deadlines */
uint64_t clock_coarse_ms(void); /* monotonic, coarse and cheap; for "last used" and Age */
int64_t clock_wall_s(void);     /* seconds since the epoch */

#endif
