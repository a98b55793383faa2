/* SPDX-License-Identifier: Apache-2.0 */
/* range.c: what a Range field means for a length, and that a multipart answer has exactly the
 * length that was announced for it. Beside the tables, random fields are held against a bitmap: the
 * union of the spans is what the ranges name, no byte twice. */
#include "range.h"

#include "unit.h"

#include <inttypes.h>

struct row {
    const char *field;
    uint64_t length;
    enum range_verdict verdict;
    const char *spans; /* "first+bytes first+bytes" */
};

#define TOP UINT64_MAX

static const struct row rows[] = {
    /* nothing to honour */
    {NULL, 100, RANGE_WHOLE, ""},
    {"", 100, RANGE_WHOLE, ""},
    {"items=0-9", 100, RANGE_WHOLE, ""},
    {"bytesx=0-9", 100, RANGE_WHOLE, ""},
    {"bytes", 100, RANGE_WHOLE, ""},
    {"bytes=", 100, RANGE_WHOLE, ""},
    {"bytes= , ,", 100, RANGE_WHOLE, ""},
    {"bytes 0-9", 100, RANGE_WHOLE, ""},
    /* malformed: the field is ignored as a whole */
    {"bytes=-", 100, RANGE_WHOLE, ""},
    {"bytes=5", 100, RANGE_WHOLE, ""},
    {"bytes=9-5", 100, RANGE_WHOLE, ""},
    {"bytes=0-9,9-5", 100, RANGE_WHOLE, ""},
    {"bytes=0-9,x", 100, RANGE_WHOLE, ""},
    {"bytes=0-9 10-19", 100, RANGE_WHOLE, ""},
    {"bytes=0--9", 100, RANGE_WHOLE, ""},
    {"bytes=--9", 100, RANGE_WHOLE, ""},
    {"bytes=+0-9", 100, RANGE_WHOLE, ""},
    {"bytes=0x0-9", 100, RANGE_WHOLE, ""},
    {"bytes=0 - 9", 100, RANGE_WHOLE, ""},
    /* one */
    {"bytes=0-9", 100, RANGE_PARTIAL, "0+10"},
    {"BYTES=0-9", 100, RANGE_PARTIAL, "0+10"},
    {" bytes= 0-9 ", 100, RANGE_PARTIAL, "0+10"},
    {"bytes=0-0", 100, RANGE_PARTIAL, "0+1"},
    {"bytes=99-99", 100, RANGE_PARTIAL, "99+1"},
    {"bytes=90-", 100, RANGE_PARTIAL, "90+10"},
    {"bytes=0-", 100, RANGE_PARTIAL, "0+100"},
    {"bytes=90-200", 100, RANGE_PARTIAL, "90+10"},
    {"bytes=-1", 100, RANGE_PARTIAL, "99+1"},
    {"bytes=-100", 100, RANGE_PARTIAL, "0+100"},
    {"bytes=-200", 100, RANGE_PARTIAL, "0+100"},
    {"bytes=007-009", 100, RANGE_PARTIAL, "7+3"},
    /* none that exists */
    {"bytes=100-", 100, RANGE_UNSATISFIABLE, ""},
    {"bytes=100-200", 100, RANGE_UNSATISFIABLE, ""},
    {"bytes=-0", 100, RANGE_UNSATISFIABLE, ""},
    {"bytes=100-,-0", 100, RANGE_UNSATISFIABLE, ""},
    /* a file of 0 bytes */
    {"bytes=0-", 0, RANGE_WHOLE, ""},
    {"bytes=-5", 0, RANGE_WHOLE, ""},
    {"bytes=0-0", 0, RANGE_WHOLE, ""},
    /* several */
    {"bytes=0-9,20-29", 100, RANGE_PARTIAL, "0+10 20+10"},
    {"bytes=,0-9 ,\t20-29,", 100, RANGE_PARTIAL, "0+10 20+10"},
    {"bytes=20-29,0-9", 100, RANGE_PARTIAL, "20+10 0+10"},
    {"bytes=0-9,200-", 100, RANGE_PARTIAL, "0+10"},
    {"bytes=0-9,5-14", 100, RANGE_PARTIAL, "0+15"},
    {"bytes=0-9,10-19", 100, RANGE_PARTIAL, "0+20"},
    {"bytes=0-9,11-19", 100, RANGE_PARTIAL, "0+10 11+9"},
    {"bytes=50-59,0-9,55-64", 100, RANGE_PARTIAL, "50+15 0+10"},
    {"bytes=0-9,80-89,20-29,5-25", 100, RANGE_PARTIAL, "0+30 80+10"},
    {"bytes=0-0,2-2,4-4,1-1", 100, RANGE_PARTIAL, "0+3 4+1"},
    {"bytes=0-9,40-49,20-29,10-19,30-39", 100, RANGE_PARTIAL, "0+50"},
    {"bytes=0-,0-,0-,0-", 100, RANGE_PARTIAL, "0+100"},
    {"bytes=-10,0-9", 100, RANGE_PARTIAL, "90+10 0+10"},
    /* no number is too large */
    {"bytes=18446744073709551615-", 100, RANGE_UNSATISFIABLE, ""},
    {"bytes=99999999999999999999999-", 100, RANGE_UNSATISFIABLE, ""},
    {"bytes=0-99999999999999999999999", 100, RANGE_PARTIAL, "0+100"},
    {"bytes=-99999999999999999999999", 100, RANGE_PARTIAL, "0+100"},
    {"bytes=18446744073709551616-18446744073709551617", 100, RANGE_UNSATISFIABLE, ""},
    {"bytes=0-", TOP, RANGE_PARTIAL, "0+18446744073709551615"},
    {"bytes=18446744073709551614-", TOP, RANGE_PARTIAL, "18446744073709551614+1"},
    {"bytes=18446744073709551614-18446744073709551615", TOP, RANGE_PARTIAL,
     "18446744073709551614+1"},
    {"bytes=18446744073709551615-", TOP, RANGE_UNSATISFIABLE, ""},
    {"bytes=5000000000-5000000001", 8000000000, RANGE_PARTIAL, "5000000000+2"},
};

