/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static char *dir_path;
static int dir_fd = -1;
static struct mh_fault fault;

static int
set_up(void **state)
{
    (void) state;
    dir_path = test_dir_make();
    dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir_fd >= 0);
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

static bool
exists(const char *name)
{
    return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
descriptors(void **state)
{
    int fd = dup(dir_fd);
    int taken = fd_take(&fd);

    (void) state;
    assert_int_equal(fd, -1);
    errno = EINTR;
    fd_close(taken);
    fd_close(-1);
    fd_close(taken); /* EBADF: errno is kept all the same */
    assert_int_equal(errno, EINTR);
    {
        scoped(fd_closep) int held = dup(dir_fd);

        taken = held;
        assert_int_not_equal(fcntl(taken, F_GETFD), -1);
    }
    assert_int_equal(fcntl(taken, F_GETFD), -1);
}

static void
parents_are_made_and_pruned(void **state)
{
    (void) state;
    assert_int_equal(fd_make_parents(dir_fd, "a/b/c/file", &fault), MH_OK);
    assert_int_equal(fd_make_parents(dir_fd, "a/b/d/file", &fault), MH_OK);
    assert_int_equal(fd_make_parents(dir_fd, "a//b/d/file", &fault), MH_OK);
    assert_int_equal(fd_make_parents(dir_fd, "file", &fault), MH_OK);
    assert_true(exists("a/b/c"));
    assert_false(exists("a/b/c/file"));
    assert_false(exists("file"));

    assert_int_equal(fd_sync_parents(dir_fd, "a/b/c/file", &fault), MH_OK);
    assert_int_equal(fd_sync_parents(dir_fd, "file", &fault), MH_OK);
    assert_int_equal(fd_sync_parents(dir_fd, "a/none/file", &fault), MH_NOT_FOUND);

    errno = EINTR;
    fd_prune_parents(dir_fd, "a/b/c/file");
    assert_int_equal(errno, EINTR);
    assert_false(exists("a/b/c"));
    assert_true(exists("a/b/d")); /* holds up what is above */
    fd_prune_parents(dir_fd, "a/b/d/file");
    assert_false(exists("a"));
    fd_prune_parents(dir_fd, "file");
    assert_true(exists("."));
}

static void
parents_never_leave_the_directory(void **state)
{
    static const char *const names[] = {"/tmp/x/y", "../x/y", "a/../../x/y"};

    (void) state;
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(names[i], fd_make_parents(dir_fd, names[i], &fault) == MH_IO);
    assert_int_equal(mkdirat(dir_fd, "real", 0700), 0);
    assert_int_equal(symlinkat("real", dir_fd, "link"), 0);
    assert_int_equal(fd_make_parents(dir_fd, "link/x/y", &fault), MH_IO);
    assert_false(exists("real/x"));

    /* Nor does pruning remove through a link. */
    assert_int_equal(mkdirat(dir_fd, "real/x", 0700), 0);
    fd_prune_parents(dir_fd, "link/x/y");
    assert_true(exists("real/x"));
    assert_int_equal(unlinkat(dir_fd, "link", 0), 0);
    fd_prune_parents(dir_fd, "real/x/y");
}

static void
a_file_in_the_way_is_busy(void **state)
{
    (void) state;
    assert_int_equal(fd_make_parents(dir_fd, "a/file", &fault), MH_OK);
    assert_int_equal(fd_replace_file(dir_fd, "a/b", "x", 1, 0600, false, &fault), MH_OK);
    assert_int_equal(fd_make_parents(dir_fd, "a/b/c/d", &fault), MH_BUSY);
    assert_string_equal(fault.sentence, "'a/b' is in the way of 'a/b/c/d': it is no directory");
    assert_int_equal(unlinkat(dir_fd, "a/b", 0), 0);
    fd_prune_parents(dir_fd, "a/file");
}

static void *
make_many(void *arg)
{
    enum mh_code *code = arg;

    for (int i = 0; i < 200 && *code == MH_OK; i++) {
        char name[64];

        assert_true(snprintf(name, sizeof(name), "many/%d/%d/x", i, i) < 64);
        *code = fd_make_parents(dir_fd, name, NULL);
    }
    return NULL;
}

static void
two_threads_make_the_same(void **state)
{
    pthread_t threads[2];
    enum mh_code codes[2] = {MH_OK, MH_OK};

    (void) state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, &codes[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(codes[i], MH_OK);
    }
}

static void
directories_by_path(void **state)
{
    scoped(mem_freep) char *deep = str_printf("%s/p/q/r", dir_path);
    scoped(mem_freep) char *slash = str_printf("%s/p//s/", dir_path);
    scoped(mem_freep) char *file = str_printf("%s/p/file", dir_path);
    scoped(mem_freep) char *behind = str_printf("%s/p/file/x", dir_path);

    (void) state;
    assert_int_equal(fd_make_dirs(deep, &fault), MH_OK);
    assert_int_equal(fd_make_dirs(deep, &fault), MH_OK);
    assert_int_equal(fd_make_dirs(slash, &fault), MH_OK);
    assert_int_equal(fd_make_dirs("/", &fault), MH_OK);
    assert_true(exists("p/q/r"));
    assert_true(exists("p/s"));
    assert_int_equal(fd_replace_file(dir_fd, "p/file", "x", 1, 0600, false, &fault), MH_OK);
    assert_int_equal(fd_make_dirs(file, &fault), MH_IO);
    assert_non_null(strstr(fault.sentence, "in the way"));
    assert_int_equal(fd_make_dirs(behind, &fault), MH_IO);
    assert_non_null(strstr(fault.sentence, "p/file'"));
    assert_int_equal(fd_make_dirs("/proc/none/x", &fault), MH_NOT_FOUND);
}

static void
reads_and_writes_all(void **state)
{
    scoped(fd_closep) int fd = fd_open_beneath(dir_fd, "data", O_RDWR | O_CREAT, 0600);
    char bytes[16];

    (void) state;
    assert_int_equal(fd_write_all(fd, "hello", 5, &fault), MH_OK);
    assert_int_equal(fd_pwrite_all(fd, "world", 5, 5, &fault), MH_OK);
    assert_int_equal(fd_pwrite_all(fd, "", 0, 100, &fault), MH_OK);
    assert_int_equal(fd_pread_full(fd, bytes, 10, 0), 10);
    assert_memory_equal(bytes, "helloworld", 10);
    assert_int_equal(fd_pread_full(fd, bytes, 16, 8), 2);
    assert_int_equal(fd_pread_full(fd, bytes, 16, 10), 0);
    assert_int_equal(fd_pread_full(fd, bytes, 16, UINT64_MAX), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(fd_pread_full(-1, bytes, 16, 0), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(fd_pwrite_all(fd, "x", 1, UINT64_MAX - 1, &fault), MH_NO_SPACE);
    assert_int_equal(fd_write_all(-1, "x", 1, &fault), MH_IO);
}

/* A pipe gives and takes less than was asked for. */
static void *
write_to_pipe(void *arg)
{
    static char bytes[300000];
    const int *fd = arg;

    memset(bytes, 'p', sizeof(bytes));
    assert_int_equal(fd_write_all(*fd, bytes, sizeof(bytes), NULL), MH_OK);
    close(*fd);
    return NULL;
}

static void
short_counts_go_on(void **state)
{
    int pipe_fds[2];
    pthread_t thread;
    size_t total = 0;
    char bytes[1000];
    ssize_t got;

    (void) state;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_to_pipe, &pipe_fds[1]), 0);
    while ((got = read(pipe_fds[0], bytes, sizeof(bytes))) > 0)
        total += (size_t) got;
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(pipe_fds[0]);
    assert_int_equal(total, 300000);
}

static void
whole_files(void **state)
{
    char *text = NULL;
    size_t n = 0;
    struct stat st;

    (void) state;
    assert_int_equal(fd_replace_file(dir_fd, "note", "one\0two", 7, 0600, true, &fault), MH_OK);
    assert_int_equal(fd_read_file(dir_fd, "note", 7, &text, &n, &fault), MH_OK);
    assert_int_equal(n, 7);
    assert_memory_equal(text, "one\0two\0", 8);
    mem_free(text);
    assert_int_equal(fd_replace_file(dir_fd, "note", "", 0, 0640, false, &fault), MH_OK);
    assert_int_equal(fd_read_file(dir_fd, "note", 0, &text, &n, &fault), MH_OK);
    assert_int_equal(n, 0);
    assert_string_equal(text, "");
    mem_free(text);
    assert_int_equal(fstatat(dir_fd, "note", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_true(stat_mtime_ns(&st) > INT64_C(1600000000000000000));

    assert_int_equal(fd_replace_file(dir_fd, "note", "12345678", 8, 0600, false, &fault), MH_OK);
    text = NULL;
    assert_int_equal(fd_read_file(dir_fd, "note", 7, &text, &n, &fault), MH_TOO_LARGE);
    assert_string_equal(fault.sentence, "'note' is 8 bytes, and at most 7 are read");
    assert_int_equal(fd_read_file(dir_fd, "none", 7, &text, &n, &fault), MH_NOT_FOUND);
    assert_string_equal(fault.sentence, "open 'none': No such file or directory");
    assert_int_equal(fd_read_file(dir_fd, "../note", 7, &text, &n, &fault), MH_IO);
    assert_int_equal(fd_read_file(dir_fd, ".", 4096, &text, &n, &fault), MH_IO);
    assert_string_equal(fault.sentence, "'.' is not a regular file");
    assert_int_equal(mkfifoat(dir_fd, "pipe", 0600), 0);
    assert_int_equal(fd_read_file(dir_fd, "pipe", 4096, &text, &n, &fault), MH_IO);
    assert_null(text);
}

static size_t
count_entries(const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    size_t count = 0;

    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void
replacing_fails_without_a_trace(void **state)
{
    (void) state;
    assert_int_equal(fd_make_parents(dir_fd, "rep/dir/x", &fault), MH_OK);
    assert_int_equal(fd_replace_file(dir_fd, "rep/dir/x", "x", 1, 0600, false, &fault), MH_OK);
    assert_int_equal(fd_replace_file(dir_fd, "rep/dir", "x", 1, 0600, false, &fault), MH_IO);
    assert_string_equal(fault.sentence, "write 'rep/dir': rename into place: Is a directory");
    assert_int_equal(count_entries("rep"), 1); /* no temporary file is left */
    assert_int_equal(fd_replace_file(dir_fd, "none/x", "x", 1, 0600, false, &fault), MH_NOT_FOUND);
    assert_int_equal(fd_replace_file(dir_fd, "/tmp/x", "x", 1, 0600, false, &fault), MH_IO);
    assert_int_equal(fd_replace_file(dir_fd, "../x", "x", 1, 0600, false, &fault), MH_IO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors),
        cmocka_unit_test(parents_are_made_and_pruned),
        cmocka_unit_test(parents_never_leave_the_directory),
        cmocka_unit_test(a_file_in_the_way_is_busy),
        cmocka_unit_test(two_threads_make_the_same),
        cmocka_unit_test(directories_by_path),
        cmocka_unit_test(reads_and_writes_all),
        cmocka_unit_test(short_counts_go_on),
        cmocka_unit_test(whole_files),
        cmocka_unit_test(replacing_fails_without_a_trace),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
