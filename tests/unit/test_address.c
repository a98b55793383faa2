/* SPDX-License-Identifier: Apache-2.0 */
/* address.c: public or not, and what an upstream's own URL permits. */
#include "address.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static struct sockaddr_storage
make(const char *text, uint16_t port)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&address, &in, sizeof(in));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&address, &in6, sizeof(in6));
    }
    return address;
}

static const struct {
    const char *address;
    bool is_private;
} rows[] = {
    {"8.8.8.8", false},
    {"142.250.74.59", false},
    {"0.0.0.0", true},
    {"0.1.2.3", true},
    {"1.0.0.0", false},
    {"9.255.255.255", false},
    {"10.0.0.0", true},
    {"10.255.255.255", true},
    {"11.0.0.0", false},
    {"100.63.255.255", false},
    {"100.64.0.0", true},
    {"100.127.255.255", true},
    {"100.128.0.0", false},
    {"127.0.0.1", true},
    {"127.255.255.255", true},
    {"128.0.0.0", false},
    {"169.254.169.254", true},
    {"169.253.255.255", false},
    {"172.15.255.255", false},
    {"172.16.0.1", true},
    {"172.31.255.255", true},
    {"172.32.0.0", false},
    {"192.0.0.8", true},
    {"192.0.1.1", false},
    {"192.0.2.1", true},
    {"192.88.99.1", true},
    {"192.167.255.255", false},
    {"192.168.1.1", true},
    {"192.169.0.0", false},
    {"198.17.255.255", false},
    {"198.18.0.0", true},
    {"198.19.255.255", true},
    {"198.20.0.0", false},
    {"198.51.100.7", true},
    {"203.0.113.7", true},
    {"223.255.255.255", false},
    {"224.0.0.1", true},
    {"239.255.255.255", true},
    {"240.0.0.1", true},
    {"255.255.255.255", true},
    {"2a00:1450:4001::1", false},
    {"2606:4700::1", false},
    {"::", true},
    {"::1", true},
    {"::2", true},
    {"::ffff:127.0.0.1", true},
    {"::ffff:10.1.2.3", true},
    {"::ffff:8.8.8.8", false},
    {"::8.8.8.8", true},
    {"64:ff9b::a00:1", true},
    {"64:ff9b::808:808", false},
    {"64:ff9b:1::808:808", true},
    {"100::1", true},
    {"2001::1", true},
    {"2001:0:808:808::f7f7:f7f7", false}, /* Teredo of 8.8.8.8 through 8.8.8.8 */
    {"2001:0:808:808::80ff:fffe", true},  /* its client is 127.0.0.1 */
    {"2001:0:a00:1::f7f7:f7f7", true},    /* its relay is 10.0.0.1 */
    {"2001:2::1", true},
    {"2001:10::1", true},
    {"2001:1ff::1", true},
    {"2001:200::1", false},
    {"2001:db8::1", true},
    {"2001:db9::1", false},
    {"2002:808:808::1", false},
    {"2002:a00:1::1", true},
    {"2002:7f00:1::1", true},
    {"3fff:1::1", true},
    {"3ffe::1", false},
    {"4000::1", true},
    {"5f00::1", true},
    {"fc00::1", true},
    {"fd12:3456::1", true},
    {"fe80::1", true},
    {"fec0::1", true},
    {"ff02::1", true},
};

static void
test_private(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_storage address = make(rows[i].address, 443);

        CHECK(rows[i].address,
              address_is_private((const struct sockaddr *) &address) == rows[i].is_private);
    }
    assert_true(address_is_private((const struct sockaddr *) &local));
}

static const struct {
    const char *url;
    bool is_any;
    const char *address;
    uint16_t port;
    bool is_allowed;
} permissions[] = {
    /* a name permits nothing private */
    {"https://models.example/", false, "8.8.8.8", 443, true},
    {"https://models.example/", false, "127.0.0.1", 443, false},
    {"https://models.example/", false, "::1", 443, false},
    {"https://models.example/", true, "127.0.0.1", 443, true},
    {"https://localhost.example/", false, "127.0.0.1", 443, false},
    /* localhost: loopback, on its port */
    {"http://localhost:9000/", false, "127.0.0.1", 9000, true},
    {"http://LOCALHOST:9000/", false, "127.0.0.1", 9000, true},
    {"http://localhost:9000/", false, "::1", 9000, true},
    {"http://localhost:9000/", false, "::ffff:127.0.0.1", 9000, true},
    {"http://localhost:9000/", false, "127.0.0.1", 9001, false},
    {"http://localhost:9000/", false, "10.0.0.1", 9000, false},
    /* a literal: itself, on its port */
    {"http://10.0.0.1:9000/", false, "10.0.0.1", 9000, true},
    {"http://10.0.0.1:9000/", false, "::ffff:10.0.0.1", 9000, true},
    {"http://10.0.0.1:9000/", false, "10.0.0.2", 9000, false},
    {"http://10.0.0.1:9000/", false, "10.0.0.1", 80, false},
    {"http://10.0.0.1/", false, "10.0.0.1", 80, true},
    {"http://[fd00::1]:9000/", false, "fd00::1", 9000, true},
    {"http://[fd00::1]:9000/", false, "fd00::2", 9000, false},
    {"http://10.0.0.1:9000/", false, "8.8.8.8", 443, true},
};

static void
test_permissions(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct address_permission any = {.is_any = true};

    (void) state;
    for (size_t i = 0; i < COUNT(permissions); i++) {
        struct address_permission permission;
        struct sockaddr_storage address = make(permissions[i].address, permissions[i].port);
        struct url_parts url;

        assert_int_equal(url_split(permissions[i].url, &url, NULL), MH_OK);
        address_permission_of(&url, &permission);
        assert_false(permission.is_any);
        permission.is_any = permissions[i].is_any;
        CHECK(permissions[i].url,
              address_is_allowed(&permission, (const struct sockaddr *) &address) ==
                  permissions[i].is_allowed);
    }
    assert_false(address_is_allowed(&any, (const struct sockaddr *) &local));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_permissions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