static void
write_spans(const struct range_set *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++)
        buf_printf(out, "%s%" PRIu64 "+%" PRIu64, i > 0 ? " " : "", set->spans[i].first,
                   set->spans[i].bytes);
}

static void
test_table(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct range_set set = {0};
        struct buf text = BUF_INIT(4096);
        enum range_verdict verdict = range_parse(rows[i].field, rows[i].length, &set);

        write_spans(&set, &text);
        if (verdict != rows[i].verdict || strcmp(buf_text(&text), rows[i].spans) != 0)
            fail_msg("'%s' of %" PRIu64 ": verdict %d, spans '%s'", rows[i].field, rows[i].length,
                     (int) verdict, buf_text(&text));
        buf_done(&text);
    }
}

static void
test_ceiling(void **state)
{
    struct buf field = BUF_INIT(65536);
    struct range_set set;

    buf_add_str(&field, "bytes=");
    for (unsigned i = 0; i < RANGE_MAX_SPANS; i++)
        buf_printf(&field, "%u-%u,", 10 * i, 10 * i + 4);
    assert_int_equal(range_parse(buf_text(&field), 10000, &set), RANGE_PARTIAL);
    assert_int_equal(set.count, RANGE_MAX_SPANS);

    /* One more is too many, also where merging would make them few. */
    buf_add_str(&field, "0-1");
    assert_int_equal(range_parse(buf_text(&field), 10000, &set), RANGE_WHOLE);
    buf_done(&field);
}

static void
test_content_range(void **state)
{
    char text[RANGE_TEXT_SIZE];
    const struct range_span span = {.first = 0, .bytes = 10};
    const struct range_span last = {.first = UINT64_MAX - 2, .bytes = 1};

    assert_string_equal(range_content_range(&span, 100, text), "bytes 0-9/100");
    assert_string_equal(range_content_range(&last, UINT64_MAX, text),
                        "bytes 18446744073709551613-18446744073709551613/18446744073709551615");
    assert_string_equal(range_unsatisfied(0, text), "bytes */0");
    assert_string_equal(range_unsatisfied(100, text), "bytes */100");
}

