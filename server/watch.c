/* SPDX-License-Identifier: Apache-2.0 */
/* What changes of the app's files mean for its pages.
 *
 * A thread gathers what happens until all has been quiet for a moment: an editor saves a file by
 * several steps (a backup, a temporary name, a rename), and a build writes many. Only then each
 * path is looked at: a file that came and went meanwhile was an editor's own and means nothing; a
 * style sheet that is there can be swapped in place; anything else needs the page to be loaded
 * anew. A file that was made and not closed yet is waited for.
 *
 * What pages are told is state and not news: numbers that grow, and the number that a page was made
 * of stands in the page. So nothing is missed between a page and its stream of events, whichever
 * comes late or breaks. `lock` guards that state and is a leaf. */
#include "watch.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "json.h"
#include "list.h"
#include "log.h"
#include "mem.h"
#include "urlpath.h"
#include "watch_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_MS   50  /* of silence end a batch */
#define BATCH_MS   500 /* or so long since its begin */
#define NOTES_MAX  4096
#define STYLES_MAX 256
#define PATH_ROOM  ((size_t) 64 << 10)

/* What happened to one path in this batch. */
struct note {
    char *path;
    bool is_new; /* it began by being made or moved here */
    bool is_written;
};

struct style {
    char *path; /* as in a URL */
    uint64_t number;
};

struct watch {
    int root_fd; /* borrowed */
    void (*on_change)(void *arg);
    void *arg;
    int stop_fd;
    pthread_t thread;
    char start[17]; /* of this server; constant */

    /* The thread's own: */
    struct watch_tree *tree;
    struct list notes; /* struct note */
    bool has_lost;     /* a batch that does not know all of it */
    bool has_warned;

    pthread_mutex_t lock;
    /* lock: */
    uint64_t number; /* of the last batch that meant something */
    uint64_t page;
    struct list styles; /* struct style */
};

/* --- a batch --- */

static void
free_note(void *item)
{
    struct note *note = item;

    mem_free(note->path);
    mem_free(note);
}

static struct note *
find_note(const struct watch *watch, const char *path)
{
    for (size_t i = 0; i < watch->notes.count; i++) {
        struct note *note = watch->notes.items[i];

        if (strcmp(note->path, path) == 0)
            return note;
    }
    return NULL;
}

/* NULL: there is no room; then it is as if everything had changed. */
static struct note *
add_note(struct watch *watch, const char *path)
{
    struct note *note = mem_new(struct note);

    if (note == NULL)
        return NULL;
    note->path = str_dup(path);
    if (note->path != NULL && list_add(&watch->notes, note))
        return note;
    free_note(note);
    return NULL;
}

static void
see(void *arg, const char *path, enum watch_kind kind)
{
    struct watch *watch = arg;
    struct note *note = kind == WATCH_LOST ? NULL : find_note(watch, path);

    if (note == NULL && kind != WATCH_LOST) {
        note = add_note(watch, path);
        if (note != NULL)
            note->is_new = kind == WATCH_MADE || kind == WATCH_MOVED;
    }
    if (note == NULL)
        watch->has_lost = true;
    else if (kind == WATCH_WRITTEN || kind == WATCH_MOVED)
        note->is_written = true;
}

enum meaning { MEANS_NOTHING, MEANS_STYLE, MEANS_PAGE, MEANS_WAIT };

static bool
ends_with(const char *path, const char *suffix)
{
    const size_t n = strlen(path), suffix_n = strlen(suffix);

    return n >= suffix_n && strcasecmp(path + n - suffix_n, suffix) == 0;
}

/* st: what is there now, or NULL. */
static enum meaning
judge(const struct note *note, const struct stat *st)
{
    /* Backups, and what only debuggers read. */
    if (ends_with(note->path, "~") || ends_with(note->path, ".map"))
        return MEANS_NOTHING;
    if (st == NULL)
        return note->is_new ? MEANS_NOTHING : MEANS_PAGE;
    /* Of one that is made and still open, its end is told. A link has none. */
    if (note->is_new && !note->is_written && S_ISREG(st->st_mode) && st->st_nlink == 1)
        return MEANS_WAIT;
    return ends_with(note->path, ".css") ? MEANS_STYLE : MEANS_PAGE;
}

