/* SPDX-License-Identifier: Apache-2.0 */
/* Both ways of opening beneath a directory, the kernel's and the walk, against one table. */
#include "fd.h"
#include "fd_walk.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The walk behind the same door as the kernel's way: see fd_beneath.c. */
static bool
may_be_walked(const char *name)
{
    return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL;
}

static int
walk(int dir_fd, const char *name, int flags, mode_t mode)
{
    return may_be_walked(name) ? fd_walk(dir_fd, name, flags, mode, false)
                               : fd_open_beneath(dir_fd, name, flags, mode);
}

static int
walk_nolink(int dir_fd, const char *name, int flags, mode_t mode)
{
    return may_be_walked(name) ? fd_walk(dir_fd, name, flags, mode, true)
                               : fd_open_beneath_nolink(dir_fd, name, flags, mode);
}

typedef int open_function(int dir_fd, const char *name, int flags, mode_t mode);

static char *dir_path;
static int dir_fd = -1;

static void
make_file(const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    close(fd);
}

/* top/ is the tree; everything else lies outside. */
static int
set_up(void **state)
{
    static const char *const links[][2] = {
        {"a/file", "top/link"},
        {"top", "loop-out"},
        {"../out", "top/up"},
        {"../../out", "top/a/upup"},
        {"../b/file2", "top/a/side"},
        {"b", "top/todir"},
        {"nothing", "top/dangling"},
        {"self", "top/self"},
        {"todir/./deep/../file2", "top/chain"},
        {"../top/a/file", "top/out-and-back"},
    };
    char absolute[4096];

    (void) state;
    dir_path = test_dir_make();
    dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir_fd >= 0);
    assert_int_equal(mkdirat(dir_fd, "top", 0700), 0);
    assert_int_equal(mkdirat(dir_fd, "top/a", 0700), 0);
    assert_int_equal(mkdirat(dir_fd, "top/b", 0700), 0);
    assert_int_equal(mkdirat(dir_fd, "top/b/deep", 0700), 0);
    make_file("out", "outside");
    make_file("top/a/file", "one");
    make_file("top/b/file2", "two");
    for (size_t i = 0; i < COUNT(links); i++)
        assert_int_equal(symlinkat(links[i][0], dir_fd, links[i][1]), 0);
    assert_true(snprintf(absolute, sizeof(absolute), "%s/top/a/file", dir_path) > 0);
    assert_int_equal(symlinkat(absolute, dir_fd, "top/absolute"), 0);

    int top = openat(dir_fd, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    close(dir_fd);
    dir_fd = top;
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    close(dir_fd);
    test_dir_remove(dir_path);
    return 0;
}

static const struct {
    const char *name;
    int flags;
    const char *text; /* wanted content; "" for a directory; NULL: refused */
    int error;        /* then errno */
    int nolink_error; /* errno of the variant that refuses links; 0: the same as above */
} rows[] = {
    {"a/file", O_RDONLY, "one", 0, 0},
    {"a//./file", O_RDONLY, "one", 0, 0},
    {".", O_RDONLY, "", 0, 0},
    {"a", O_RDONLY | O_DIRECTORY, "", 0, 0},
    {"a/", O_RDONLY, "", 0, 0},
    {"a/.", O_RDONLY, "", 0, 0},
    {"a/file/", O_RDONLY, NULL, ENOTDIR, 0},
    {"a/file/x", O_RDONLY, NULL, ENOTDIR, 0},
    {"none", O_RDONLY, NULL, ENOENT, 0},
    {"none/x", O_RDONLY, NULL, ENOENT, 0},
    {"a/file", O_RDONLY | O_DIRECTORY, NULL, ENOTDIR, 0},
    {"a/file", O_RDONLY | O_CREAT | O_EXCL, NULL, EEXIST, 0},
    /* What is refused by its text. */
    {"", O_RDONLY, NULL, ENOENT, 0},
    {"/", O_RDONLY, NULL, EXDEV, 0},
    {"/etc/passwd", O_RDONLY, NULL, EXDEV, 0},
    {"..", O_RDONLY, NULL, EXDEV, 0},
    {"../out", O_RDONLY, NULL, EXDEV, 0},
    {"a/../a/file", O_RDONLY, NULL, EXDEV, 0},
    {"a/..", O_RDONLY, NULL, EXDEV, 0},
    /* Links that stay beneath. */
    {"link", O_RDONLY, "one", 0, ELOOP},
    {"todir/file2", O_RDONLY, "two", 0, ELOOP},
    {"todir", O_RDONLY | O_DIRECTORY, "", 0, ELOOP},
    {"a/side", O_RDONLY, "two", 0, ELOOP},
    {"chain", O_RDONLY, "two", 0, ELOOP},
    {"chain", O_PATH, "", 0, ELOOP},
    {"link", O_RDONLY | O_NOFOLLOW, NULL, ELOOP, 0},
    /* Links that do not, or lead nowhere. */
    {"up", O_RDONLY, NULL, EXDEV, ELOOP},
    {"a/upup", O_RDONLY, NULL, EXDEV, ELOOP},
    {"absolute", O_RDONLY, NULL, EXDEV, ELOOP},
    {"out-and-back", O_RDONLY, NULL, EXDEV, ELOOP},
    {"self", O_RDONLY, NULL, ELOOP, 0},
    {"self/x", O_RDONLY, NULL, ELOOP, 0},
    {"dangling", O_RDONLY, NULL, ENOENT, ELOOP},
};

