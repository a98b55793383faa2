/* SPDX-License-Identifier: Apache-2.0 */
/* When models were last used, on disk: <cache>/USES, a line of time and key for each.
 *
 * It is what eviction goes by, so it must outlive a kill, and it changes with every request, so it
 * must cost none of them anything. One small file is replaced as a whole, at most once a minute and
 * only where something has changed, and at the end. It is not synced and not part of any publish:
 * the metadata tells when an object was last published, renewed or pinned, and the later of the two
 * counts. Losing the file costs the order of eviction and nothing else.
 *
 * Only a manifest's time is written, or that of what no manifest names: a group is as old as its
 * youngest file. What changed by less than a minute is not worth a line.
 *
 * Written by a work thread, or when all threads are gone; read by the scan. */
#include "uses.h"

#include "buf.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "mem.h"
#include "model.h"
#include "units.h"

#include <stddef.h>
#include <string.h>

#define FILE_NAME  "USES"
#define MAX_BYTES  ((size_t) 64 << 20)
#define NOTE_AFTER 60 /* seconds: of use since the metadata, and between two writes */
#define LOOK_EVERY 5  /* seconds */

/* --- writing --- */

static int64_t
last_use_of(const struct object *object)
{
    int64_t last = atomic_load_explicit(&object->used_at, memory_order_relaxed);

    for (size_t i = 0; object->model && i < object->model->part_count; i++) {
        int64_t used_at =
            atomic_load_explicit(&object->model->parts[i].object->used_at, memory_order_relaxed);

        last = used_at > last ? used_at : last;
    }
    return last;
}

static void
write_uses_locked(const struct mh_host *host, struct buf *text)
{
    for (struct map_entry *e = map_first(host->index); e; e = map_next(e)) {
        const struct object *object = map_value(e);
        const struct version *version =
            atomic_load_explicit(&object->current, memory_order_relaxed);
        int64_t last = last_use_of(object);

        if (!version || (!object->model && object->named_by.count > 0) ||
            last - version->meta.used_at < NOTE_AFTER || strchr(object->key, '\n'))
            continue;
        buf_printf(text, "%lld %s\n", (long long) last, object->key);
    }
}

bool
uses_write(struct mh_host *host)
{
    scoped(buf_done) struct buf text = BUF_INIT(MAX_BYTES);
    uint8_t digest[sizeof(host->uses_digest)];
    struct mh_fault fault = {0};

    (void) pthread_mutex_lock(&host->lock);
    write_uses_locked(host, &text);
    (void) pthread_mutex_unlock(&host->lock);
    hash_sha256(buf_text(&text), text.length, digest);
    if (!buf_is_ok(&text) || memcmp(digest, host->uses_digest, sizeof(digest)) == 0)
        return false;
    enum mh_code code = fd_replace_file(store_dir_fd(host->store), FILE_NAME, buf_text(&text),
                                        text.length, 0666, false, &fault);

    /* On a full disk there are other complaints, and when there is room it is written after all. */
    if (code != MH_NO_SPACE)
        memcpy(host->uses_digest, digest, sizeof(digest));
    if (code != MH_OK && code != MH_NO_SPACE)
        host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
    return true;
}

static void
run(struct work_item *item)
{
    struct mh_host *host =
        (struct mh_host *) (void *) ((char *) item - offsetof(struct mh_host, uses));
    bool has_written = uses_write(host);

    (void) pthread_mutex_lock(&host->lock);
    host->uses_wait_s = has_written ? NOTE_AFTER : LOOK_EVERY;
    host->is_writing_uses = false;
    (void) pthread_mutex_unlock(&host->lock);
}

void
uses_tick(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    bool begins = host->has_scanned && !host->is_stopping && !host->is_read_only &&
                  !host->is_writing_uses && host->uses_wait_s == 0;

    host->uses_wait_s -= host->uses_wait_s > 0;
    host->is_writing_uses = host->is_writing_uses || begins;
    (void) pthread_mutex_unlock(&host->lock);
    if (!begins)
        return;
    host->uses.run = run;
    work_submit(host->work, &host->uses);
}

/* --- reading --- */

/* One line; a broken one is passed over. */
static void
read_line(struct map *uses, const char *line, size_t n)
{
    const char *space = memchr(line, ' ', n);
    uint64_t at = 0;

    if (!space || !uint_parse_n(line, (size_t) (space - line), INT64_MAX, &at) || at == 0)
        return;
    scoped(mem_freep) char *key = str_dup_n(space + 1, n - (size_t) (space + 1 - line));

    /* Without memory its age is that of its metadata. */
    if (key)
        (void) !map_set(uses, key, (void *) (uintptr_t) at);
}

struct map *
uses_read(const struct store *store)
{
    struct map *uses = map_new();
    scoped(mem_freep) char *text = NULL;
    size_t n = 0;

    if (!uses || fd_read_file(store_dir_fd(store), FILE_NAME, MAX_BYTES, &text, &n, NULL) != MH_OK)
        return uses;
    for (const char *at = text; at < text + n;) {
        size_t line = strcspn(at, "\n");

        read_line(uses, at, line);
        at += line + 1;
    }
    return uses;
}

int64_t
uses_of(const struct map *uses, const char *key)
{
    return uses ? (int64_t) (uintptr_t) map_get(uses, key) : 0;
}