static enum meaning
look_at(const struct watch *watch, const struct note *note)
{
    scoped(fd_closep) int fd = fd_open_beneath(watch->root_fd, note->path, O_PATH | O_NOFOLLOW, 0);
    struct stat st;

    return judge(note, fd >= 0 && fstat(fd, &st) == 0 ? &st : NULL);
}

/* --- what pages are told --- */

static void
free_style(void *item)
{
    struct style *style = item;

    mem_free(style->path);
    mem_free(style);
}

/* Returns false where it cannot be remembered: then the page must be loaded anew. */
static bool
mark_style_locked(struct watch *watch, const char *path)
{
    scoped(buf_done) struct buf url = BUF_INIT(PATH_ROOM);
    struct style *style;

    buf_add_char(&url, '/');
    urlpath_encode(&url, path, strlen(path));
    for (size_t i = 0; buf_is_ok(&url) && i < watch->styles.count; i++) {
        style = watch->styles.items[i];
        if (strcmp(style->path, buf_text(&url)) != 0)
            continue;
        style->number = watch->number;
        return true;
    }
    style = mem_new(struct style);
    if (style == NULL)
        return false;
    *style = (struct style){.path = buf_take(&url), .number = watch->number};
    if (style->path != NULL && list_add(&watch->styles, style))
        return true;
    free_style(style);
    return false;
}

/* Returns whether the batch meant anything. */
static bool
conclude_locked(struct watch *watch, bool is_page, const struct list *styles)
{
    if (!is_page && styles->count == 0)
        return false;
    watch->number++;
    for (size_t i = 0; i < styles->count; i++) {
        if (!mark_style_locked(watch, styles->items[i]))
            is_page = true;
    }
    if (!is_page)
        return true;
    watch->page = watch->number;
    /* Every page is loaded anew, and with it every style. */
    list_done(&watch->styles, free_style);
    watch->styles = LIST_INIT(STYLES_MAX);
    return true;
}

/* The end of a batch. What is still being written is kept for the next one. */
static void
conclude(struct watch *watch)
{
    struct list styles = LIST_INIT(NOTES_MAX); /* char *, of the notes */
    struct list open = LIST_INIT(NOTES_MAX);
    bool is_page = watch->has_lost, is_news;

    for (size_t i = 0; i < watch->notes.count; i++) {
        struct note *note = watch->notes.items[i];
        const enum meaning meaning = look_at(watch, note);

        is_page = is_page || meaning == MEANS_PAGE;
        if (meaning == MEANS_STYLE && !list_add(&styles, note->path))
            is_page = true;
        if (meaning == MEANS_WAIT && list_add(&open, note))
            watch->notes.items[i] = NULL;
    }
    (void) pthread_mutex_lock(&watch->lock);
    is_news = conclude_locked(watch, is_page, &styles);
    (void) pthread_mutex_unlock(&watch->lock);

    list_done(&styles, NULL);
    for (size_t i = 0; i < watch->notes.count; i++) {
        if (watch->notes.items[i] != NULL)
            free_note(watch->notes.items[i]);
    }
    list_done(&watch->notes, NULL);
    watch->notes = open;
    watch->has_lost = false;
    if (is_news)
        watch->on_change(watch->arg);
}

void
watch_write(struct watch *watch, struct buf *out)
{
    struct jsonw w = JSONW_INIT(out);

    (void) pthread_mutex_lock(&watch->lock);
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "start", watch->start);
    jsonw_uint(&w, "page", watch->page);
    jsonw_object_begin(&w, "styles");
    for (size_t i = 0; i < watch->styles.count; i++) {
        const struct style *style = watch->styles.items[i];

        jsonw_uint(&w, style->path, style->number);
    }
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    (void) pthread_mutex_unlock(&watch->lock);
}