static void
test_multipart_text(void **state)
{
    const struct range_parts parts = {"abc", "application/json", 10};
    struct range_set set;
    struct buf out = BUF_INIT(4096);
    uint64_t bytes;

    assert_int_equal(range_parse("bytes=0-1,8-", 10, &set), RANGE_PARTIAL);
    range_part_head(&parts, &set, 0, &out);
    buf_add_str(&out, "01");
    range_part_head(&parts, &set, 1, &out);
    buf_add_str(&out, "89");
    range_parts_end(&parts, &out);
    assert_string_equal(buf_text(&out), "--abc\r\nContent-Type: application/json\r\n"
                                        "Content-Range: bytes 0-1/10\r\n\r\n01"
                                        "\r\n--abc\r\nContent-Type: application/json\r\n"
                                        "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--abc--\r\n");
    assert_true(range_parts_bytes(&parts, &set, &bytes));
    assert_int_equal(bytes, out.length);

    buf_clear(&out);
    range_parts_type(&parts, &out);
    assert_string_equal(buf_text(&out), "multipart/byteranges; boundary=abc");
    buf_done(&out);
}

static void
test_multipart_overflow(void **state)
{
    const struct range_parts parts = {"abc", "application/json", UINT64_MAX};
    struct range_set set;
    uint64_t bytes = 7;

    assert_int_equal(
        range_parse("bytes=0-18446744073709551600,18446744073709551605-", UINT64_MAX, &set),
        RANGE_PARTIAL);
    assert_int_equal(set.count, 2);
    assert_false(range_parts_bytes(&parts, &set, &bytes));
    assert_int_equal(bytes, 7);
}

/* --- random fields --- */

#define LENGTH 97

static uint64_t seed;

static unsigned
random_below(unsigned n)
{
    return (unsigned) (test_random(&seed) % n);
}

/* Append one range and mark in `wanted` what it names. */
static void
add_random(struct buf *field, bool wanted[LENGTH])
{
    unsigned first = random_below(LENGTH + 10), bytes = 1 + random_below(20);

    if (random_below(4) == 0) {
        buf_printf(field, "-%u,", bytes);
        first = LENGTH - bytes;
    } else {
        buf_printf(field, "%u-%u,", first, first + bytes - 1);
    }
    for (unsigned i = first; i < first + bytes && i < LENGTH; i++)
        wanted[i] = true;
}

static void
check_random(void)
{
    struct buf field = BUF_INIT(4096), out = BUF_INIT(65536);
    bool wanted[LENGTH] = {false}, found[LENGTH] = {false};
    const struct range_parts parts = {"b0undary", "image/png", LENGTH};
    struct range_set set = {0};
    uint64_t bytes, announced;

    buf_add_str(&field, "bytes=");
    for (unsigned n = 1 + random_below(12); n > 0; n--)
        add_random(&field, wanted);
    (void) range_parse(buf_text(&field), LENGTH, &set); /* no spans, no bytes: checked below */

    for (size_t i = 0; i < set.count; i++) {
        bytes = set.spans[i].bytes;
        assert_true(bytes > 0);
        range_part_head(&parts, &set, i, &out);
        for (uint64_t at = set.spans[i].first; bytes > 0; at++, bytes--) {
            assert_true(at < LENGTH && !found[at]);
            found[at] = true;
            buf_add_char(&out, 'x');
        }
    }
    assert_memory_equal(wanted, found, sizeof(wanted));

    range_parts_end(&parts, &out);
    assert_true(range_parts_bytes(&parts, &set, &announced));
    assert_int_equal(announced, out.length);
    buf_done(&field);
    buf_done(&out);
}

static void
test_against_bitmap(void **state)
{
    seed = test_seed();
    for (int i = 0; i < 20000; i++)
        check_random();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_content_range),
        cmocka_unit_test(test_multipart_text),
        cmocka_unit_test(test_multipart_overflow),
        cmocka_unit_test(test_against_bitmap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
