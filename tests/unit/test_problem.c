/* SPDX-License-Identifier: Apache-2.0 */
/* problem.c: statuses, the choice of the form, and that no text of a client or an upstream breaks
 * out of the form it stands in. */
#include "problem.h"

#include "json.h"
#include "unit.h"

static void
test_status(void **state)
{
    static const struct {
        enum mh_code code;
        unsigned status;
    } rows[] = {
        {MH_NOT_FOUND, 404}, {MH_DENIED, 502},      {MH_BAD_INPUT, 400}, {MH_TOO_LARGE, 502},
        {MH_UPSTREAM, 502},  {MH_UNREACHABLE, 504}, {MH_TIMEOUT, 504},   {MH_CORRUPT, 502},
        {MH_IO, 500},        {MH_NO_SPACE, 507},    {MH_NOMEM, 503},     {MH_BUSY, 503},
        {MH_CANCELLED, 503}, {MH_UNSUPPORTED, 501}, {MH_OK, 500},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(problem_status_of(rows[i].code), rows[i].status);
        assert_true(strlen(problem_title(rows[i].status)) > 5);
    }
    assert_int_equal(problem_status_of((enum mh_code) 99), 500);
    assert_string_equal(problem_title(502), "Bad Gateway");
    assert_string_equal(problem_title(405), "Method Not Allowed");
    assert_string_equal(problem_title(599), "Internal Server Error");
    assert_string_equal(problem_title(499), "Bad Request");
}

static void
test_form(void **state)
{
    static const struct {
        const char *user_agent, *accept;
        bool is_shard;
        enum problem_form form;
    } rows[] = {
        {NULL, NULL, false, PROBLEM_JSON},
        {NULL, NULL, true, PROBLEM_EMPTY},
        {"Mozilla/5.0", "*/*", false, PROBLEM_JSON},
        {"Mozilla/5.0", "*/*", true, PROBLEM_EMPTY},
        {"Mozilla/5.0", "text/html,*/*;q=0.8", false, PROBLEM_HTML},
        {"Mozilla/5.0", "text/html,*/*;q=0.8", true, PROBLEM_HTML},
        {"curl/7.88.1", "*/*", false, PROBLEM_PLAIN},
        {"curl/7.88.1", "*/*", true, PROBLEM_PLAIN},
        {"curl/7.88.1", "text/html", true, PROBLEM_HTML},
        {"xcurl/1", NULL, true, PROBLEM_EMPTY},
        {"curl", NULL, true, PROBLEM_EMPTY},
        {"node", "*/*", true, PROBLEM_EMPTY},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (problem_form_choose(rows[i].user_agent, rows[i].accept, rows[i].is_shard) !=
            rows[i].form)
            fail_msg("row %zu", i);
    }
    assert_null(problem_content_type(PROBLEM_EMPTY));
    assert_string_equal(problem_content_type(PROBLEM_JSON), "application/problem+json");
    assert_string_equal(problem_content_type(PROBLEM_PLAIN), "text/plain; charset=utf-8");
    assert_string_equal(problem_content_type(PROBLEM_HTML), "text/html; charset=utf-8");
}

static const struct mh_fault short_shard = {
    .sentence = "the body ended early",
    .expected = "4194304 bytes",
    .found = "100 bytes",
    .upstream = "https://u.example/m/s1",
};

