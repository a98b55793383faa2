/* SPDX-License-Identifier: Apache-2.0 */
/* url.c: what counts as an upstream's URL, how redirects resolve, and what may be shown of a URL.
 */
#include "url.h"

#include "mem.h"
#include "unit.h"

static const struct split_row {
    const char *url;
    const char *scheme; /* NULL: refused */
    const char *host;
    uint16_t port;
    bool has_userinfo;
} split_rows[] = {
    {"https://storage.googleapis.com/tfjs-models/", "https", "storage.googleapis.com", 443, false},
    {"HTTP://Example.COM", "http", "example.com", 80, false},
    {"http://127.0.0.1:9000/x", "http", "127.0.0.1", 9000, false},
    {"http://127.1/", "http", "127.0.0.1", 80, false},
    {"http://0x7f000001/", "http", "127.0.0.1", 80, false},
    {"http://[::1]:8080/", "http", "::1", 8080, false},
    {"http://[FE80::1]/", "http", "fe80::1", 80, false},
    {"https://u:p@h/", "https", "h", 443, true},
    {"https://u@h/", "https", "h", 443, true},
    {"https://h?x=1", "https", "h", 443, false},
    {"", NULL, NULL, 0, false},
    {"/relative", NULL, NULL, 0, false},
    {"example.com/x", NULL, NULL, 0, false},
    {"ftp://h/", NULL, NULL, 0, false},
    {"file:///etc/passwd", NULL, NULL, 0, false},
    {"http:/h/", NULL, NULL, 0, false},
    {"http:h", NULL, NULL, 0, false},
    {"http:///h/", NULL, NULL, 0, false},
    {"http://", NULL, NULL, 0, false},
    {"http://?x", NULL, NULL, 0, false},
    {"http://:80/", NULL, NULL, 0, false},
    {"http://h:0/", NULL, NULL, 0, false},
    {"http://h:65536/", NULL, NULL, 0, false},
    {"http://h:x/", NULL, NULL, 0, false},
    {"http://h /", NULL, NULL, 0, false},
    {"http://h\n/", NULL, NULL, 0, false},
    {"http://h\\@evil/", NULL, NULL, 0, false},
    {"http://[fe80::1%25eth0]/", NULL, NULL, 0, false},
    {"http://[::1/", NULL, NULL, 0, false},
};

static void
test_split(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(split_rows); i++) {
        const struct split_row *row = &split_rows[i];
        struct url_parts parts = {.port = 1};
        struct mh_fault fault = {0};
        enum mh_code code = url_split(row->url, &parts, &fault);

        CHECK(row->url, code == (row->scheme ? MH_OK : MH_BAD_INPUT));
        CHECK(row->url, (code == MH_OK) == (fault.sentence[0] == '\0'));
        if (code != MH_OK) {
            CHECK(row->url, parts.port == 1);
            continue;
        }
        CHECK_TEXT(row->url, parts.scheme, row->scheme);
        CHECK_TEXT(row->url, parts.host, row->host);
        CHECK(row->url, parts.port == row->port);
        CHECK(row->url, parts.has_userinfo == row->has_userinfo);
    }
}

static void
test_split_ceiling(void **state)
{
    char url[8194] = "http://h/";
    struct url_parts parts;

    (void) state;
    memset(url + 9, 'a', sizeof(url) - 9);
    url[8193] = '\0';
    assert_int_equal(url_split(url, &parts, NULL), MH_BAD_INPUT);
    url[8192] = '\0';
    assert_int_equal(url_split(url, &parts, NULL), MH_OK);
}

static void
test_base(void **state)
{
    static const struct {
        const char *url;
        const char *normal; /* NULL: refused */
    } rows[] = {
        {"https://h/a/", "https://h/a/"},
        {"https://h/a", "https://h/a/"},
        {"https://h", "https://h/"},
        {"https://h:443/a", "https://h/a/"},
        {"http://h:8080", "http://h:8080/"},
        {"http://[::1]:9000/x", "http://[::1]:9000/x/"},
        {"https://h/a?x=1", NULL},
        {"https://h/a?", NULL},
        {"https://h/a#f", NULL},
        {"h/a", NULL},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf normal = BUF_INIT(1000);
        enum mh_code code = url_check_base(rows[i].url, &normal, NULL);

        CHECK(rows[i].url, code == (rows[i].normal ? MH_OK : MH_BAD_INPUT));
        CHECK_TEXT(rows[i].url, buf_text(&normal), rows[i].normal ? rows[i].normal : "");
        buf_done(&normal);
    }
}

