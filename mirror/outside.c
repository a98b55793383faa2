/* SPDX-License-Identifier: Apache-2.0 */
/* Changes from outside: a file of objects/ that is removed, replaced or written to.
 *
 * Every directory that holds an object, and those above it, has an inotify watch. Once a second the
 * events are turned into paths, and the files of those are compared with the length and time that
 * their versions say. What differs loses its version: the next request settles it from disk, by its
 * hash, or fetches it again. Our own publishes cause events too, and pass the comparison; what is
 * just being switched or removed is passed over, since its switch says itself what holds.
 *
 * An event about a directory, or a queue that ran over, means a look at everything. Where there is
 * no inotify, or it has no more watches, everything is looked at every other second instead.
 *
 * host->lock guards `wanted` and `is_looking`; all else belongs to the one piece of work that runs.
 */
#include "outside.h"

#include "fault.h"
#include "fd.h"
#include "list.h"
#include "mem.h"
#include "store_internal.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define MASK                                                                                       \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
#define EVENT_BYTES 16384
#define NUMBER_SIZE 24
#define ROOT        "objects"
#define BLIND_TICKS 2

struct outside {
    struct mh_host *host;
    int fd;             /* inotify; -1: there is none */
    struct map *wanted; /* paths of new files, as a set */
    bool is_looking;
    struct work_item work;
    unsigned ticks; /* the fetch thread's */
    /* The work's: */
    struct map *watched; /* directories, as a set */
    struct map *numbers; /* watch descriptor in decimal -> char *directory, owned */
    bool is_blind;       /* a watch could not be had */
};

/* What a look is about. */
struct suspects {
    struct map *paths; /* as a set */
    bool is_all;
};

/* --- life --- */

enum mh_code
outside_new(struct mh_host *host, struct mh_fault *f)
{
    struct outside *outside = mem_new(struct outside);

    if (!outside)
        return fail(f, MH_NOMEM, 0, "out of memory for watching the cache");
    outside->host = host;
    outside->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    outside->is_blind = outside->fd < 0;
    outside->wanted = map_new();
    outside->watched = map_new();
    outside->numbers = map_new();
    host->outside = outside;
    return outside->wanted && outside->watched && outside->numbers
               ? MH_OK
               : fail(f, MH_NOMEM, 0, "out of memory for watching the cache");
}

void
outside_free(struct outside *outside)
{
    if (!outside)
        return;
    for (struct map_entry *e = outside->numbers ? map_first(outside->numbers) : NULL; e;
         e = map_next(e))
        mem_free(map_value(e));
    map_free(outside->numbers);
    map_free(outside->watched);
    map_free(outside->wanted);
    fd_close(outside->fd);
    mem_free(outside);
}

void
outside_add_locked(const struct object *object, const struct version *version)
{
    struct outside *outside = object->host->outside;
    scoped(mem_freep) char *path = store_object_path(object->mirror->name, version->place);

    /* Without memory its changes are noticed when it is opened. */
    if (outside && path)
        (void) !map_set(outside->wanted, path, outside);
}

/* --- watches --- */

static void
number_text(int number, char ret[NUMBER_SIZE])
{
    (void) snprintf(ret, NUMBER_SIZE, "%d", number);
}

/* false: there can be no more. A directory that is gone needs none. */
static bool
watch_directory(struct outside *outside, const char *directory)
{
    char through[NUMBER_SIZE + 16], number[NUMBER_SIZE];
    scoped(fd_closep) int fd = fd_open_beneath_nolink(store_dir_fd(outside->host->store), directory,
                                                      O_PATH | O_DIRECTORY, 0);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    (void) snprintf(through, sizeof(through), "/proc/self/fd/%d", fd);
    int wd = inotify_add_watch(outside->fd, through, MASK);

    if (wd < 0)
        return false;
    number_text(wd, number);
    scoped(mem_freep) char *copy = str_dup(directory);
    char *old = map_get(outside->numbers, number);

    if (!copy || !map_set(outside->watched, directory, outside) ||
        !map_set(outside->numbers, number, copy))
        return false;
    copy = NULL;
    mem_free(old);
    return true;
}

