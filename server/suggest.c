/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did you mean: the nearest of some words, by edit distance (optimal string alignment: a swap of
 * neighbours counts once, since it is the commonest slip).
 *
 * It suggests only what is plausible: up to a third of the letters may differ, so that a wild word
 * gets no advice rather than a silly one. A function of its inputs; any thread; no allocation:
 * words over SUGGEST_MAX_BYTES are refused by being far from everything.
 */
#include "suggest.h"

#include <string.h>
#include <strings.h>

static char
lower(char c)
{
    return (char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
suggest_distance(const char *a, const char *b)
{
    size_t rows[3][SUGGEST_MAX_BYTES + 1];
    size_t a_n = strlen(a), b_n = strlen(b);

    if (a_n > SUGGEST_MAX_BYTES || b_n > SUGGEST_MAX_BYTES)
        return SUGGEST_MAX_BYTES + 1;
    for (size_t j = 0; j <= b_n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_n; i++) {
        size_t *now = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            size_t differs = lower(a[i - 1]) != lower(b[j - 1]);

            now[j] = smaller(smaller(above[j] + 1, now[j - 1] + 1), above[j - 1] + differs);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                now[j] = smaller(now[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_n % 3][b_n];
}

void
suggest_consider(struct suggestion *suggestion, const char *candidate)
{
    size_t distance, allowed;

    if (candidate == NULL)
        return;
    distance = suggest_distance(suggestion->word, candidate);
    allowed = smaller(3, (strlen(candidate) + 1) / 3);
    if (allowed == 0)
        allowed = 1;
    if (distance > allowed || distance >= strlen(candidate))
        return;
    if (suggestion->best == NULL || distance < suggestion->distance) {
        suggestion->best = candidate;
        suggestion->distance = distance;
    }
}