static void
test_sentence(void **state)
{
    static const struct mh_fault whole = {
        .sentence = "'/m/s1' from https://u.example/m/s1: expected 4194304 bytes, found 100 bytes.",
        .expected = "4194304 bytes",
        .found = "100 bytes",
        .upstream = "https://u.example/m/s1",
    };
    static const struct mh_fault found_only = {.sentence = "not a model", .found = "an HTML page"};
    static const struct mh_fault needs_token = {.sentence = "HTTP status 401", .foreign = 401};
    static const struct mh_fault too_many = {.sentence = "HTTP status 429", .foreign = 429};
    static const struct mh_fault broken = {.sentence = "HTTP status 503", .foreign = 503};
    static const struct mh_fault odd = {.sentence = "HTTP status 418", .foreign = 418};
    static const struct mh_fault refused = {.sentence = "connection refused", .foreign = 7};
    static const struct {
        struct problem problem;
        const char *sentence;
    } rows[] = {
        {{502, MH_CORRUPT, &short_shard, "/m/s1", NULL, NULL},
         "/m/s1: the body ended early; expected 4194304 bytes, found 100 bytes. Nothing of it was "
         "kept; check what the upstream sends, then try again. Upstream: https://u.example/m/s1"},
        {{502, MH_CORRUPT, &whole, "/m/s1", "https://other.example/", NULL},
         "'/m/s1' from https://u.example/m/s1: expected 4194304 bytes, found 100 bytes. Nothing of "
         "it was kept; check what the upstream sends, then try again."},
        {{502, MH_CORRUPT, &found_only, "/m", NULL, NULL},
         "/m: not a model; found an HTML page. Nothing of it was kept; try again."},
        {{502, MH_UPSTREAM, &needs_token, "/m", "https://u.example/m", NULL},
         "/m: HTTP status 401. If it wants credentials, give them by header = in the mirror's "
         "section. Upstream: https://u.example/m"},
        {{502, MH_UPSTREAM, &too_many, "/m", NULL, NULL},
         "/m: HTTP status 429. Wait a while, then try again."},
        {{502, MH_UPSTREAM, &broken, "/m", NULL, NULL},
         "/m: HTTP status 503. Try again later, or add a fallback = to the mirror's section."},
        {{502, MH_UPSTREAM, &odd, "/m", NULL, NULL},
         "/m: HTTP status 418. Check the mirror's upstream setting."},
        {{504, MH_UNREACHABLE, &refused, "/m", "https://u.example/m", NULL},
         "/m: connection refused. Check the network, or pull it while online. Upstream: "
         "https://u.example/m"},
        {{404, MH_NOT_FOUND, NULL, "/x", NULL, NULL}, "/x: Not Found. Check the path."},
        {{404, MH_NOT_FOUND, NULL, "/x", "https://u.example/x", NULL},
         "/x: Not Found. Check the path, and the mirror's upstream setting. Upstream: "
         "https://u.example/x"},
        {{404, MH_NOT_FOUND, NULL, "/x", NULL, "/a.json, /b.json"},
         "/x: Not Found. Check the path. These exist: /a.json, /b.json."},
        {{405, MH_OK, NULL, "/x", NULL, NULL}, "/x: Method Not Allowed."},
        {{400, MH_OK, NULL, NULL, NULL, NULL}, "Bad Request."},
        {{400, MH_OK, NULL, "", "", NULL}, "Bad Request."},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out = BUF_INIT(4096);

        problem_sentence(&rows[i].problem, &out);
        assert_string_equal(buf_text(&out), rows[i].sentence);
        buf_done(&out);
    }
}

/* Every failure that a user can do something about says what. */
static void
test_every_code_has_a_cure(void **state)
{
    for (enum mh_code code = MH_NOT_FOUND; code < MH_UNSUPPORTED; code++) {
        const struct problem problem = {502, code, &short_shard, "/m", NULL, NULL};
        const struct problem without = {.status = 502, .file = "/m", .fault = &short_shard};
        struct buf with_cure = BUF_INIT(4096), plain = BUF_INIT(4096);

        problem_sentence(&problem, &with_cure);
        problem_sentence(&without, &plain);
        if (with_cure.length <= plain.length)
            fail_msg("%s has no cure", mh_code_name(code));
        buf_done(&with_cure);
        buf_done(&plain);
    }
}

static void
test_long_file(void **state)
{
    char file[1001];
    const struct problem problem = {404, MH_OK, NULL, file, NULL, NULL};
    struct buf out = BUF_INIT(4096);

    memset(file, 'a', sizeof(file) - 1);
    file[0] = '/';
    memcpy(file + 995, "/s.bin", 6);
    file[1000] = '\0';
    problem_sentence(&problem, &out);
    assert_true(out.length < 300);
    assert_memory_equal(buf_text(&out), "...a", 4);
    assert_non_null(strstr(buf_text(&out), "/s.bi: Not Found."));
    buf_done(&out);
}

/* Texts as a hostile client and upstream would choose them. */
static const struct mh_fault hostile_fault = {
    .sentence = "a\r\nSet-Cookie: x\x1B[2J <script>alert('\"&')</script> caf\xC3\xA9 \xFF",
    .expected = "<b>\"1\"</b>",
    .found = "\x01",
    .upstream = "https://u.example/<i>",
};
static const struct problem hostile = {502, MH_CORRUPT, &hostile_fault, "/<m>\n\x7F", NULL, NULL};

static void
test_html(void **state)
{
    struct buf out = BUF_INIT(8192);

    problem_body(&hostile, PROBLEM_HTML, &out);
    assert_true(buf_is_ok(&out));
    assert_non_null(strstr(buf_text(&out), "<title>502 Bad Gateway</title>"));
    assert_non_null(strstr(buf_text(&out), "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)"));
    assert_non_null(strstr(buf_text(&out), "/&lt;m&gt;"));
    assert_null(strstr(buf_text(&out), "<script"));
    assert_null(strstr(buf_text(&out), "<b>"));
    assert_null(strstr(buf_text(&out), "<m>"));
    assert_null(strchr(buf_text(&out), '\x1B'));
    buf_done(&out);
}