/* The directories of a path, up to the root of the objects. */
static void
watch_above(struct outside *outside, const char *path)
{
    for (const char *slash = strrchr(path, '/'); slash && !outside->is_blind;) {
        scoped(mem_freep) char *directory = str_dup_n(path, (size_t) (slash - path));

        if (!directory || map_get(outside->watched, directory))
            return; /* then those above it are, too */
        outside->is_blind = !watch_directory(outside, directory);
        slash = memrchr(path, '/', (size_t) (slash - path));
    }
}

/* --- events --- */

static void
forget_watch(struct outside *outside, const char *number, const char *directory)
{
    (void) map_remove(outside->watched, directory);
    mem_free(map_remove(outside->numbers, number));
}

/* A directory was moved away with all that is below it. Those watches go with it, and what comes to
 * lie at its path is another. */
static void
forget_below(struct outside *outside, const char *moved)
{
    scoped(mem_freep) char *above = str_dup(moved); /* `moved` may be one of those that go */
    size_t n = strlen(moved);
    struct map_entry *next;

    for (struct map_entry *e = above ? map_first(outside->numbers) : NULL; e; e = next) {
        const char *directory = map_value(e);
        uint64_t number = 0;

        next = map_next(e);
        if (strncmp(directory, above, n) != 0 || (directory[n] != '/' && directory[n] != '\0'))
            continue;
        /* A watch that stays costs a look at everything, and nothing else. */
        if (uint_parse(map_key(e), INT_MAX, &number))
            (void) inotify_rm_watch(outside->fd, (int) number);
        forget_watch(outside, map_key(e), directory);
    }
}

static void
take_event(struct outside *outside, const struct inotify_event *event, struct suspects *suspects)
{
    char number[NUMBER_SIZE];

    number_text(event->wd, number);
    const char *directory = map_get(outside->numbers, number);

    if (!directory || (event->mask & (IN_ISDIR | IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) ||
        event->len == 0) {
        suspects->is_all = true;
    } else {
        scoped(mem_freep) char *path = str_printf("%s/%s", directory, event->name);

        if (!path || !map_set(suspects->paths, path, outside))
            suspects->is_all = true;
    }
    if (directory && (event->mask & IN_MOVE_SELF))
        forget_below(outside, directory);
    else if (directory && (event->mask & IN_IGNORED))
        forget_watch(outside, number, directory);
}

static void
read_events(struct outside *outside, struct suspects *suspects)
{
    _Alignas(struct inotify_event) char buffer[EVENT_BYTES];
    ssize_t n;

    while (outside->fd >= 0 && (n = read(outside->fd, buffer, sizeof(buffer))) > 0) {
        for (const char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *) (const void *) at;

            take_event(outside, event, suspects);
            at += sizeof(*event) + event->len;
        }
    }
}

/* --- looking --- */

struct suspect {
    struct object *object;   /* counted */
    struct version *version; /* counted */
    bool has_changed;
};

static bool
add_suspect_locked(struct list *list, struct object *object)
{
    struct suspect *suspect = mem_new(struct suspect);

    if (!suspect || !list_add(list, suspect)) {
        mem_free(suspect);
        return false;
    }
    suspect->object = object_ref_locked(object);
    suspect->version = object_version_locked(object);
    return true;
}

/* Is its file one of those that something was said of? */
static bool
is_meant(const struct object *object, const struct version *version,
         const struct suspects *suspects)
{
    scoped(mem_freep) char *path = NULL;

    if (suspects->is_all)
        return true;
    path = store_object_path(object->mirror->name, version->place);
    return !path || map_get(suspects->paths, path);
}

static void
find_suspects_locked(struct mh_host *host, const struct suspects *suspects, struct list *list)
{
    bool is_all = suspects->is_all || map_count(suspects->paths) > 0;

    for (struct map_entry *e = map_first(host->index); is_all && e; e = map_next(e)) {
        struct object *object = map_value(e);
        const struct version *version =
            atomic_load_explicit(&object->current, memory_order_relaxed);

        /* Without memory the rest is noticed when it is opened. */
        if (version && object->leaving == 0 && is_meant(object, version, suspects))
            is_all = add_suspect_locked(list, object);
    }
}

