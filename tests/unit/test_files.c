/* SPDX-License-Identifier: Apache-2.0 */
/* files.c against a real directory: what is found, where a redirect leads, what is hidden, and what
 * the ETag follows. */
#include "files.h"

#include "fd.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PAST 1000000000 /* a second long before any file here was changed */

static char *top;
static int top_fd = -1;
static int root_fd = -1;

static void
write_file(int dir_fd, const char *name, const char *text)
{
    scoped(fd_closep) int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
}

/* Through the descriptor: the directory's own path may be longer than a socket's may be. */
static void
make_socket(int dir_fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    scoped(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
                         name) < (int) sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
}

static int
setup(void **state)
{
    static const char *const dirs[] = {
        "root",
        "root/sub",
        "root/bare",
        "root/.git",
        "root/.well-known",
        "root/odd",
        "root/odd/index.html",
        "root/a b",
        "outside",
    };
    static const struct {
        const char *name, *text;
    } files[] = {
        {"root/index.html", "<p>"},     {"root/app.js", "let x;"},
        {"root/empty.bin", ""},         {"root/sub/index.html", "<b>"},
        {"root/sub/100%", "%"},         {"root/.git/config", "secret"},
        {"root/.env", "secret"},        {"root/.well-known/x.txt", "ok"},
        {"root/a b/\xC3\xA9.txt", "e"}, {"root/denied.txt", "x"},
        {"outside/secret.txt", "s"},
    };

    top = test_dir_make();
    top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < COUNT_OF(dirs); i++)
        assert_int_equal(mkdirat(top_fd, dirs[i], 0755), 0);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        write_file(top_fd, files[i].name, files[i].text);
    assert_int_equal(symlinkat("app.js", top_fd, "root/inside.js"), 0);
    assert_int_equal(symlinkat("../app.js", top_fd, "root/sub/up.js"), 0);
    assert_int_equal(symlinkat("../outside/secret.txt", top_fd, "root/leak.txt"), 0);
    assert_int_equal(symlinkat("../outside", top_fd, "root/leak"), 0);
    assert_int_equal(symlinkat("/etc/hostname", top_fd, "root/absolute.txt"), 0);
    assert_int_equal(symlinkat("loop", top_fd, "root/loop"), 0);
    assert_int_equal(symlinkat("nowhere", top_fd, "root/dangling"), 0);
    assert_int_equal(mkfifoat(top_fd, "root/pipe", 0644), 0);
    make_socket(top_fd, "root/socket");
    root_fd = openat(top_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root_fd >= 0 ? 0 : -1;
}

static int
teardown(void **state)
{
    fd_close(root_fd);
    fd_close(top_fd);
    test_dir_remove(top);
    return 0;
}

/* A request from its raw target, as a server makes it. */
static enum mh_code
ask_at(const char *raw, int64_t now, struct files_answer *ret, struct mh_fault *fault)
{
    struct buf path = BUF_INIT(TARGET_MAX_BYTES);
    struct target target;
    enum mh_code code;

    assert_int_equal(target_split(raw, &target), TARGET_OK);
    *ret = FILES_ANSWER_INIT;
    code = target_decode(&target, &path, fault);
    /* Dotfiles are handed on, to see that they are refused here too. */
    if (code == MH_OK || code == MH_NOT_FOUND)
        code = files_open(root_fd, &target, buf_text(&path), now, ret, fault);
    buf_done(&path);
    return code;
}

static enum mh_code
ask(const char *raw, struct files_answer *ret, struct mh_fault *fault)
{
    return ask_at(raw, PAST, ret, fault);
}

