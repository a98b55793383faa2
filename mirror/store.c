/* SPDX-License-Identifier: Apache-2.0 */
/* The cache directory: its layout, its one writer, and reading what lies in it.
 *
 * Invariants: whoever has a struct store holds LOCK, so nobody else writes here; FORMAT is one that
 * this program knows; the journal is empty, or what it holds is finished before anything else. LOCK
 * is an flock(2), which ends with the process however it ends; the pid in it is only there to be
 * named.
 *
 * Bytes are given out only together with the metadata that describes them: a file of another length
 * or time than recorded is CORRUPT until somebody has verified it. An object lies at one of two
 * places, and which one only its metadata tells, so a file at the right path whose recorded name is
 * another's is not the object.
 *
 * Any thread. Reading takes switch_lock, which a commit holds for its renames; it blocks on the
 * disk. Nothing here changes objects/ or meta/: that is what commits are for (store_commit.c). */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "mem.h"
#include "name.h"
#include "stage.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FORMAT_MAX_BYTES 64

/* --- opening --- */

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "out of memory for the cache");
}

/* The holder's pid as text, or words for what cannot be told. */
static void
read_holder(int lock_fd, char *ret, size_t size)
{
    static const char unknown[] = "another process";
    uint64_t pid = 0;
    char text[24];
    ssize_t n = fd_pread_full(lock_fd, text, sizeof(text) - 1, 0);

    memcpy(ret, unknown, sizeof(unknown) < size ? sizeof(unknown) : size);
    if (n <= 0)
        return;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    scoped(buf_done) struct buf words = BUF_INIT(size - 1);

    if (!uint_parse(text, INT_MAX, &pid))
        return;
    buf_printf(&words, "process %d", (int) pid);
    if (buf_is_ok(&words))
        memcpy(ret, buf_text(&words), words.length + 1);
}

static enum mh_code
take_lock(struct store *store, struct mh_fault *fault)
{
    char holder[40];
    scoped(buf_done) struct buf pid = BUF_INIT(24);

    store->lock_fd = fd_open_beneath_nolink(store->dir_fd, "LOCK", O_RDWR | O_CREAT, 0666);
    if (store->lock_fd < 0)
        return fail_errno(fault, errno, "open '%s/LOCK'", store->dir);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;

        if (error != EWOULDBLOCK)
            return fail_errno(fault, error, "lock '%s/LOCK'", store->dir);
        read_holder(store->lock_fd, holder, sizeof(holder));
        return fail(fault, MH_BUSY, error,
                    "the cache '%s' is in use by %s: stop it, or choose another directory with "
                    "--cache-dir",
                    store->dir, holder);
    }
    buf_printf(&pid, "%d\n", (int) getpid());
    if (ftruncate(store->lock_fd, 0) < 0)
        return fail_errno(fault, errno, "write '%s/LOCK'", store->dir);
    return fd_pwrite_all(store->lock_fd, buf_text(&pid), pid.length, 0, fault);
}

static enum mh_code
write_format(const struct store *store, struct mh_fault *fault)
{
    scoped(buf_done) struct buf text = BUF_INIT(FORMAT_MAX_BYTES);

    buf_printf(&text, "%d\n", STORE_FORMAT);
    enum mh_code code =
        fd_replace_file(store->dir_fd, "FORMAT", buf_text(&text), text.length, 0666, true, fault);

    return code == MH_OK ? file_sync(store->dir_fd, ".", NULL, fault) : code;
}

/* NOT_FOUND: there is none yet. */
static enum mh_code
check_format(const struct store *store, struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    uint64_t format = 0;
    size_t n = 0;
    enum mh_code code = fd_read_file(store->dir_fd, "FORMAT", FORMAT_MAX_BYTES, &text, &n, fault);

    if (code != MH_OK)
        return code;
    n = strcspn(text, "\n");
    if (!uint_parse_n(text, n, UINT32_MAX, &format) || format == 0)
        return fail(fault, MH_CORRUPT, 0,
                    "'%s/FORMAT' does not hold a number: this may be no cache; choose another "
                    "directory with --cache-dir",
                    store->dir);
    if (format > STORE_FORMAT)
        return fail(fault, MH_UNSUPPORTED, 0,
                    "the cache '%s' has format %u, and this modelhost knows format %d at most: use "
                    "a newer modelhost, or another directory with --cache-dir",
                    store->dir, (unsigned) format, STORE_FORMAT);
    return MH_OK;
}

