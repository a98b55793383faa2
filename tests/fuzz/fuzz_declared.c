/* SPDX-License-Identifier: Apache-2.0 */
/* declared.c: a line for each header, in the order of struct declared_headers; an empty one is
 * absent. */
#include "declared.h"

#include "fuzz.h"
#include "fuzz_lines.h"

static const char *
header(const struct fuzz_lines *lines, size_t index)
{
    const char *text = fuzz_line(lines, index);

    return *text ? text : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    const struct declared_headers headers = {
        .repr_digest = header(&lines, 0),
        .content_digest = header(&lines, 1),
        .x_linked_etag = header(&lines, 2),
        .etag = header(&lines, 3),
        .x_goog_hash = header(&lines, 4),
    };
    struct declared declared;

    declared_read(&headers, &declared);
    fuzz_check(declared.is_known == (declared.source != NULL));
    fuzz_check(!declared.is_known || declared.kind == HASH_SHA256 || declared.kind == HASH_MD5);
    fuzz_lines_done(&lines);
    return 0;
}
