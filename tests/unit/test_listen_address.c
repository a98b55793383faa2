/* SPDX-License-Identifier: Apache-2.0 */
/* listen_address.c: what is read, how it is written back, and what the refusals advise. */
#include "listen_address.h"

#include "unit.h"

#include <sys/un.h>

static void
test_parse(void **state)
{
    static const struct {
        const char *text;
        enum listen_kind kind;
        const char *host;
        uint16_t port;
        bool is_every, is_loopback;
        const char *written; /* NULL: as it was read */
        const char *url;
    } rows[] = {
        {"127.0.0.1:8080", LISTEN_IPV4, "127.0.0.1", 8080, false, true, NULL,
         "http://127.0.0.1:8080/"},
        {"127.9.9.9:1", LISTEN_IPV4, "127.9.9.9", 1, false, true, NULL, "http://127.9.9.9:1/"},
        {"127.0.0.1:0", LISTEN_IPV4, "127.0.0.1", 0, false, true, NULL, "http://127.0.0.1:0/"},
        {"[::1]:8080", LISTEN_IPV6, "::1", 8080, false, true, NULL, "http://[::1]:8080/"},
        {"[0:0::1]:80", LISTEN_IPV6, "::1", 80, false, true, "[::1]:80", "http://[::1]:80/"},
        {"[::]:80", LISTEN_IPV6, "::", 80, false, false, NULL, "http://[::]:80/"},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", LISTEN_IPV6,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, false, false, NULL,
         "http://[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535/"},
        {"0.0.0.0:80", LISTEN_IPV4, "0.0.0.0", 80, false, false, NULL, "http://0.0.0.0:80/"},
        {"10.0.0.1:80", LISTEN_IPV4, "10.0.0.1", 80, false, false, NULL, "http://10.0.0.1:80/"},
        {"localhost:80", LISTEN_IPV4, "127.0.0.1", 80, false, true, "127.0.0.1:80",
         "http://127.0.0.1:80/"},
        {"LOCALHOST:80", LISTEN_IPV4, "127.0.0.1", 80, false, true, "127.0.0.1:80",
         "http://127.0.0.1:80/"},
        {":8080", LISTEN_IPV4, "127.0.0.1", 8080, false, true, "127.0.0.1:8080",
         "http://127.0.0.1:8080/"},
        {"8080", LISTEN_IPV4, "127.0.0.1", 8080, false, true, "127.0.0.1:8080",
         "http://127.0.0.1:8080/"},
        {"*:8080", LISTEN_IPV6, "::", 8080, true, false, NULL, "http://[::]:8080/"},
        {"unix:/run/m.sock", LISTEN_UNIX, "", 0, false, true, NULL, "unix:/run/m.sock"},
        {"unix:/run/a:80", LISTEN_UNIX, "", 0, false, true, NULL, "unix:/run/a:80"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct listen_address address;
        struct mh_fault fault = {0};
        char text[LISTEN_TEXT_SIZE];

        if (listen_address_parse(rows[i].text, &address, &fault) != MH_OK)
            fail_msg("'%s': %s", rows[i].text, fault.sentence);
        assert_int_equal(address.kind, rows[i].kind);
        assert_string_equal(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
        assert_int_equal(address.is_every, rows[i].is_every);
        assert_int_equal(listen_address_is_loopback(&address), rows[i].is_loopback);
        assert_string_equal(listen_address_text(&address, text),
                            rows[i].written != NULL ? rows[i].written : rows[i].text);
        assert_string_equal(listen_address_url(&address, "http", text), rows[i].url);
    }
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *advice; /* what the sentence holds */
    } rows[] = {
        {"", "127.0.0.1:8080"},
        {"127.0.0.1", "has no port: write 127.0.0.1:8080"},
        {"localhost", "has no port: write localhost:8080"},
        {"*", "has no port: write *:8080"},
        {"[::1]", "write [::1]:8080"},
        {"::1", "lacks brackets"},
        {"::1:8080", "lacks brackets"},
        {"127.0.0.1:", "'' is no port"},
        {"127.0.0.1:65536", "'65536' is no port"},
        {"127.0.0.1:http", "'http' is no port"},
        {"127.0.0.1:-1", "'-1' is no port"},
        {"127.0.0.1: 80", "' 80' is no port"},
        {"65536", "'65536' is no port"},
        {"8080x", "127.0.0.1:8080"},
        {"127.1:80", "127.0.0.1:8080"},
        {"256.0.0.1:80", "127.0.0.1:8080"},
        {"myhost:80", "'myhost:80' is no address"},
        {"[127.0.0.1]:80", "is no address"},
        {"[*]:80", "is no address"},
        {"[]:80", "is no address"},
        {"[::1:80", "is no address"},
        {"[:80", "is no address"},
        {"]:80", "is no address"},
        {"127.0.0.1]:80", "is no address"},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555]:80", "is no address"},
        {"[fe80::1%eth0]:80", "zone"},
        {"http://127.0.0.1:8080/", "is a URL"},
        {"/run/m.sock", "write unix:/run/m.sock"},
        {"unix:", "unix:/path"},
        {"unix:/", "unix:/path"},
        {"unix:run/m.sock", "absolute path"},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80", "is no address"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct listen_address address = {.port = 77};
        struct mh_fault fault = {0};

        assert_int_equal(listen_address_parse(rows[i].text, &address, &fault), MH_BAD_INPUT);
        assert_int_equal(address.port, 77);
        if (strstr(fault.sentence, rows[i].advice) == NULL)
            fail_msg("'%s' says: %s", rows[i].text, fault.sentence);
    }
}