static bool
has_changed(const struct store *store, const struct suspect *suspect)
{
    const struct meta *meta = &suspect->version->meta;
    scoped(mem_freep) char *path =
        store_object_path(suspect->object->mirror->name, suspect->version->place);
    struct stat st;

    if (!path)
        return false;
    if (file_stat(store->dir_fd, path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return !S_ISREG(st.st_mode) || (uint64_t) st.st_size != meta->bytes ||
           stat_mtime_ns(&st) != meta->mtime_ns;
}

/* Directories may be others than before. */
static void
watch_again(struct outside *outside, const struct suspect *suspect)
{
    scoped(mem_freep) char *path =
        store_object_path(suspect->object->mirror->name, suspect->version->place);

    if (path)
        watch_above(outside, path);
}

/* The version is not what is there: the next request settles it. */
static void
conclude_locked(struct suspect *suspect)
{
    struct object *object = suspect->object;

    if (suspect->has_changed && object->leaving == 0 &&
        atomic_load_explicit(&object->current, memory_order_relaxed) == suspect->version)
        object_set_version_locked(object, NULL);
    version_unref(suspect->version);
    object_unref_locked(object);
}

static void
look(struct mh_host *host, const struct suspects *suspects)
{
    struct list list = LIST_INIT(0);

    (void) pthread_mutex_lock(&host->lock);
    find_suspects_locked(host, suspects, &list);
    (void) pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < list.count; i++) {
        struct suspect *suspect = list.items[i];

        if (suspects->is_all)
            watch_again(host->outside, suspect);
        suspect->has_changed = has_changed(host->store, suspect);
    }
    (void) pthread_mutex_lock(&host->lock);
    for (size_t i = 0; i < list.count; i++)
        conclude_locked(list.items[i]);
    (void) pthread_mutex_unlock(&host->lock);
    list_done(&list, mem_free);
}

/* --- once a second --- */

static void
run(struct work_item *item)
{
    struct outside *outside =
        (struct outside *) (void *) ((char *) item - offsetof(struct outside, work));
    struct mh_host *host = outside->host;
    struct map *fresh = map_new();

    (void) pthread_mutex_lock(&host->lock);
    struct suspects suspects = {.paths = outside->wanted, .is_all = outside->is_blind};

    outside->wanted = fresh ? fresh : outside->wanted;
    (void) pthread_mutex_unlock(&host->lock);
    if (fresh) {
        /* Watched first, then looked at: nothing falls between. */
        for (struct map_entry *e = map_first(suspects.paths); e; e = map_next(e))
            watch_above(outside, map_key(e));
        read_events(outside, &suspects);
        look(host, &suspects);
        map_free(suspects.paths);
    }
    (void) pthread_mutex_lock(&host->lock);
    outside->is_looking = false;
    (void) pthread_mutex_unlock(&host->lock);
}

static bool
has_events(const struct outside *outside)
{
    struct pollfd pollfd = {.fd = outside->fd, .events = POLLIN};

    return outside->fd >= 0 && poll(&pollfd, 1, 0) > 0;
}

void
outside_tick(struct mh_host *host)
{
    struct outside *outside = host->outside;
    bool has_news = has_events(outside);

    outside->ticks++;
    (void) pthread_mutex_lock(&host->lock);
    bool begins = !outside->is_looking && !host->is_stopping && host->has_scanned;

    if (begins) {
        has_news = has_news || map_count(outside->wanted) > 0 ||
                   (outside->is_blind && outside->ticks % BLIND_TICKS == 0);
        begins = has_news;
    }
    outside->is_looking = outside->is_looking || begins;
    (void) pthread_mutex_unlock(&host->lock);
    if (!begins)
        return;
    outside->work.run = run;
    work_submit(host->work, &outside->work);
}
