/* SPDX-License-Identifier: Apache-2.0 */
/* When several files were what they are: was there a moment at which the upstream had all of them?
 *
 * A file is known to have been there from when it was last modified until when the upstream last
 * vouched for it. Files that were asked one after another, with a change in between, give stretches
 * that do not meet. Both ends are the upstream's own clock, to the second. Pure. */
#ifndef MIRROR_MOMENT_H
#define MIRROR_MOMENT_H

#include "meta.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct moment {
    int64_t since; /* seconds since the epoch; INT64_MIN: unknown */
    int64_t until; /* INT64_MAX: unknown */
};

struct moment moment_of(const struct meta *meta);
/* Can there have been such a moment? Within one second it cannot be told, and the answer is no. One
 * file is always of one moment, and unknown ends never are in the way. */
bool moments_meet(const struct moment *moments, size_t n);

#endif
