/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: the port that was chosen, addresses that are taken, and socket files that an
 * earlier process left, belong to somebody, or are no sockets. */
#include "fault.h"
#include "fd.h"
#include "listen.h"
#include "mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char path[64];
    int fd;
};

static int
make_place(void **state)
{
    struct place *place = mem_new(struct place);

    (void) snprintf(place->path, sizeof(place->path), "/tmp/test_listen.XXXXXX"); /* fits */
    if (mkdtemp(place->path) == NULL)
        return -1;
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = place;
    return place->fd < 0 ? -1 : 0;
}

static int
remove_place(void **state)
{
    struct place *place = *state;
    int result = rmdir(place->path); /* fails when a test left something behind */

    fd_close(place->fd);
    mem_free(place);
    return result;
}

static struct listen_address
address_of(const char *text)
{
    struct listen_address address;
    struct mh_fault fault;

    assert_int_equal(listen_address_parse(text, &address, &fault), MH_OK);
    return address;
}

static struct listen_address
unix_address(const struct place *place)
{
    scoped(mem_freep) char *text = str_printf("unix:%s/sock", place->path);

    return address_of(text);
}

static void
test_port_zero(void **state)
{
    struct listen_address address = address_of("127.0.0.1:0");
    struct listen_socket sock = LISTEN_SOCKET_INIT;
    struct mh_fault fault;

    (void) state;
    assert_int_equal(listen_open(&address, &sock, &fault), MH_OK);
    assert_true(sock.address.port > 0);
    assert_true((fcntl(sock.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(sock.fd, F_GETFD) & FD_CLOEXEC) != 0);
    listen_close(&sock);
    assert_int_equal(sock.fd, -1);
}

static void
test_port_taken(void **state)
{
    struct listen_address address = address_of("127.0.0.1:0");
    struct listen_socket first = LISTEN_SOCKET_INIT, second = LISTEN_SOCKET_INIT;
    char text[LISTEN_TEXT_SIZE];
    struct mh_fault fault;

    (void) state;
    assert_int_equal(listen_open(&address, &first, &fault), MH_OK);
    address = first.address;
    assert_int_equal(listen_open(&address, &second, &fault), MH_BUSY);
    assert_non_null(strstr(fault.sentence, listen_address_text(&address, text)));
    assert_non_null(strstr(fault.sentence, "-p PORT"));
    assert_int_equal(second.fd, -1);
    listen_close(&first);
}

static void
test_every_address(void **state)
{
    struct listen_address address = address_of("*:0");
    struct listen_socket sock = LISTEN_SOCKET_INIT;
    struct mh_fault fault;

    (void) state;
    assert_int_equal(listen_open(&address, &sock, &fault), MH_OK);
    assert_true(sock.address.port > 0);
    listen_close(&sock);
}

static void
test_foreign_address(void **state)
{
    struct listen_address address = address_of("192.0.2.1:0"); /* RFC 5737: nobody's */
    struct listen_socket sock = LISTEN_SOCKET_INIT;
    struct mh_fault fault;

    (void) state;
    assert_int_equal(listen_open(&address, &sock, &fault), MH_NOT_FOUND);
    assert_non_null(strstr(fault.sentence, "192.0.2.1"));
}

static void
test_unix(void **state)
{
    struct place *place = *state;
    struct listen_address address = unix_address(place);
    struct listen_socket sock = LISTEN_SOCKET_INIT, second = LISTEN_SOCKET_INIT;
    struct mh_fault fault;
    struct stat st;

    assert_int_equal(listen_open(&address, &sock, &fault), MH_OK);
    assert_int_equal(fstatat(place->fd, "sock", &st, 0), 0);
    assert_true(S_ISSOCK(st.st_mode));
    /* It has a listener: it is not taken away from it. */
    assert_int_equal(listen_open(&address, &second, &fault), MH_BUSY);
    listen_close(&sock);
    assert_int_equal(fstatat(place->fd, "sock", &st, 0), -1);
}

static void
test_unix_stale(void **state)
{
    struct place *place = *state;
    struct listen_address address = unix_address(place);
    struct listen_socket sock = LISTEN_SOCKET_INIT;
    struct mh_fault fault;

    /* As after kill -9: the file is there, the listener is not. */
    assert_int_equal(listen_open(&address, &sock, &fault), MH_OK);
    fd_close(sock.fd);
    sock.fd = -1;
    fd_close(sock.dir_fd);
    mem_free(sock.name);

    sock = LISTEN_SOCKET_INIT;
    assert_int_equal(listen_open(&address, &sock, &fault), MH_OK);
    listen_close(&sock);
}

static void
test_unix_in_the_way(void **state)
{
    struct place *place = *state;
    struct listen_address address = unix_address(place);
    struct listen_socket sock = LISTEN_SOCKET_INIT;
    struct mh_fault fault;
    int fd = openat(place->fd, "sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    fd_close(fd);
    assert_int_equal(listen_open(&address, &sock, &fault), MH_BAD_INPUT);
    assert_int_equal(listen_open_at(place->fd, "sock", 0600, &sock, &fault), MH_BAD_INPUT);
    assert_int_equal(unlinkat(place->fd, "sock", 0), 0); /* still there */
}

static void
test_at(void **state)
{
    struct place *place = *state;
    struct listen_socket sock = LISTEN_SOCKET_INIT, second = LISTEN_SOCKET_INIT;
    struct mh_fault fault;
    struct stat st;

    assert_int_equal(listen_open_at(place->fd, "control", 0600, &sock, &fault), MH_OK);
    assert_int_equal(fstatat(place->fd, "control", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    /* The caller vouches that nobody else serves it. */
    assert_int_equal(listen_open_at(place->fd, "control", 0600, &second, &fault), MH_OK);
    listen_close(&second);
    listen_close(&sock);
    assert_int_equal(fstatat(place->fd, "control", &st, 0), -1);
}

/* A cache directory may be deeper than a socket's address can say. */
static void
test_at_deep(void **state)
{
    struct place *place = *state;
    struct listen_socket sock = LISTEN_SOCKET_INIT;
    static const char name[] = "a-directory-whose-name-alone-is-longer-than-what-fits-into-the-"
                               "hundred-and-seven-bytes-of-a-unix-socket-address";
    struct mh_fault fault;
    int fd;

    assert_true(sizeof(name) > sizeof(((struct sockaddr_un *) 0)->sun_path));
    assert_int_equal(mkdirat(place->fd, name, 0700), 0);
    fd = openat(place->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(listen_open_at(fd, "control", 0600, &sock, &fault), MH_OK);
    listen_close(&sock);
    fd_close(fd);
    assert_int_equal(unlinkat(place->fd, name, AT_REMOVEDIR), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port_zero),
        cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_every_address),
        cmocka_unit_test(test_foreign_address),
        cmocka_unit_test_setup_teardown(test_unix, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_unix_stale, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_unix_in_the_way, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_at, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_at_deep, make_place, remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
