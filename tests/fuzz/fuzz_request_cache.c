/* SPDX-License-Identifier: Apache-2.0 */
/* request_cache.c: the first line as Cache-Control, the second as Pragma. Pragma counts only where
 * there is no Cache-Control, and one more directive only ever narrows what is wished. */
#include "request_cache.h"

#include "fuzz.h"
#include "fuzz_lines.h"

#include <stdio.h>
#include <string.h>

/* Unless the text ends within quotes, what is added is a directive of its own. */
static void
check_narrowing(const char *field, const struct mh_wish *wish)
{
    static const char more[] = ", max-age=7, only-if-cached";
    char longer[4096];
    const int n = snprintf(longer, sizeof(longer), "%s%s", field, more);

    if (strchr(field, '"') != NULL || n < 0 || (size_t) n >= sizeof(longer))
        return;
    const struct mh_wish narrower = request_cache_wish(longer, NULL);

    fuzz_check(narrower.only_if_cached);
    fuzz_check(narrower.max_age_s ==
               (wish->max_age_s >= 0 && wish->max_age_s < 7 ? wish->max_age_s : 7));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    const char *field = fuzz_line(&lines, 0);
    const char *pragma = fuzz_line(&lines, 1);
    const struct mh_wish alone = request_cache_wish(NULL, pragma);
    const struct mh_wish wish = request_cache_wish(field, pragma);

    fuzz_check(!alone.only_if_cached && (alone.max_age_s == -1 || alone.max_age_s == 0));
    fuzz_check(wish.max_age_s >= -1);
    if (field != NULL) {
        const struct mh_wish same = request_cache_wish(field, NULL);

        fuzz_check(same.only_if_cached == wish.only_if_cached && same.max_age_s == wish.max_age_s);
        check_narrowing(field, &wish);
    }
    fuzz_lines_done(&lines);
    return 0;
}
