/* SPDX-License-Identifier: Apache-2.0 */
/* conditional.c: lines are our ETag, If-Match, If-Unmodified-Since, If-None-Match,
 * If-Modified-Since, If-Range; an empty one is absent. While an object arrives there is no 304, and
 * only a GET may have a range. */
#include "conditional.h"

#include "fuzz.h"
#include "fuzz_lines.h"

#define MODIFIED 784111777

static const char *
field(const struct fuzz_lines *lines, size_t index)
{
    const char *line = fuzz_line(lines, index);

    return line[0] != '\0' ? line : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    struct conditional_fields fields = {
        .if_match = field(&lines, 1),
        .if_unmodified_since = field(&lines, 2),
        .if_none_match = field(&lines, 3),
        .if_modified_since = field(&lines, 4),
        .if_range = field(&lines, 5),
    };
    struct conditional_object object = {.etag = fuzz_line(&lines, 0), .modified_at = MODIFIED};

    for (unsigned i = 0; i < 6; i++) {
        bool may_range;
        enum conditional_verdict verdict;

        fields.method = (enum conditional_method)(i % 3);
        object.is_arriving = i >= 3;
        verdict = conditional_judge(&fields, &object, MODIFIED + 10, &may_range);
        if (verdict == CONDITIONAL_NOT_MODIFIED)
            fuzz_check(!object.is_arriving && fields.method != CONDITIONAL_OTHER);
        if (may_range)
            fuzz_check(fields.method == CONDITIONAL_GET &&
                       (fields.if_range == NULL || !object.is_arriving));
    }
    fuzz_lines_done(&lines);
    return 0;
}
