/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c: the datagram comes by path and by abstract name, or a sentence says why not. */
#include "notify.h"
#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager at `name`; '@' stands for the abstract name space. */
static int
listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0 && n < sizeof address.sun_path);
    memcpy(address.sun_path, name, n);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const struct sockaddr *) &address,
                          (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    return fd;
}

static void
check_told(const char *name)
{
    struct mh_fault fault = {0};
    int fd = listen_at(name);
    char text[64];
    ssize_t n;

    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_send("READY=1", &fault), MH_OK);
    n = recv(fd, text, sizeof text, 0);
    assert_int_equal(n, 7);
    assert_memory_equal(text, "READY=1", 7);
    (void) close(fd);
}

static void
test_sockets(void **state)
{
    char *directory = test_dir_make();
    char *name = NULL;

    assert_true(asprintf(&name, "%s/notify", directory) > 0);
    check_told(name);
    free(name);
    assert_true(asprintf(&name, "@modelhost-test-notify-%ld", (long) getpid()) > 0);
    check_told(name);
    free(name);
    test_dir_remove(directory);
}

static void
test_nobody_wants_to_know(void **state)
{
    struct mh_fault fault = {0};

    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1", &fault), MH_OK);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_send("READY=1", &fault), MH_OK);
}

static void
test_refusals(void **state)
{
    struct mh_fault fault = {0};
    char longer[200];

    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_send("READY=1", &fault), MH_BAD_INPUT);
    assert_non_null(strstr(fault.sentence, "'relative'"));
    setenv("NOTIFY_SOCKET", longer, 1);
    assert_int_equal(notify_send("READY=1", &fault), MH_BAD_INPUT);
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    assert_int_equal(notify_send("READY=1", &fault), MH_IO);
    assert_non_null(strstr(fault.sentence, "'/nonexistent/notify'"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_nobody_wants_to_know),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
