/* SPDX-License-Identifier: Apache-2.0 */
/* place.c: which hosts are this machine, which a local network, and which the world. */
#include "place.h"
#include "unit.h"

static void
test_places(void **state)
{
    static const struct {
        const char *url;
        enum place place;
    } rows[] = {
        {"http://localhost:8080/a", PLACE_HERE},
        {"HTTP://LOCALHOST", PLACE_HERE},
        {"http://app.localhost:3000", PLACE_HERE},
        {"http://127.0.0.1/", PLACE_HERE},
        {"https://127.9.9.9?x", PLACE_HERE},
        {"http://[::1]:8080/", PLACE_HERE},
        {"http://[::ffff:127.0.0.1]:1/", PLACE_HERE},
        {"http://localhost.example/", PLACE_PUBLIC},
        {"http://127.0.0.1.example/", PLACE_PUBLIC},
        {"http://127.example/", PLACE_PUBLIC},
        {"http://notlocalhost.example", PLACE_PUBLIC},
        {"http://10.0.0.1/", PLACE_LOCAL},
        {"http://172.16.0.1", PLACE_LOCAL},
        {"http://172.31.255.255", PLACE_LOCAL},
        {"http://172.32.0.0", PLACE_PUBLIC},
        {"http://192.168.1.20:8080/m/model.json", PLACE_LOCAL},
        {"http://192.169.1.20", PLACE_PUBLIC},
        {"http://169.254.1.1", PLACE_LOCAL},
        {"http://100.64.0.1", PLACE_LOCAL},
        {"http://100.128.0.1", PLACE_PUBLIC},
        {"http://[fd00::2]/", PLACE_LOCAL},
        {"http://[fe80::1]/", PLACE_LOCAL},
        {"http://[2001:db8::1]/", PLACE_PUBLIC},
        {"http://[::ffff:10.1.2.3]/", PLACE_LOCAL},
        {"http://printer.local", PLACE_LOCAL},
        {"http://printer.Home.Arpa", PLACE_LOCAL},
        {"http://intranet/", PLACE_LOCAL},
        {"https://app.example", PLACE_PUBLIC},
        {"https://8.8.8.8", PLACE_PUBLIC},
        {"no url", PLACE_PUBLIC},
        {"http://", PLACE_PUBLIC},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].url, place_of_url(rows[i].url) == rows[i].place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