void
watch_mark(struct watch *watch, char ret[WATCH_MARK_SIZE])
{
    (void) pthread_mutex_lock(&watch->lock);
    (void) snprintf(ret, WATCH_MARK_SIZE, "%s-%" PRIu64, watch->start, watch->number); /* fits */
    (void) pthread_mutex_unlock(&watch->lock);
}

/* --- the thread --- */

static void
warn_if_partial(struct watch *watch)
{
    if (watch->has_warned || !watch_tree_is_partial(watch->tree))
        return;
    watch->has_warned = true;
    log_warning("--watch: there are too many directories to watch all of them; raise "
                "fs.inotify.max_user_watches, or serve a directory with less in it");
}

/* Wait for news, `ms` at most; -1: for ever. Returns whether there are any; *ret_stop is set when
 * it is over. */
static bool
await_news(const struct watch *watch, int ms, bool *ret_stop)
{
    struct pollfd watched[] = {{.fd = watch_tree_fd(watch->tree), .events = POLLIN},
                               {.fd = watch->stop_fd, .events = POLLIN}};
    const int n = poll(watched, 2, ms);

    *ret_stop = n > 0 && watched[1].revents != 0;
    return n > 0 && watched[0].revents != 0;
}

static void *
run(void *arg)
{
    struct watch *watch = arg;
    bool is_stopping = false;

    while (!is_stopping) {
        uint64_t end_ms;

        if (!await_news(watch, -1, &is_stopping))
            continue;
        end_ms = clock_mono_ms() + BATCH_MS;
        do
            watch_tree_read(watch->tree, see, watch);
        while (clock_mono_ms() < end_ms && await_news(watch, QUIET_MS, &is_stopping));
        warn_if_partial(watch);
        conclude(watch);
    }
    return NULL;
}

/* --- the whole --- */

static enum mh_code
start_thread(struct watch *watch, struct mh_fault *fault)
{
    int error;

    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (watch->stop_fd < 0)
        return fail_errno(fault, errno, "cannot start to watch the app's directory");
    error = pthread_create(&watch->thread, NULL, run, watch);
    if (error == 0)
        return MH_OK;
    fd_close(watch->stop_fd);
    watch->stop_fd = -1;
    return fail_errno(fault, error, "cannot start the thread that watches the app's directory");
}

enum mh_code
watch_start(int root_fd, void (*on_change)(void *arg), void *arg, struct watch **ret,
            struct mh_fault *fault)
{
    struct watch *watch = mem_new(struct watch);
    uint64_t random = 0;
    enum mh_code code;

    if (watch == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    watch->root_fd = root_fd;
    watch->on_change = on_change;
    watch->arg = arg;
    watch->stop_fd = -1;
    watch->notes = LIST_INIT(NOTES_MAX);
    watch->styles = LIST_INIT(STYLES_MAX);
    (void) pthread_mutex_init(&watch->lock, NULL); /* cannot fail without attributes */
    /* Of little weight: two servers at one address after another should differ. */
    if (getrandom(&random, sizeof(random), 0) != (ssize_t) sizeof(random))
        random = clock_mono_ms();
    (void) snprintf(watch->start, sizeof(watch->start), "%016" PRIx64, random); /* fits */
    code = watch_tree_open(root_fd, &watch->tree, fault);
    if (code == MH_OK) {
        warn_if_partial(watch);
        code = start_thread(watch, fault);
    }
    if (code == MH_OK)
        *ret = watch;
    else
        watch_free(watch);
    return code;
}

void
watch_free(struct watch *watch)
{
    static const uint64_t one = 1;

    if (watch == NULL)
        return;
    if (watch->stop_fd >= 0) {
        while (write(watch->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
            ;
        (void) pthread_join(watch->thread, NULL);
        fd_close(watch->stop_fd);
    }
    watch_tree_free(watch->tree);
    list_done(&watch->notes, free_note);
    list_done(&watch->styles, free_style);
    (void) pthread_mutex_destroy(&watch->lock);
    mem_free(watch);
}