enum mh_code
store_make_layout(const struct store *store, struct mh_fault *fault)
{
    static const char *const folders[] = {"objects", "meta", "encoded", "partial", "journal"};
    bool has_made = false;

    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        struct stat st;

        if (mkdirat(store->dir_fd, folders[i], 0777) == 0)
            has_made = true;
        else if (errno != EEXIST)
            return fail_errno(fault, errno, "make '%s/%s'", store->dir, folders[i]);
        if (fstatat(store->dir_fd, folders[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            return fail_errno(fault, errno, "stat '%s/%s'", store->dir, folders[i]);
        if (!S_ISDIR(st.st_mode))
            return fail(fault, MH_IO, ENOTDIR,
                        "'%s/%s' is no directory: move it away (the folders of a cache must lie on "
                        "one file system, so none of them can be a link)",
                        store->dir, folders[i]);
    }
    return has_made ? file_sync(store->dir_fd, ".", NULL, fault) : MH_OK;
}

/* Which boot this is. Where that cannot be told every process counts as one of its own, so that
 * lengths of partial files are never trusted too far. */
static void
read_boot_id(char *ret, size_t size)
{
    scoped(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : fd_pread_full(fd, ret, size - 1, 0);
    uint8_t random[16] = {0};

    if (n > 0) {
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
        return;
    }
    /* Short of randomness it is all zeroes, and still no boot's id. */
    (void) !getrandom(random, sizeof(random), 0);
    hex_encode(random, sizeof(random), ret);
}

static enum mh_code
open_journal(struct store *store, struct mh_fault *fault)
{
    store->journal_fd =
        fd_open_beneath_nolink(store->dir_fd, "journal/LOCK", O_RDWR | O_CREAT, 0666);
    if (store->journal_fd < 0)
        return fail_errno(fault, errno, "open '%s/journal/LOCK'", store->dir);
    enum mh_code code = journal_redo(store, fault);

    if (code == MH_NO_SPACE) { /* the little that it needs is at hand */
        reserve_drop(store);
        code = journal_redo(store, fault);
    }
    if (code == MH_OK)
        reserve_make(store);
    return code;
}

static enum mh_code
open_for_writing(struct store *store, struct mh_fault *fault)
{
    enum mh_code code = take_lock(store, fault);

    if (code == MH_OK) {
        code = check_format(store, fault);
        if (code == MH_NOT_FOUND)
            code = write_format(store, fault);
    }
    if (code == MH_OK)
        code = store_make_layout(store, fault);
    if (code == MH_OK)
        code = open_journal(store, fault);
    if (code == MH_OK)
        code = partial_sweep(store, fault);
    if (code == MH_OK)
        stage_sweep(store->dir_fd);
    return code;
}

static enum mh_code
open_for_reading(struct store *store, struct mh_fault *fault)
{
    const struct mh_fault why = *fault;

    fd_close(store->journal_fd);
    fd_close(store->lock_fd);
    store->journal_fd = store->lock_fd = -1;
    enum mh_code code = check_format(store, fault);

    return code == MH_OK || code == MH_NOT_FOUND ? readonly_open(store, &why, fault) : code;
}

static enum mh_code
open_parts(struct store *store, struct mh_fault *fault)
{
    struct mh_fault detail = {0};
    enum mh_code code = fd_make_dirs(store->dir, &detail);

    if (code != MH_OK) {
        fault_prepend(&detail, "no cache can be kept at '%s', choose another place by --cache-dir",
                      store->dir);
    } else {
        store->dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->dir_fd < 0)
            code = fail_errno(&detail, errno, "open the cache '%s'", store->dir);
        else
            code = open_for_writing(store, &detail);
    }
    if (code == MH_DENIED && store->dir_fd >= 0)
        code = open_for_reading(store, &detail);
    if (code != MH_OK) {
        if (fault)
            *fault = detail;
        return code;
    }
    long longest = fpathconf(store->dir_fd, _PC_NAME_MAX);

    store->max_component = longest > 0 ? (size_t) longest : NAME_MAX;
    read_boot_id(store->boot_id, sizeof(store->boot_id));
    return MH_OK;
}

static struct store *
store_new(const char *cache_dir)
{
    struct store *store = mem_new(struct store);

    if (!store)
        return NULL;
    store->dir_fd = store->lock_fd = store->journal_fd = -1;
    store->dir = str_dup(cache_dir);
    store->switch_lock = mem_new(pthread_rwlock_t);
    (void) pthread_mutex_init(&store->commit_lock, NULL);
    if (store->switch_lock)
        (void) pthread_rwlock_init(store->switch_lock, NULL);
    if (store->dir && store->switch_lock)
        return store;
    store_close(store);
    return NULL;
}

enum mh_code
store_open(const char *cache_dir, struct store **ret, struct mh_fault *fault)
{
    struct store *store = store_new(cache_dir);
    enum mh_code code = store ? open_parts(store, fault) : no_memory(fault);

    if (code == MH_OK)
        *ret = store;
    else
        store_close(store);
    return code;
}

void
store_close(struct store *store)
{
    if (!store)
        return;
    fd_close(store->journal_fd);
    fd_close(store->lock_fd); /* gives LOCK up */
    fd_close(store->dir_fd);
    if (store->switch_lock)
        (void) pthread_rwlock_destroy(store->switch_lock);
    (void) pthread_mutex_destroy(&store->commit_lock);
    map_free(store->hidden);
    mem_free(store->read_only_why);
    mem_free(store->switch_lock);
    mem_free(store->dir);
    mem_free(store);
}

int
store_dir_fd(const struct store *store)
{
    return store->dir_fd;
}

const char *
store_boot_id(const struct store *store)
{
    return store->boot_id;
}

uint64_t
store_free_bytes(const struct store *store)
{
    struct statvfs vfs;
    uint64_t bytes = 0;

    if (fstatvfs(store->dir_fd, &vfs) < 0 ||
        __builtin_mul_overflow((uint64_t) vfs.f_bavail, (uint64_t) vfs.f_frsize, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* --- reading --- */

/* A path that cannot exist in this tree is simply not there. */
static enum mh_code
absent_if_impossible(enum mh_code code, const struct mh_fault *fault)
{
    bool is_impossible = code != MH_OK && (fault->foreign == ENOTDIR || fault->foreign == EISDIR ||
                                           fault->foreign == ENAMETOOLONG);

    return is_impossible ? MH_NOT_FOUND : code;
}

static enum mh_code
read_meta_at(const struct store *store, const char *mirror, const char *name, const char *place,
             struct meta *ret, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = store_meta_path(mirror, place);
    scoped(mem_freep) char *text = NULL;
    struct meta meta = {.name = NULL};
    struct stat st;
    size_t n = 0;

    if (!path)
        return no_memory(fault);
    /* A directory of that name belongs to other objects. */
    if (store_is_hidden(store, path) ||
        (file_stat(store->dir_fd, path, &st) == 0 && S_ISDIR(st.st_mode)))
        return fail(fault, MH_NOT_FOUND, 0, "'%s' is not in the cache", name);
    enum mh_code code = fd_read_file(store->dir_fd, path, STORE_MAX_META_BYTES, &text, &n, fault);

    if (code != MH_OK)
        return absent_if_impossible(code, fault);
    code = meta_read(text, n, &meta, fault);
    if (code == MH_CORRUPT)
        fault_prepend(fault, "the metadata '%s/%s' cannot be used", store->dir, path);
    if (code != MH_OK)
        return code;
    if (strcmp(meta.name, name) != 0) {
        meta_done(&meta);
        return fail(fault, MH_NOT_FOUND, 0, "'%s' is not in the cache", name);
    }
    *ret = meta;
    return MH_OK;
}

static enum mh_code
read_meta_locked(const struct store *store, const char *mirror, const char *name, const char *url,
                 struct meta *ret_meta, char **ret_place, struct mh_fault *fault)
{
    char hashed[NAME_PLACE_SIZE];
    const char *place = name;
    enum mh_code plain = MH_NOT_FOUND;
    enum mh_code code = MH_NOT_FOUND;
    struct mh_fault detail = {0};

    (void) fail(&detail, MH_NOT_FOUND, 0, "'%s' is not in the cache", name);
    if (name_is_plain(name))
        code = plain = read_meta_at(store, mirror, name, place, ret_meta, &detail);
    if ((code == MH_NOT_FOUND || code == MH_CORRUPT) && url) {
        struct mh_fault other = {0};

        name_hashed_place(url, hashed);
        place = hashed;
        code = read_meta_at(store, mirror, name, place, ret_meta, &other);
        /* Damage at the plain place is worth more words than nothing at the other. */
        if (code == MH_NOT_FOUND)
            code = plain;
        else if (code != MH_OK)
            detail = other;
    }
    if (code != MH_OK) {
        if (fault)
            *fault = detail;
        return code;
    }
    *ret_place = str_dup(place);
    if (*ret_place)
        return MH_OK;
    meta_done(ret_meta);
    return no_memory(fault);
}

enum mh_code
store_read_meta(const struct store *store, const char *mirror, const char *name, const char *url,
                struct meta *ret_meta, char **ret_place, struct mh_fault *fault)
{
    struct meta meta = {.name = NULL};
    char *place = NULL;

    (void) pthread_rwlock_rdlock(store->switch_lock);
    enum mh_code code = read_meta_locked(store, mirror, name, url, &meta, &place, fault);
    (void) pthread_rwlock_unlock(store->switch_lock);
    if (code == MH_OK) {
        *ret_meta = meta;
        *ret_place = place;
    }
    return code;
}

static enum mh_code
check_object(const char *path, const struct stat *st, const struct meta *meta,
             struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    if (!S_ISREG(st->st_mode))
        return fail(fault, MH_NOT_FOUND, 0, "'%s' is no file", path);
    if ((uint64_t) st->st_size != meta->bytes) {
        code = fail(fault, MH_CORRUPT, 0, "the cached file '%s' has changed its length", path);
        fault_expected(fault, "%llu bytes", (unsigned long long) meta->bytes);
        fault_found(fault, "%lld bytes", (long long) st->st_size);
    } else if (stat_mtime_ns(st) != meta->mtime_ns) {
        code = fail(fault, MH_CORRUPT, 0, "the cached file '%s' was modified since it was checked",
                    path);
    }
    return code;
}

enum mh_code
store_open_object(const struct store *store, const char *mirror, const char *place,
                  const struct meta *meta, int *ret_fd, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = store_object_path(mirror, place);
    struct mh_fault detail = {0};
    struct stat st;
    enum mh_code code = MH_OK;

    if (!path)
        return no_memory(fault);
    if (store_is_hidden(store, path))
        return fail(fault, MH_NOT_FOUND, 0, "'%s' is part of an unfinished publish", path);
    (void) pthread_rwlock_rdlock(store->switch_lock);
    /* Nonblocking, so that a pipe in its place does not hold us up. */
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(store->dir_fd, path, O_RDONLY | O_NONBLOCK, 0);
    int error = errno;

    (void) pthread_rwlock_unlock(store->switch_lock);
    if (fd < 0)
        code = absent_if_impossible(fail_errno(&detail, error, "open '%s'", path), &detail);
    else if (fstat(fd, &st) < 0)
        code = fail_errno(&detail, errno, "stat '%s'", path);
    else
        code = check_object(path, &st, meta, &detail);
    if (code == MH_OK)
        *ret_fd = fd_take(&fd);
    else if (fault)
        *fault = detail;
    return code;
}