static void
check_row(open_function *open_one, size_t i, bool is_nolink, const char *way)
{
    int wanted = is_nolink && rows[i].nolink_error != 0 ? rows[i].nolink_error : rows[i].error;

    errno = 0;

    int fd = open_one(dir_fd, rows[i].name, rows[i].flags, 0600);

    if (wanted != 0) {
        if (fd >= 0 || errno != wanted)
            fail_msg("%s '%s': fd %d, errno %d, wanted errno %d", way, rows[i].name, fd, errno,
                     wanted);
        return;
    }
    if (fd < 0)
        fail_msg("%s '%s': errno %d", way, rows[i].name, errno);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    if (rows[i].text[0] != '\0') {
        char text[16] = "";

        assert_true(read(fd, text, sizeof(text) - 1) >= 0);
        CHECK_TEXT(rows[i].name, text, rows[i].text);
    }
    close(fd);
}

static void
both_ways_agree(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_row(fd_open_beneath, i, false, "kernel");
        check_row(walk, i, false, "walk");
        check_row(fd_open_beneath_nolink, i, true, "kernel without links");
        check_row(walk_nolink, i, true, "walk without links");
    }
}

static void
makes_files_with_their_mode(void **state)
{
    static open_function *const ways[] = {fd_open_beneath, walk, fd_open_beneath_nolink,
                                          walk_nolink};
    mode_t mask = umask(022);

    (void) state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct stat st;
        int fd = ways[i](dir_fd, "b/deep/new", O_WRONLY | O_CREAT | O_EXCL, 0666);

        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        close(fd);
        assert_int_equal(unlinkat(dir_fd, "b/deep/new", 0), 0);
    }
    umask(mask);
}

static void
makes_through_a_dangling_link_only_beneath(void **state)
{
    static open_function *const ways[] = {fd_open_beneath, walk};

    (void) state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        int fd = ways[i](dir_fd, "dangling", O_WRONLY | O_CREAT, 0600);

        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(unlinkat(dir_fd, "nothing", 0), 0);
    }
    assert_int_equal(walk_nolink(dir_fd, "dangling", O_WRONLY | O_CREAT, 0600), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(fd_open_beneath_nolink(dir_fd, "dangling", O_WRONLY | O_CREAT, 0600), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(faccessat(dir_fd, "nothing", F_OK, 0), -1);
}

/* Too deep for the walk's descriptors, and a component that no file system takes: refused. */
static void
the_walk_is_bounded(void **state)
{
    char deep[2 * 130 + 1] = "";
    char longest[300];

    (void) state;
    for (size_t i = 0; i < 130; i++)
        memcpy(deep + 2 * i, "d/", 2);
    for (size_t n = 2; n <= 2 * 130; n += 2) {
        char part[sizeof(deep)];

        assert_true(snprintf(part, sizeof(part), "%.*s", (int) n - 1, deep) > 0);
        assert_int_equal(mkdirat(dir_fd, part, 0700), 0);
    }
    assert_int_equal(fd_walk(dir_fd, deep, O_PATH, 0, false), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(fd_walk(dir_fd, longest, O_PATH, 0, false), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(makes_files_with_their_mode),
        cmocka_unit_test(makes_through_a_dangling_link_only_beneath),
        cmocka_unit_test(the_walk_is_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
