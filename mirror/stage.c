/* SPDX-License-Identifier: Apache-2.0 */
/* Where archives are unpacked: partial/import-<32 hex digits>/, one directory for each.
 *
 * The process that unpacks holds a lock on its directory for as long as it lives, so that what a
 * killed one left can be told from what is in use, and is removed by whoever comes next. Only the
 * holder of the cache's LOCK takes files out and into objects/; a stage is litter until then. What
 * root makes here is given to the owner of the cache directory, which the server may run as.
 *
 * Any thread; any process that may write to the cache directory. */
#include "stage.h"

#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "list.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PREFIX       "import-"
#define RANDOM_BYTES 16
#define NAME_SIZE    (sizeof(PREFIX) + 2 * (size_t) RANDOM_BYTES)
#define SWEEP_MAX    1000

struct mh_stage {
    char name[NAME_SIZE];
    int parent_fd; /* <cache>/partial */
    int fd;        /* its directory; locked */
    uid_t owner;
    gid_t group;
};

static bool
is_stage_name(const char *name)
{
    const size_t prefix = strlen(PREFIX);

    return strncmp(name, PREFIX, prefix) == 0 && strlen(name) == NAME_SIZE - 1 &&
           strspn(name + prefix, "0123456789abcdef") == NAME_SIZE - 1 - prefix;
}

static int
open_directory(int dir_fd, const char *name)
{
    return fd_open_beneath_nolink(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

/* --- removing --- */

static bool
take_name(struct list *names, const char *name)
{
    char *copy = str_dup(name);

    if (copy && list_add(names, copy))
        return true;
    mem_free(copy);
    return false;
}

/* The names in a directory, less "." and ".."; as many as there is memory for. */
static void
list_names(int dir_fd, struct list *names)
{
    int fd = open_directory(dir_fd, ".");
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!directory)
        fd_close(fd);
    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !take_name(names, entry->d_name))
            break;
    if (directory)
        (void) closedir(directory);
}

/* A stage has no directories in it. What stays is removed by a later sweep. */
static void
remove_stage(int parent_fd, const char *name, int fd)
{
    struct list names = LIST_INIT(0);

    list_names(fd, &names);
    for (size_t i = 0; i < names.count; i++)
        (void) unlinkat(fd, names.items[i], 0);
    list_done(&names, mem_free);
    (void) unlinkat(parent_fd, name, AT_REMOVEDIR);
}

static void
sweep_parent(int parent_fd)
{
    struct list names = LIST_INIT(SWEEP_MAX);

    list_names(parent_fd, &names);
    for (size_t i = 0; i < names.count; i++) {
        scoped(fd_closep) int fd =
            is_stage_name(names.items[i]) ? open_directory(parent_fd, names.items[i]) : -1;

        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_stage(parent_fd, names.items[i], fd);
    }
    list_done(&names, mem_free);
}

void
stage_sweep(int cache_dir_fd)
{
    scoped(fd_closep) int parent_fd = open_directory(cache_dir_fd, "partial");

    if (parent_fd >= 0)
        sweep_parent(parent_fd);
}

/* --- one's own --- */

static enum mh_code
choose_name(char ret[NAME_SIZE], struct mh_fault *fault)
{
    uint8_t random[RANDOM_BYTES];

    if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
        return fail_errno(fault, errno, "cannot get random bytes for a name");
    memcpy(ret, PREFIX, strlen(PREFIX));
    hex_encode(random, sizeof(random), ret + strlen(PREFIX));
    return MH_OK;
}

/* Give what we made to whom the cache belongs. It matters for root alone, and a server that cannot
 * read it says so. */
static void
hand_to_owner(const struct mh_stage *stage, int fd)
{
    if (geteuid() == 0)
        (void) !fchown(fd, stage->owner, stage->group);
}

static enum mh_code
open_stage(struct mh_stage *stage, int cache_dir_fd, struct mh_fault *fault)
{
    struct stat st;
    enum mh_code code = choose_name(stage->name, fault);

    if (code != MH_OK)
        return code;
    stage->parent_fd = open_directory(cache_dir_fd, "partial");
    if (stage->parent_fd < 0 || fstat(cache_dir_fd, &st) < 0)
        return fail_errno(fault, errno, "open 'partial' in the cache directory");
    stage->owner = st.st_uid;
    stage->group = st.st_gid;
    sweep_parent(stage->parent_fd);
    if (mkdirat(stage->parent_fd, stage->name, 0777) < 0)
        return fail_errno(fault, errno, "make 'partial/%s' in the cache directory", stage->name);
    stage->fd = open_directory(stage->parent_fd, stage->name);
    if (stage->fd < 0 || flock(stage->fd, LOCK_EX | LOCK_NB) < 0)
        return fail_errno(fault, errno, "lock 'partial/%s' in the cache directory", stage->name);
    hand_to_owner(stage, stage->fd);
    return MH_OK;
}

enum mh_code
mh_stage_open(int cache_dir_fd, struct mh_stage **ret, struct mh_fault *fault)
{
    struct mh_stage *stage = mem_new(struct mh_stage);
    enum mh_code code;

    if (!stage)
        return fail(fault, MH_NOMEM, 0, "out of memory for an archive");
    stage->parent_fd = stage->fd = -1;
    code = open_stage(stage, cache_dir_fd, fault);
    if (code == MH_OK)
        *ret = stage;
    else
        mh_stage_close(stage);
    return code;
}

void
mh_stage_close(struct mh_stage *stage)
{
    if (!stage)
        return;
    if (stage->fd >= 0)
        remove_stage(stage->parent_fd, stage->name, stage->fd);
    fd_close(stage->fd);
    fd_close(stage->parent_fd);
    mem_free(stage);
}

const char *
mh_stage_name(const struct mh_stage *stage)
{
    return stage->name;
}

enum mh_code
mh_stage_make(const struct mh_stage *stage, const char *name, int *ret_fd, struct mh_fault *fault)
{
    int fd = fd_open_beneath_nolink(stage->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0666);

    if (fd < 0)
        return fail_errno(fault, errno, "make a file in 'partial/%s' in the cache directory",
                          stage->name);
    hand_to_owner(stage, fd);
    *ret_fd = fd;
    return MH_OK;
}

uint64_t
mh_stage_free_bytes(const struct mh_stage *stage)
{
    struct statvfs vfs;
    uint64_t bytes = 0;

    if (fstatvfs(stage->fd, &vfs) < 0 ||
        __builtin_mul_overflow((uint64_t) vfs.f_bavail, (uint64_t) vfs.f_frsize, &bytes))
        return UINT64_MAX;
    return bytes;
}

/* --- somebody's --- */

enum mh_code
stage_find(int cache_dir_fd, const char *name, int *ret_fd, struct mh_fault *fault)
{
    scoped(fd_closep) int parent_fd = -1;
    int fd;

    if (!is_stage_name(name))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is not what an unpacked archive is called", name);
    parent_fd = open_directory(cache_dir_fd, "partial");
    fd = parent_fd >= 0 ? open_directory(parent_fd, name) : -1;
    if (fd < 0)
        return fail_errno(fault, errno, "open 'partial/%s' in the cache directory", name);
    *ret_fd = fd;
    return MH_OK;
}
