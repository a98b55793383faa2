/* SPDX-License-Identifier: Apache-2.0 */
/* Range requests (RFC 9110 §14).
 *
 * The field comes from anybody, so nothing here trusts it: positions saturate instead of wrapping,
 * the number of ranges has a ceiling that is counted before anything is merged, and what is left
 * lies within the length and never twice over the same byte. Hence no Range makes an answer's body
 * larger than the file, but for the heads of at most RANGE_MAX_SPANS parts.
 *
 * Refused: guessing. A field with one broken range in it is ignored as a whole, as §14.2 allows:
 * the whole file is never wrong. Ranges are merged when they overlap or touch, not across gaps: a
 * client that asked for two separate ranges gets two.
 *
 * Pure: any thread, no state, no allocation but into the caller's buffers. */
#include "range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char unit[] = "bytes";

/* What one range-spec says, before it is held against the length. */
struct range_spec {
    bool has_first;
    bool has_last;
    uint64_t first;
    uint64_t last; /* or the length of a suffix */
};

static void
skip_blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

/* Digits at *at, saturating: a position beyond 2^64 is beyond every file. false: there are none. */
static bool
read_number(const char **at, uint64_t *ret)
{
    uint64_t value = 0;
    const char *p = *at;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        const uint64_t digit = (uint64_t) (*p - '0');

        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *at = p;
    *ret = value;
    return true;
}

/* int-range or suffix-range (§14.1.1). false: neither, or it ends before it begins. */
static bool
read_spec(const char **at, struct range_spec *ret)
{
    struct range_spec spec = {0};

    spec.has_first = read_number(at, &spec.first);
    if (**at != '-')
        return false;
    (*at)++;
    spec.has_last = read_number(at, &spec.last);
    if (!spec.has_first && !spec.has_last)
        return false;
    if (spec.has_first && spec.has_last && spec.last < spec.first)
        return false;
    *ret = spec;
    return true;
}

/* Hold a spec against the length, which is not 0. false: none of its bytes exist. */
static bool
settle_spec(const struct range_spec *spec, uint64_t length, struct range_span *ret)
{
    if (!spec->has_first) {
        const uint64_t suffix = spec->last < length ? spec->last : length;

        *ret = (struct range_span){.first = length - suffix, .bytes = suffix};
        return suffix > 0;
    }
    if (spec->first >= length)
        return false;

    const uint64_t last = spec->has_last && spec->last < length ? spec->last : length - 1;

    *ret = (struct range_span){.first = spec->first, .bytes = last - spec->first + 1};
    return true;
}

static uint64_t
span_end(const struct range_span *span)
{
    return span->first + span->bytes;
}

static bool
spans_touch(const struct range_span *a, const struct range_span *b)
{
    return a->first <= span_end(b) && b->first <= span_end(a);
}

static struct range_span
spans_union(const struct range_span *a, const struct range_span *b)
{
    const uint64_t first = a->first < b->first ? a->first : b->first;
    const uint64_t end = span_end(a) > span_end(b) ? span_end(a) : span_end(b);

    return (struct range_span){.first = first, .bytes = end - first};
}

static void
remove_span(struct range_set *set, size_t index)
{
    set->count--;
    memmove(&set->spans[index], &set->spans[index + 1],
            (set->count - index) * sizeof(set->spans[0]));
}

/* Add a span. Those that it touches become one with it, at the place of the earliest. One round is
 * enough: what the span grows by lies within spans that touched no other before. */
static void
add_span(struct range_set *set, struct range_span span)
{
    size_t place = set->count;

    for (size_t i = set->count; i-- > 0;) {
        if (!spans_touch(&set->spans[i], &span))
            continue;
        span = spans_union(&set->spans[i], &span);
        remove_span(set, i);
        place = i;
    }
    /* Where nothing was touched, that is the end. */
    memmove(&set->spans[place + 1], &set->spans[place],
            (set->count - place) * sizeof(set->spans[0]));
    set->spans[place] = span;
    set->count++;
}

/* Past "bytes=", or NULL where the unit is another one or the field is none. */
static const char *
after_unit(const char *field)
{
    skip_blanks(&field);
    if (strncasecmp(field, unit, sizeof(unit) - 1) != 0)
        return NULL;
    field += sizeof(unit) - 1;
    return *field == '=' ? field + 1 : NULL;
}

