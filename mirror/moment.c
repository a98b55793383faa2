/* SPDX-License-Identifier: Apache-2.0 */
/* Stretches of time in which files were there (moment.h). The generation that Google's buckets
 * number their objects by is the time of the change in microseconds; elsewhere Last-Modified says
 * it. A pure function of the metadata; any thread. */
#include "moment.h"

#include "httpdate.h"
#include "units.h"

#define US_PER_S 1000000u
/* 2001 in microseconds: what is smaller counts something else. */
#define LEAST_GENERATION 1000000000000000u

struct moment
moment_of(const struct meta *meta)
{
    struct moment moment = {.since = INT64_MIN, .until = INT64_MAX};
    uint64_t generation = 0;
    int64_t modified = 0;

    if (meta->vouched_at > 0)
        moment.until = meta->vouched_at;
    if (meta->generation && uint_parse(meta->generation, INT64_MAX, &generation) &&
        generation >= LEAST_GENERATION)
        moment.since = (int64_t) (generation / US_PER_S);
    else if (meta->last_modified &&
             httpdate_parse(meta->last_modified, meta->validated_at, &modified))
        moment.since = modified;
    /* A file of the future: its servers' clocks differ, or somebody chose the time. */
    if (moment.since > moment.until)
        moment.since = INT64_MIN;
    return moment;
}

/* Did all the others begin before the end of `first`? */
static bool
all_begin_before_end_of(const struct moment *moments, size_t n, size_t first)
{
    for (size_t i = 0; i < n; i++)
        if (i != first && moments[i].since >= moments[first].until)
            return false;
    return true;
}

/* Did all the others end after the beginning of `last`? */
static bool
all_end_after_begin_of(const struct moment *moments, size_t n, size_t last)
{
    for (size_t i = 0; i < n; i++)
        if (i != last && moments[last].since >= moments[i].until)
            return false;
    return true;
}

bool
moments_meet(const struct moment *moments, size_t n)
{
    size_t first = 0, last = 0; /* to end, and to begin: a pair that does not meet involves one */

    for (size_t i = 1; i < n; i++) {
        first = moments[i].until < moments[first].until ? i : first;
        last = moments[i].since > moments[last].since ? i : last;
    }
    return n < 2 ||
           (all_begin_before_end_of(moments, n, first) && all_end_after_begin_of(moments, n, last));
}