static void
test_plain(void **state)
{
    struct buf out = BUF_INIT(8192);

    problem_body(&hostile, PROBLEM_PLAIN, &out);
    assert_memory_equal(buf_text(&out), "502 Bad Gateway\n/<m>  : a  Set-Cookie", 37);
    for (const char *p = buf_text(&out); *p != '\0'; p++)
        assert_true((unsigned char) *p >= 0x20 || *p == '\n');
    buf_done(&out);
}

static void
test_json(void **state)
{
    static const struct problem problem = {502, MH_CORRUPT, &short_shard, "/m/s1", NULL, NULL};
    struct buf out = BUF_INIT(8192);
    struct json *tree = NULL;
    uint64_t status;

    problem_body(&problem, PROBLEM_JSON, &out);
    assert_int_equal(json_parse(buf_text(&out), out.length, &tree, NULL), MH_OK);
    assert_string_equal(json_string(json_get(tree, "type")), "about:blank");
    assert_string_equal(json_string(json_get(tree, "title")), "Bad Gateway");
    assert_true(json_uint(json_get(tree, "status"), &status));
    assert_int_equal(status, 502);
    assert_string_equal(json_string(json_get(tree, "code")), mh_code_name(MH_CORRUPT));
    assert_non_null(strstr(json_string(json_get(tree, "detail")), "/m/s1: the body ended early"));
    assert_string_equal(json_string(json_get(tree, "file")), "/m/s1");
    assert_string_equal(json_string(json_get(tree, "upstream")), "https://u.example/m/s1");
    assert_string_equal(json_string(json_get(tree, "expected")), "4194304 bytes");
    assert_string_equal(json_string(json_get(tree, "found")), "100 bytes");
    json_free(tree);
    buf_done(&out);
}

static void
test_json_with_little(void **state)
{
    static const struct problem problem = {405, MH_OK, NULL, NULL, NULL, NULL};
    struct buf out = BUF_INIT(8192);
    struct json *tree = NULL;

    problem_body(&problem, PROBLEM_JSON, &out);
    assert_int_equal(json_parse(buf_text(&out), out.length, &tree, NULL), MH_OK);
    assert_int_equal(json_count(tree), 4);
    json_free(tree);

    /* Whatever stands in the texts, the reader that refuses bad UTF-8 and raw control bytes takes
     * the body. */
    buf_clear(&out);
    problem_body(&hostile, PROBLEM_JSON, &out);
    assert_int_equal(json_parse(buf_text(&out), out.length, &tree, NULL), MH_OK);
    json_free(tree);
    buf_done(&out);
}

static void
test_empty(void **state)
{
    struct buf out = BUF_INIT(8192);

    problem_body(&hostile, PROBLEM_EMPTY, &out);
    assert_int_equal(out.length, 0);
    buf_done(&out);
}

static void
test_header(void **state)
{
    static const struct problem problem = {502, MH_OK, &short_shard, "/m/s1", NULL, NULL};
    char text[PROBLEM_HEADER_MAX + 1];

    assert_string_equal(problem_header(&problem, text),
                        "/m/s1: the body ended early; expected 4194304 bytes, found 100 bytes. "
                        "Upstream: https://u.example/m/s1");
    problem_header(&hostile, text);
    assert_non_null(strstr(text, "a  Set-Cookie"));
    assert_non_null(strstr(text, "caf%C3%A9 %FF"));
    for (const char *p = text; *p != '\0'; p++)
        assert_true(*p >= 0x20 && *p < 0x7F);
}

static void
test_header_is_cut_between_characters(void **state)
{
    struct mh_fault fault = {0};
    const struct problem problem = {502, MH_OK, &fault, NULL, NULL, NULL};
    char text[PROBLEM_HEADER_MAX + 1];

    /* 510 bytes of ASCII, then a character that would take 6 in the field. */
    memset(fault.sentence, 'a', 510);
    memcpy(fault.sentence + 510, "\xC3\xA9zz", 4);
    assert_int_equal(strlen(problem_header(&problem, text)), 510);

    memset(fault.sentence, 'a', 600);
    assert_int_equal(strlen(problem_header(&problem, text)), PROBLEM_HEADER_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_sentence),
        cmocka_unit_test(test_every_code_has_a_cure),
        cmocka_unit_test(test_long_file),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_with_little),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_header_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
