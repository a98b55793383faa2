/* SPDX-License-Identifier: Apache-2.0 */
/* host_check.c: which names are ours, and which pages. */
#include "host_check.h"

#include "unit.h"

static const char *const names[] = {"models.example",     "10.0.0.7", "[fd00::7]",
                                    "Other.Example:8443", "fd00::8",  NULL};

static void
test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool is_ours;
    } rows[] = {
        {"localhost", true},
        {"LocalHost:8080", true},
        {"localhost.", true},
        {"localhost:", true},
        {"app.localhost:8080", true},
        {"a.b.localhost", true},
        {"notlocalhost", false},
        {"localhost.example", false},
        {"127.0.0.1", true},
        {"127.0.0.1:8080", true},
        {"127.1.2.3:65535", true},
        {"127.1", false},
        {"0177.0.0.1", false},
        {"2130706433", false},
        {"0x7f.0.0.1", false},
        {"128.0.0.1", false},
        {"127.0.0.1.example", false},
        {"[::1]", true},
        {"[::1]:8080", true},
        {"[0:0:0::0:1]", true},
        {"[::2]", false},
        {"::1", false},
        {"[::1", false},
        {"[::1]x", false},
        {"[]", false},
        {"[localhost]", false},
        {"[127.0.0.1]", false},
        {"[::ffff:127.0.0.1]", false},
        {"", false},
        {":8080", false},
        {"localhost:65536", false},
        {"localhost:80x", false},
        {"localhost:-1", false},
        {"localhost,evil.example", false},
        {"evil.example/localhost", false},
        {"evil.example\\.localhost", false},
        {"user@localhost", false},
        {" localhost", false},
        {"evil.example", false},
        /* configured */
        {"models.example:8080", true},
        {"MODELS.Example.", true},
        {"x.models.example", false},
        {"10.0.0.7:80", true},
        {"10.0.0.8", false},
        {"[fd00::7]", true},
        {"[fd00:0::7]:80", true},
        {"[fd00::8]", true},
        {"other.example", true},
        /* where the connection arrived */
        {"192.168.1.5:8080", true},
        {"[::ffff:192.168.1.5]", true},
        {"192.168.1.6", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (host_is_ours(rows[i].host, "192.168.1.5", names) != rows[i].is_ours)
            fail_msg("'%s'", rows[i].host);
    }
    /* a dual-stack socket tells of IPv4 so */
    assert_true(host_is_ours("192.168.1.5", "::ffff:192.168.1.5", NULL));
    assert_true(host_is_ours("[fe80::1]:80", "fe80::1", NULL));
    assert_false(host_is_ours("192.168.1.5", NULL, NULL));
    assert_false(host_is_ours("models.example", NULL, NULL));
}

static void
test_overlong_name(void **state)
{
    char host[600];

    memset(host, 'a', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    memcpy(host + sizeof(host) - 1 - strlen(".localhost"), ".localhost", strlen(".localhost"));
    assert_false(host_is_ours(host, NULL, NULL));
}

static void
test_origins(void **state)
{
    static const struct {
        const char *origin, *host;
        bool is_same;
    } rows[] = {
        {"http://localhost:8080", "localhost:8080", true},
        {"http://LOCALHOST:8080", "localhost:8080", true},
        {"http://localhost", "localhost", true},
        {"http://localhost", "localhost:80", true},
        {"http://localhost:80", "localhost", true},
        {"https://localhost", "localhost", true},
        {"https://localhost", "localhost:443", true},
        {"https://localhost", "localhost:80", false},
        {"http://localhost", "localhost:8080", false},
        {"http://localhost:8081", "localhost:8080", false},
        {"http://127.0.0.1:8080", "localhost:8080", false},
        {"http://evil.localhost:8080", "localhost:8080", false},
        {"http://[::1]:8080", "[::1]:8080", true},
        {"http://[::1]:8081", "[::1]:8080", false},
        {"null", "localhost", false},
        {"", "localhost", false},
        {"localhost:8080", "localhost:8080", false},
        {"file://localhost", "localhost", false},
        {"chrome-extension://localhost", "localhost", false},
        {"http://localhost/", "localhost", false},
        {"http://localhost@evil", "localhost", false},
        {"http://", "localhost", false},
        {"http://localhost", "", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (origin_is_host(rows[i].origin, rows[i].host) != rows[i].is_same)
            fail_msg("'%s' at '%s'", rows[i].origin, rows[i].host);
    }
}

static void
test_check(void **state)
{
    static const struct {
        const char *host, *origin;
        enum host_verdict verdict;
    } rows[] = {
        {"localhost:8080", NULL, HOST_OK},
        {"localhost:8080", "http://localhost:8080", HOST_OK},
        {"localhost:8080", "https://evil.example", HOST_ORIGIN_FOREIGN},
        {"localhost:8080", "null", HOST_ORIGIN_FOREIGN},
        {"localhost:8080", "", HOST_ORIGIN_FOREIGN},
        {"evil.example:8080", NULL, HOST_FOREIGN},
        {"evil.example:8080", "http://evil.example:8080", HOST_FOREIGN}, /* rebound */
        {"", NULL, HOST_FOREIGN},
        {NULL, NULL, HOST_OK},
        {NULL, "http://localhost", HOST_ORIGIN_FOREIGN},
        {"models.example", "https://models.example", HOST_OK},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct host_request request = {
            .host = rows[i].host, .origin = rows[i].origin, .names = names};
        const enum host_verdict verdict = host_check(&request);

        if (verdict != rows[i].verdict)
            fail_msg("'%s' from '%s': %d", rows[i].host, rows[i].origin, (int) verdict);
        assert_true(strlen(host_verdict_text(verdict)) > 10);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_overlong_name),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
