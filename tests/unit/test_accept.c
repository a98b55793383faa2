/* SPDX-License-Identifier: Apache-2.0 */
/* accept.c: Accept and Accept-Encoding, with and without q-values. */
#include "accept.h"

#include "unit.h"

static void
test_html(void **state)
{
    static const struct {
        const char *accept;
        bool wants;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/*", false},
        {"text/html", true},
        {"TEXT/HTML", true},
        {"text/htmlx", false},
        {"text/html;q=0", false},
        {"text/html;q=0.000", false},
        {"text/html;q=0.001", true},
        {"text/html; level=1", true},
        {"text/html ; Q=0.5", true},
        {"text/html;q=2", false},
        {"text/html;q=0.0001", false},
        {"text/html;q=x", false},
        {"text/html;q=", false},
        {"text/html;q=1.001", false},
        {"application/json, text/html", true},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true},
        {"a/b;x=\"text/html,text/html\"", false},
        {"a/b;x=\",\\\",\", text/html", true},
        {"a/b;x=\"text/html", false},
        {",,text/html", true},
        {";q=1", false},
        {"application/json;text/html", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (accept_wants_html(rows[i].accept) != rows[i].wants)
            fail_msg("'%s'", rows[i].accept);
    }
}

#define BR   ACCEPT_HAS(ACCEPT_BR)
#define ZSTD ACCEPT_HAS(ACCEPT_ZSTD)
#define GZIP ACCEPT_HAS(ACCEPT_GZIP)
#define ALL  (BR | ZSTD | GZIP)

static void
test_encoding(void **state)
{
    static const struct {
        const char *field;
        unsigned available;
        enum accept_encoding chosen;
    } rows[] = {
        {NULL, ALL, ACCEPT_IDENTITY},
        {"", ALL, ACCEPT_IDENTITY},
        {"gzip, deflate, br, zstd", ALL, ACCEPT_BR},
        {"gzip, deflate, br, zstd", ZSTD | GZIP, ACCEPT_ZSTD},
        {"gzip, deflate, br, zstd", GZIP, ACCEPT_GZIP},
        {"gzip, deflate, br, zstd", 0, ACCEPT_IDENTITY},
        {"gzip", ALL, ACCEPT_GZIP},
        {"GZip", ALL, ACCEPT_GZIP},
        {"x-gzip", ALL, ACCEPT_GZIP},
        {"gzipp", ALL, ACCEPT_IDENTITY},
        {"br;q=0.5, gzip;q=0.8", ALL, ACCEPT_GZIP},
        {"br;q=0.8, gzip;q=0.8", ALL, ACCEPT_BR},
        {"br;q=0, gzip;q=0.1", ALL, ACCEPT_GZIP},
        {"br;q=0", ALL, ACCEPT_IDENTITY},
        {"*", ALL, ACCEPT_BR},
        {"*;q=0.1, gzip;q=0.2", ALL, ACCEPT_GZIP},
        {"*;q=0.1, br;q=0", ALL, ACCEPT_ZSTD},
        {"identity, gzip;q=0.5", ALL, ACCEPT_IDENTITY},
        {"identity;q=0.5, gzip", ALL, ACCEPT_GZIP},
        {"identity;q=0.5, gzip;q=0.5", ALL, ACCEPT_GZIP},
        {"identity;q=0", ALL, ACCEPT_IDENTITY},
        {"identity;q=0, zstd;q=0.001", ALL, ACCEPT_ZSTD},
        {"*;q=0", ALL, ACCEPT_IDENTITY},
        {"*;q=0, br", ALL, ACCEPT_BR},
        {"br;q=1.5, gzip", ALL, ACCEPT_GZIP},
        {"br;q=, gzip", ALL, ACCEPT_GZIP},
        {"br;q=0.9999, gzip;q=0.1", ALL, ACCEPT_GZIP},
        {"br ; q=1.000 , gzip;q=0.9", ALL, ACCEPT_BR},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const enum accept_encoding chosen =
            accept_encoding_choose(rows[i].field, rows[i].available);

        if (chosen != rows[i].chosen)
            fail_msg("'%s' chose %d", rows[i].field, (int) chosen);
    }
}

static void
test_names(void **state)
{
    assert_string_equal(accept_encoding_name(ACCEPT_BR), "br");
    assert_string_equal(accept_encoding_name(ACCEPT_ZSTD), "zstd");
    assert_string_equal(accept_encoding_name(ACCEPT_GZIP), "gzip");
    assert_null(accept_encoding_name(ACCEPT_IDENTITY));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
