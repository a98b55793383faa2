/* SPDX-License-Identifier: Apache-2.0 */
/* range.c: two lines, a length and a Range field. Whatever the field, the spans lie within the
 * length, apart from each other, and a multipart answer's announced length is what is written. */
#include "range.h"

#include "fuzz.h"
#include "fuzz_lines.h"
#include "units.h"

static void
check_spans(const struct range_set *set, uint64_t length)
{
    fuzz_check(set->count >= 1 && set->count <= RANGE_MAX_SPANS);
    for (size_t i = 0; i < set->count; i++) {
        const struct range_span *a = &set->spans[i];

        fuzz_check(a->bytes > 0 && a->first < length && a->bytes <= length - a->first);
        for (size_t j = 0; j < i; j++) {
            const struct range_span *b = &set->spans[j];

            fuzz_check(a->first + a->bytes < b->first || b->first + b->bytes < a->first);
        }
    }
}

static void
check_parts(const struct range_set *set, uint64_t length)
{
    const struct range_parts parts = {"b0undary", "application/octet-stream", length};
    struct buf out = BUF_INIT(65536);
    uint64_t announced, written;

    for (size_t i = 0; i < set->count; i++)
        range_part_head(&parts, set, i, &out);
    range_parts_end(&parts, &out);
    fuzz_check(buf_is_ok(&out));
    written = out.length;
    if (range_parts_bytes(&parts, set, &announced)) {
        for (size_t i = 0; i < set->count; i++)
            written += set->spans[i].bytes;
        fuzz_check(announced == written);
    }
    buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    struct range_set set;
    uint64_t length;

    if (!uint_parse(fuzz_line(&lines, 0), UINT64_MAX, &length))
        length = 100;
    if (range_parse(fuzz_line(&lines, 1), length, &set) == RANGE_PARTIAL) {
        check_spans(&set, length);
        check_parts(&set, length);
    }
    fuzz_lines_done(&lines);
    return 0;
}