static void
test_found(void **state)
{
    static const struct {
        const char *raw, *text, *type;
    } rows[] = {
        {"/", "<p>", "text/html; charset=utf-8"},
        {"/?x=1", "<p>", "text/html; charset=utf-8"},
        {"//", "<p>", "text/html; charset=utf-8"},
        {"/index.html", "<p>", "text/html; charset=utf-8"},
        {"/app.js", "let x;", "text/javascript; charset=utf-8"},
        {"//app.js", "let x;", "text/javascript; charset=utf-8"},
        {"/empty.bin", "", "application/octet-stream"},
        {"/sub/", "<b>", "text/html; charset=utf-8"},
        {"/sub//index.html", "<b>", "text/html; charset=utf-8"},
        {"/sub/100%25", "%", "application/octet-stream"},
        {"/.well-known/x.txt", "ok", "text/plain; charset=utf-8"},
        {"/a%20b/%C3%A9.txt", "e", "text/plain; charset=utf-8"},
        {"/inside.js", "let x;", "text/javascript; charset=utf-8"},
        {"/sub/up.js", "let x;", "text/javascript; charset=utf-8"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct files_answer answer;
        struct mh_fault fault;
        char text[16] = {0};

        if (ask(rows[i].raw, &answer, &fault) != MH_OK)
            fail_msg("'%s': %s", rows[i].raw, fault.sentence);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.bytes, strlen(rows[i].text));
        assert_int_equal(fd_pread_full(answer.fd, text, sizeof(text), 0), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
        assert_string_equal(answer.content_type, rows[i].type);
        assert_true((fcntl(answer.fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_null(answer.location);
        files_answer_done(&answer);
        assert_int_equal(answer.fd, -1);
    }
}

static void
test_redirects(void **state)
{
    static const struct {
        const char *raw, *location;
    } rows[] = {
        {"/sub", "/sub/"},
        {"/sub?a=b&c", "/sub/?a=b&c"},
        {"/sub?", "/sub/?"},
        {"/bare", "/bare/"},
        {"/a%20b", "/a%20b/"},
        {"//sub", "/sub/"},
        {"///sub?x", "/sub/?x"},
        {"/sub?\xC3\xA9", "/sub/?%C3%A9"},
        {"http://localhost/sub?x", "/sub/?x"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct files_answer answer;
        struct mh_fault fault;

        if (ask(rows[i].raw, &answer, &fault) != MH_OK)
            fail_msg("'%s': %s", rows[i].raw, fault.sentence);
        assert_int_equal(answer.status, 308);
        assert_int_equal(answer.fd, -1);
        assert_string_equal(answer.location, rows[i].location);
        files_answer_done(&answer);
    }
}

static void
test_missing(void **state)
{
    static const char *const rows[] = {
        "/nonesuch",      "/nonesuch/",   "/sub/nonesuch",
        "/app.js/",       "/app.js/x",    "/bare/",
        "/odd/",          "/.env",        "/.git/config",
        "/%2egit/config", "/sub/../.env", "/leak.txt",
        "/leak/",         "/leak",        "/leak/secret.txt",
        "/absolute.txt",  "/loop",        "/dangling",
        "/pipe",          "/socket",      "/sub%2Findex.html",
        "/sub%2f",        "/.well-known", "/100%25",
        "/sub/100%2525",
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct files_answer answer;
        struct mh_fault fault = {0};
        const enum mh_code code = ask(rows[i], &answer, &fault);

        if (strcmp(rows[i], "/.well-known") == 0) { /* a directory like any other */
            assert_int_equal(answer.status, 308);
        } else if (strcmp(rows[i], "/sub/../.env") == 0) {
            assert_int_equal(code, MH_BAD_INPUT);
        } else {
            if (code != MH_NOT_FOUND || answer.status != 404)
                fail_msg("'%s': code %d, status %u", rows[i], (int) code, answer.status);
            assert_non_null(strstr(fault.sentence, rows[i]));
            assert_int_equal(answer.fd, -1);
        }
        files_answer_done(&answer);
    }
}

static void
test_long_name(void **state)
{
    char raw[TARGET_MAX_BYTES];
    struct files_answer answer;
    struct mh_fault fault;

    memset(raw, 'a', sizeof(raw));
    raw[0] = '/';
    raw[sizeof(raw) - 1] = '\0';
    assert_int_equal(ask(raw, &answer, &fault), MH_NOT_FOUND);
    assert_int_equal(answer.status, 404);
}

static void
test_denied(void **state)
{
    struct files_answer answer;
    struct mh_fault fault;

    assert_int_equal(fchmodat(root_fd, "denied.txt", 0, 0), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0); /* root may read everything */

    const enum mh_code code = ask("/denied.txt", &answer, &fault);

    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(code, MH_DENIED);
    assert_int_equal(answer.status, 403);
    assert_string_equal(fault.sentence,
                        "the file '/denied.txt' may not be read: Permission denied");
}

static void
test_no_descriptors(void **state)
{
    struct files_answer answer;
    struct mh_fault fault;
    struct rlimit old, low;
    const int free_fd = dup(root_fd); /* the lowest number that is free */

    fd_close(free_fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t) free_fd;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);

    const enum mh_code code = ask("/app.js", &answer, &fault);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(code, MH_BUSY);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(fault.sentence, "now: Too many open files"));
}

static void
set_mtime(const char *name, int64_t s)
{
    const struct timespec times[2] = {{.tv_sec = s}, {.tv_sec = s}};

    assert_int_equal(utimensat(root_fd, name, times, 0), 0);
}

/* The ETag of /changing.txt, seen at a time. */
static void
etag_at(int64_t now, char ret[FILES_ETAG_SIZE])
{
    struct files_answer answer;
    struct mh_fault fault;

    assert_int_equal(ask_at("/changing.txt", now, &answer, &fault), MH_OK);
    memcpy(ret, answer.etag, FILES_ETAG_SIZE);
    files_answer_done(&answer);
}

static void
test_etag(void **state)
{
    char first[FILES_ETAG_SIZE], second[FILES_ETAG_SIZE];
    struct stat st;

    write_file(root_fd, "changing.txt", "one");
    assert_int_equal(fstatat(root_fd, "changing.txt", &st, 0), 0);

    const int64_t changed_at = st.st_ctim.tv_sec;

    /* Weak while it is fresh, then strong, with the same opaque part. */
    etag_at(changed_at + 1, first);
    assert_memory_equal(first, "W/\"", 3);
    etag_at(changed_at - 100, first);
    assert_memory_equal(first, "W/\"", 3);
    etag_at(changed_at + 2, second);
    assert_int_equal(second[0], '"');
    assert_int_equal(second[strlen(second) - 1], '"');
    assert_string_equal(first + 2, second);

    /* Another length, the same time. */
    write_file(root_fd, "changing.txt", "three");
    set_mtime("changing.txt", st.st_mtim.tv_sec);
    etag_at(changed_at + 1000, first);
    assert_string_not_equal(first, second);

    /* The same length, another time. */
    set_mtime("changing.txt", PAST);
    etag_at(changed_at + 1000, second);
    assert_string_not_equal(first, second);

    /* Another file of the same length and time. */
    assert_int_equal(renameat(root_fd, "changing.txt", root_fd, "old.txt"), 0);
    write_file(root_fd, "changing.txt", "drei!");
    set_mtime("changing.txt", PAST);
    etag_at(changed_at + 1000, first);
    assert_string_not_equal(first, second);
    assert_int_equal(unlinkat(root_fd, "old.txt", 0), 0);
}

static void
test_modified(void **state)
{
    static const struct {
        int64_t mtime, now, modified_at;
    } rows[] = {
        {PAST, PAST + 10, PAST},
        {PAST + 10, PAST, PAST}, /* never in the future */
        {0, PAST, 0},
        {-5, PAST, -1},
    };

    write_file(root_fd, "changing.txt", "one");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct files_answer answer;
        struct mh_fault fault;

        set_mtime("changing.txt", rows[i].mtime);
        assert_int_equal(ask_at("/changing.txt", rows[i].now, &answer, &fault), MH_OK);
        assert_int_equal(answer.modified_at, rows[i].modified_at);
        files_answer_done(&answer);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),   cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_missing), cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_denied),  cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_etag),    cmocka_unit_test(test_modified),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