static void
test_socket_path_length(void **state)
{
    char text[5 + LISTEN_PATH_SIZE + 1] = "unix:/", written[LISTEN_TEXT_SIZE];
    struct listen_address address;
    struct mh_fault fault;

    memset(text + 6, 'a', LISTEN_PATH_SIZE - 2);
    text[5 + LISTEN_PATH_SIZE - 1] = '\0';
    assert_int_equal(listen_address_parse(text, &address, &fault), MH_OK);
    assert_string_equal(listen_address_text(&address, written), text);

    text[5 + LISTEN_PATH_SIZE - 1] = 'a';
    text[5 + LISTEN_PATH_SIZE] = '\0';
    assert_int_equal(listen_address_parse(text, &address, &fault), MH_BAD_INPUT);
    assert_non_null(strstr(fault.sentence, "107"));
}

static void
test_port(void **state)
{
    struct listen_address address;
    struct mh_fault fault;
    uint16_t port = 77;

    assert_int_equal(listen_port_parse("0", &port, &fault), MH_OK);
    assert_int_equal(port, 0);
    assert_int_equal(listen_port_parse("65535", &port, &fault), MH_OK);
    assert_int_equal(port, 65535);
    assert_int_equal(listen_port_parse("", &port, &fault), MH_BAD_INPUT);
    assert_int_equal(listen_port_parse("80 ", &port, &fault), MH_BAD_INPUT);
    assert_int_equal(port, 65535);

    assert_int_equal(listen_address_parse("[::1]:1", &address, &fault), MH_OK);
    listen_address_set_port(&address, 9);
    assert_int_equal(address.port, 9);
    assert_int_equal(listen_address_parse("unix:/s", &address, &fault), MH_OK);
    listen_address_set_port(&address, 9);
    assert_int_equal(address.port, 0);
}

static void
test_sockaddr(void **state)
{
    struct listen_address address;
    struct sockaddr_storage storage;
    struct mh_fault fault;
    const struct sockaddr_in *v4 = (const void *) &storage;
    const struct sockaddr_in6 *v6 = (const void *) &storage;
    const struct sockaddr_un *local = (const void *) &storage;

    assert_int_equal(listen_address_parse("127.0.0.1:80", &address, &fault), MH_OK);
    assert_int_equal(listen_address_sockaddr(&address, &storage), sizeof(*v4));
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(ntohs(v4->sin_port), 80);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), INADDR_LOOPBACK);

    assert_int_equal(listen_address_parse("[::1]:80", &address, &fault), MH_OK);
    assert_int_equal(listen_address_sockaddr(&address, &storage), sizeof(*v6));
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(v6->sin6_port), 80);
    assert_memory_equal(&v6->sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback));

    assert_int_equal(listen_address_parse("unix:/s", &address, &fault), MH_OK);
    assert_int_equal(listen_address_sockaddr(&address, &storage),
                     offsetof(struct sockaddr_un, sun_path) + 3);
    assert_int_equal(local->sun_family, AF_UNIX);
    assert_string_equal(local->sun_path, "/s");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_socket_path_length),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_sockaddr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
