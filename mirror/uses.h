/* SPDX-License-Identifier: Apache-2.0 */
/* When models were last used, across restarts. */
#ifndef MIRROR_USES_H
#define MIRROR_USES_H

#include "host_internal.h"
#include "map.h"

/* Write the times down, where they have changed. Returns whether they had. Blocks on the disk. */
bool uses_write(struct mh_host *host);
/* Once a second, on the fetch thread: have it done when it is time. */
void uses_tick(struct mh_host *host);

/* What was written: a map of times, map_free(); NULL without memory. Blocks on the disk. */
struct map *uses_read(const struct store *store);
/* Seconds since the epoch; 0: nothing was written of it. uses may be NULL. */
int64_t uses_of(const struct map *uses, const char *key);

#endif
