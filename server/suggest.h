/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of some words. Pure. */
#ifndef SERVER_SUGGEST_H
#define SERVER_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX_BYTES 64 /* longer words have no neighbours */

/* How many letters must be inserted, dropped, replaced or swapped with their neighbour to make one
 * word of the other, whatever the case. SUGGEST_MAX_BYTES + 1 where a word is longer than that. */
size_t suggest_distance(const char *a, const char *b);

/* Collects the best of the candidates that it is shown. */
struct suggestion {
    const char *word; /* what somebody wrote */
    const char *best; /* NULL: nothing is near enough */
    size_t distance;  /* of the best */
};

#define SUGGESTION_INIT(word_) ((struct suggestion){.word = (word_)})

/* Show a candidate; borrowed. NULL is passed over. The first of equals stays. */
void suggest_consider(struct suggestion *suggestion, const char *candidate);

#endif