static void
test_resolve(void **state)
{
    static const struct {
        const char *base;
        const char *location;
        const char *url; /* NULL: refused */
    } rows[] = {
        {"https://h/a/b?x=1", "c", "https://h/a/c"},
        {"https://h/a/b", "/c", "https://h/c"},
        {"https://h/a/b", "../c", "https://h/c"},
        {"https://h/a/b", "?y=2", "https://h/a/b?y=2"},
        {"https://h/a/b", "//g/c", "https://g/c"},
        {"https://h/a/b", "http://g:81/c", "http://g:81/c"},
        {"https://h/a/b", "c#frag", "https://h/a/c"},
        {"https://h/a/b", "c d", "https://h/a/c%20d"},
        {"https://h/a/b", "https://g/x?X-Sig=a%2Fb%3D&y=%7e", "https://g/x?X-Sig=a%2Fb%3D&y=%7e"},
        {"https://u:p@h/a/b", "c", "https://u:p@h/a/c"},
        {"https://u:p@h/a/b", "https://g/c", "https://g/c"},
        {"https://h/a/b", "", NULL},
        {"https://h/a/b", "ftp://g/c", NULL},
        {"https://h/a/b", "file:///etc/passwd", NULL},
        {"https://h/a/b", "javascript:alert(1)", NULL},
        {"https://h/a/b", "c\r\nX: y", NULL},
        {"not a url", "c", NULL},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *url = NULL;
        struct mh_fault fault = {0};
        enum mh_code code = url_resolve(rows[i].base, rows[i].location, &url, &fault);

        CHECK(rows[i].location, code == (rows[i].url ? MH_OK : MH_BAD_INPUT));
        if (rows[i].url)
            CHECK_TEXT(rows[i].location, url, rows[i].url);
        else
            CHECK(rows[i].location, url == NULL && fault.sentence[0]);
        mem_free(url);
    }
}

static void
test_same_origin(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } rows[] = {
        {"https://h/a", "https://H:443/b", true},    {"https://h/", "http://h/", false},
        {"https://h/", "https://h:8443/", false},    {"https://h/", "https://g/", false},
        {"https://h/", "https://h.example/", false},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct url_parts a, b;

        assert_int_equal(url_split(rows[i].a, &a, NULL), MH_OK);
        assert_int_equal(url_split(rows[i].b, &b, NULL), MH_OK);
        CHECK(rows[i].b, url_same_origin(&a, &b) == rows[i].is_same);
    }
}

static void
test_redact(void **state)
{
    static const struct {
        const char *url;
        const char *shown;
    } rows[] = {
        {"https://h/a?x=1&y=2", "https://h/a?x=1&y=2"},
        {"https://user:pass@h/a", "https://h/a"},
        {"https://us@er:p@h/a@b", "https://h/a@b"},
        {"https://h/a@b", "https://h/a@b"},
        {"https://h/a?X-Goog-Signature=abc&X-Goog-Date=1",
         "https://h/a?X-Goog-Signature=***&X-Goog-Date=1"},
        {"https://h/?token=t&ACCESS_KEY=k&clientSecret=s&x-auth=a#f",
         "https://h/?token=***&ACCESS_KEY=***&clientSecret=***&x-auth=***#f"},
        {"https://h/?password=p&my_credential=c", "https://h/?password=***&my_credential=***"},
        {"https://h/?key", "https://h/?key"},
        {"https://h/?key=", "https://h/?key=***"},
        {"/path?sig=1", "/path?sig=***"},
        {"", ""},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char shown[200];

        url_redact(rows[i].url, shown, sizeof(shown));
        CHECK_TEXT(rows[i].url, shown, rows[i].shown);
    }
}

static void
test_redact_cuts(void **state)
{
    char shown[16];

    (void) state;
    url_redact("https://h/abcde", shown, sizeof(shown));
    assert_string_equal(shown, "https://h/abcde");
    url_redact("https://h/abcdef", shown, sizeof(shown));
    assert_string_equal(shown, "https://h/ab...");
    url_redact("https://h/a\xC3\xA9"
               "cdef",
               shown, sizeof(shown));
    assert_string_equal(shown, "https://h/a...");
    url_redact("https://h/", shown, 1);
    assert_string_equal(shown, "");
    url_redact("https://h/", shown, 4);
    assert_string_equal(shown, "htt");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),       cmocka_unit_test(test_split_ceiling),
        cmocka_unit_test(test_base),        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_same_origin), cmocka_unit_test(test_redact),
        cmocka_unit_test(test_redact_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