enum range_verdict
range_parse(const char *field, uint64_t length, struct range_set *ret)
{
    struct range_set set = {0};
    struct range_spec spec;
    struct range_span span;
    size_t specs = 0;
    const char *at = field != NULL ? after_unit(field) : NULL;

    if (at == NULL || length == 0)
        return RANGE_WHOLE;
    for (;;) {
        at += strspn(at, " \t,"); /* §5.6.1.2: empty elements are passed over */
        if (*at == '\0')
            break;
        if (++specs > RANGE_MAX_SPANS || !read_spec(&at, &spec))
            return RANGE_WHOLE;
        skip_blanks(&at);
        if (*at != '\0' && *at != ',')
            return RANGE_WHOLE;
        if (settle_spec(&spec, length, &span))
            add_span(&set, span);
    }
    if (specs == 0)
        return RANGE_WHOLE;
    if (set.count == 0)
        return RANGE_UNSATISFIABLE;
    *ret = set;
    return RANGE_PARTIAL;
}

/* The format is bounded: three numbers of 20 digits and the words fit RANGE_TEXT_SIZE. */
const char *
range_content_range(const struct range_span *span, uint64_t length, char ret[RANGE_TEXT_SIZE])
{
    (void) snprintf(ret, RANGE_TEXT_SIZE, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, span->first,
                    span_end(span) - 1, length);
    return ret;
}

const char *
range_unsatisfied(uint64_t length, char ret[RANGE_TEXT_SIZE])
{
    (void) snprintf(ret, RANGE_TEXT_SIZE, "bytes */%" PRIu64, length);
    return ret;
}

/* The pieces of a part's head, once, so that writing and counting cannot disagree. */
#define PART_TEXTS 8

static void
part_texts(const struct range_parts *parts, const char *content_range, size_t index,
           const char *ret[PART_TEXTS])
{
    const char *const texts[PART_TEXTS] = {
        index > 0 ? "\r\n--" : "--", /* the first delimiter needs no line before it */
        parts->boundary,
        "\r\nContent-Type: ",
        parts->content_type,
        "\r\nContent-Range: ",
        content_range,
        "\r\n",
        "\r\n",
    };

    memcpy(ret, texts, sizeof(texts));
}

void
range_part_head(const struct range_parts *parts, const struct range_set *set, size_t index,
                struct buf *out)
{
    char content_range[RANGE_TEXT_SIZE];
    const char *texts[PART_TEXTS];

    range_content_range(&set->spans[index], parts->length, content_range);
    part_texts(parts, content_range, index, texts);
    for (size_t i = 0; i < PART_TEXTS; i++)
        buf_add_str(out, texts[i]);
}

void
range_parts_end(const struct range_parts *parts, struct buf *out)
{
    buf_add_str(out, "\r\n--");
    buf_add_str(out, parts->boundary);
    buf_add_str(out, "--\r\n");
}

static uint64_t
part_head_bytes(const struct range_parts *parts, const struct range_set *set, size_t index)
{
    char content_range[RANGE_TEXT_SIZE];
    const char *texts[PART_TEXTS];
    uint64_t bytes = 0;

    range_content_range(&set->spans[index], parts->length, content_range);
    part_texts(parts, content_range, index, texts);
    for (size_t i = 0; i < PART_TEXTS; i++)
        bytes += strlen(texts[i]);
    return bytes;
}

bool
range_parts_bytes(const struct range_parts *parts, const struct range_set *set, uint64_t *ret_bytes)
{
    uint64_t total = strlen("\r\n--") + strlen(parts->boundary) + strlen("--\r\n");

    for (size_t i = 0; i < set->count; i++) {
        if (__builtin_add_overflow(total, part_head_bytes(parts, set, i), &total) ||
            __builtin_add_overflow(total, set->spans[i].bytes, &total))
            return false;
    }
    *ret_bytes = total;
    return true;
}

void
range_parts_type(const struct range_parts *parts, struct buf *out)
{
    buf_add_str(out, "multipart/byteranges; boundary=");
    buf_add_str(out, parts->boundary);
}
