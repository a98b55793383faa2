/* SPDX-License-Identifier: Apache-2.0 */
/* self_signed.c: what is made, what is kept, and when it is made anew. */
#include "log.h"
#include "mem.h"
#include "self_signed.h"
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400
#define NOW INT64_C(1800000000)

struct world {
    char *directory;
    int dir_fd;
};

static int
setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->directory = test_dir_make();
    w->dir_fd = open(w->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(w->dir_fd >= 0);
    log_init(LOG_LEVEL_ERROR);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    (void) close(w->dir_fd);
    test_dir_remove(w->directory);
    free(w);
    return 0;
}

static const char *names_few[] = {"localhost", "127.0.0.1", NULL};
static const char *names_many[] = {"localhost",  "127.0.0.1", "::1",
                                   "host.local", "192.0.2.7", NULL};

static struct tls_pem
get(const struct world *w, const char **names, int64_t now)
{
    const struct strings list = {.items = names, .count = names == names_few ? 2 : 5};
    struct tls_pem pem = {0};
    struct mh_fault fault = {0};

    if (self_signed_get(w->dir_fd, &list, now, &pem, &fault) != MH_OK)
        fail_msg("%s", fault.sentence);
    return pem;
}

static gnutls_x509_crt_t
certificate_of(const struct tls_pem *pem)
{
    const gnutls_datum_t text = {(unsigned char *) pem->certificate,
                                 (unsigned) strlen(pem->certificate)};
    gnutls_x509_crt_t certificate;

    assert_int_equal(gnutls_x509_crt_init(&certificate), 0);
    assert_int_equal(gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM), 0);
    return certificate;
}

/* Ask again with other names or at another time: is what was there kept? */
static void
check_again(const struct world *w, const char **names, int64_t now, bool has_same_certificate,
            bool has_same_key)
{
    struct tls_pem first = get(w, names_few, NOW), again = get(w, names, now);

    assert_int_equal(strcmp(first.certificate, again.certificate) == 0, has_same_certificate);
    assert_int_equal(strcmp(first.key, again.key) == 0, has_same_key);
    tls_pem_done(&first);
    tls_pem_done(&again);
}

static void
test_what_is_made(void **state)
{
    const struct world *w = *state;
    struct tls_pem pem = get(w, names_many, NOW);
    gnutls_x509_crt_t certificate = certificate_of(&pem);
    struct tls_identity *identity = NULL;
    struct mh_fault fault = {0};
    struct stat st;
    unsigned bits, critical, is_authority;

    for (size_t i = 0; names_many[i] != NULL; i++)
        CHECK(names_many[i], gnutls_x509_crt_check_hostname(certificate, names_many[i]) != 0);
    assert_int_equal(gnutls_x509_crt_check_hostname(certificate, "elsewhere"), 0);
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(certificate, &bits), GNUTLS_PK_ECDSA);
    assert_int_equal(bits, 256);
    assert_int_equal(
        gnutls_x509_crt_get_basic_constraints(certificate, &critical, &is_authority, NULL), 0);
    assert_int_equal(is_authority, 0);
    /* What browsers take at most. */
    assert_true(gnutls_x509_crt_get_expiration_time(certificate) -
                    gnutls_x509_crt_get_activation_time(certificate) <=
                (time_t) 397 * DAY);
    assert_true(gnutls_x509_crt_get_activation_time(certificate) < NOW);
    assert_int_equal(fstatat(w->dir_fd, SELF_SIGNED_KEY, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(tls_identity_new(&pem, "a", "b", &identity, &fault), MH_OK);
    tls_identity_free(identity);
    gnutls_x509_crt_deinit(certificate);
    tls_pem_done(&pem);
}

static void
test_kept(void **state)
{
    check_again(*state, names_few, NOW + (int64_t) 300 * DAY, true, true);
}

static void
test_fewer_names_keep_it(void **state)
{
    struct tls_pem many = get(*state, names_many, NOW);

    check_again(*state, names_few, NOW, true, true);
    tls_pem_done(&many);
}

static void
test_a_new_name_makes_it_anew(void **state)
{
    check_again(*state, names_many, NOW, false, true);
}

static void
test_its_end_makes_it_anew(void **state)
{
    check_again(*state, names_few, NOW + (int64_t) 370 * DAY, false, true);
    check_again(*state, names_few, NOW + (int64_t) 3700 * DAY, false, true);
}

static void
test_a_clock_that_was_wrong(void **state)
{
    check_again(*state, names_few, NOW - (int64_t) 400 * DAY, false, true);
}

static void
overwrite(const struct world *w, const char *name, const char *text)
{
    int fd = openat(w->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    (void) close(fd);
}

static void
test_what_is_broken_is_made_anew(void **state)
{
    const struct world *w = *state;
    struct tls_pem first = get(w, names_few, NOW), again;

    overwrite(w, SELF_SIGNED_CERTIFICATE, "no certificate\n");
    check_again(w, names_few, NOW, true, true); /* made by the first of the two */
    again = get(w, names_few, NOW);
    assert_string_equal(first.key, again.key);
    tls_pem_done(&again);

    overwrite(w, SELF_SIGNED_KEY, "");
    again = get(w, names_few, NOW);
    assert_string_not_equal(first.key, again.key);
    tls_pem_done(&again);

    /* The key of another certificate: as after a crash between the two. */
    overwrite(w, SELF_SIGNED_KEY, first.key);
    again = get(w, names_few, NOW);
    assert_string_equal(first.key, again.key);
    tls_pem_done(&again);
    tls_pem_done(&first);
}

static void
test_a_directory_that_cannot_be_written(void **state)
{
    const struct strings list = {.items = names_few, .count = 2};
    struct tls_pem pem = {0};
    struct mh_fault fault = {0};

    assert_int_not_equal(self_signed_get(-1, &list, NOW, &pem, &fault), MH_OK);
    assert_non_null(strstr(fault.sentence, "self-signed certificate"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fewer_names_keep_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_name_makes_it_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_its_end_makes_it_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_that_was_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_broken_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_directory_that_cannot_be_written, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
