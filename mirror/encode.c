/* SPDX-License-Identifier: Apache-2.0 */
/* Which forms there are.
 *
 * Forms are found by the sha256 of the bytes that they are forms of, so that objects with the same
 * bytes share them and a version that is only renewed keeps them. A form begins as wanted, by the
 * first request that would have taken it; one at a time is made, and its place in the queue is the
 * only one it has, however many ask. Files that a start finds are FOUND: hashed before first use.
 *
 * Forms go by mark and sweep: when a version with forms leaves the index, or the index has been
 * rebuilt, a work thread walks the index and drops what belongs to nothing in it. What is being
 * made at that moment goes when it is done. A form that a reader has open stays readable. The sweep
 * is put off while it is being found out whether some object is on disk: until then its forms look
 * like nobody's.
 *
 * A cache that cannot be written, or is full, means no forms: a failure is remembered for a minute
 * and told once, until something succeeds again.
 *
 * Everything of struct encoder is guarded by host->lock. Files are touched without it. */
#include "encode.h"

#include "clocks.h"
#include "codec.h"
#include "encode_job.h"
#include "fault.h"
#include "fd.h"
#include "flight.h"
#include "hash.h"
#include "manage.h"
#include "mem.h"
#include "store_internal.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#define MIN_BYTES   ((uint64_t) 512) /* below, the head of the answer is most of it */
#define MAX_BYTES   ((uint64_t) 256 << 20)
#define QUEUE_MAX   64 /* who finds it full asks again */
#define RETRY_AFTER 60000

enum form_state {
    FORM_NONE,
    FORM_FOUND,   /* a file that was not looked into yet */
    FORM_QUEUED,  /* wanted, or being made */
    FORM_READY,   /* its file may be sent */
    FORM_USELESS, /* it does not shrink */
    FORM_FAILED   /* not before retry_ms */
};

struct form {
    enum form_state state;
    bool has_file;
    struct encode_file file; /* counted in encoder->bytes where has_file */
    uint64_t retry_ms;       /* monotonic */
};

/* All forms of the same bytes. */
struct forms {
    char key[ENCODE_KEY_SIZE];
    struct form of[MH_ENCODING_COUNT];
    bool is_current; /* set by the sweep that is under way */
};

/* A form that is wanted. */
struct order {
    struct forms *forms;     /* stays while one of it is queued */
    struct version *version; /* counted */
    const char *mirror;      /* its name; the host's */
    enum mh_encoding encoding;
};

struct encoder {
    struct mh_host *host;
    struct map *known; /* key -> struct forms */
    struct list queue; /* struct order *; the first is being made */
    uint64_t bytes;    /* of all files */
    uint64_t made;     /* encoded, or found to be useless */
    bool is_working;
    bool is_sweeping;
    bool is_sweep_due; /* put off: the tick begins it again */
    bool has_warned;
    struct work_item work;  /* submitted while is_working */
    struct work_item sweep; /* submitted while is_sweeping */
    struct encode_job *job; /* the work thread's; of the queue's first */
};

static void work_run(struct work_item *item);
static void sweep_run(struct work_item *item);

/* --- life --- */

enum mh_code
encode_new(struct mh_host *host, struct mh_fault *f)
{
    struct encoder *encoder = mem_new(struct encoder);

    if (encoder)
        encoder->known = map_new();
    if (!encoder || !encoder->known) {
        mem_free(encoder);
        return fail(f, MH_NOMEM, 0, "out of memory for the host");
    }
    encoder->host = host;
    encoder->queue = LIST_INIT(QUEUE_MAX);
    encoder->work.run = work_run;
    encoder->sweep.run = sweep_run;
    host->encoder = encoder;
    return MH_OK;
}

static void
order_free(void *item)
{
    struct order *order = item;

    version_unref(order->version);
    mem_free(order);
}

void
encode_free(struct mh_host *host)
{
    struct encoder *encoder = host->encoder;

    if (!encoder)
        return;
    encode_job_free(encoder->job);
    list_done(&encoder->queue, order_free);
    for (struct map_entry *e = map_first(encoder->known); e; e = map_next(e))
        mem_free(map_value(e));
    map_free(encoder->known);
    mem_free(encoder);
    host->encoder = NULL;
}

/* --- the index of forms; host->lock held --- */

static struct forms *
find(const struct encoder *encoder, const uint8_t sha256[32])
{
    char key[ENCODE_KEY_SIZE];

    hex_encode(sha256, 32, key);
    return map_get(encoder->known, key);
}

static struct forms *
find_or_add(struct encoder *encoder, const char *key)
{
    struct forms *forms = map_get(encoder->known, key);

    if (forms)
        return forms;
    forms = mem_new(struct forms);
    if (!forms || !map_set(encoder->known, key, forms)) {
        mem_free(forms);
        return NULL;
    }
    memcpy(forms->key, key, ENCODE_KEY_SIZE);
    return forms;
}

static void
set_file(struct encoder *encoder, struct form *form, const struct encode_file *file)
{
    if (form->has_file)
        encoder->bytes -= form->file.bytes;
    form->has_file = file != NULL;
    if (!file)
        return;
    form->file = *file;
    encoder->bytes += file->bytes;
}

uint64_t
encode_made_locked(const struct mh_host *host)
{
    return host->encoder->made;
}

uint64_t
encode_bytes_locked(const struct mh_host *host)
{
    return host->encoder->bytes;
}

uint64_t
encode_bytes_of_locked(const struct mh_host *host, const struct version *version)
{
    const struct forms *forms = find(host->encoder, version->meta.sha256);
    uint64_t bytes = 0;

    for (size_t i = 0; forms && i < MH_ENCODING_COUNT; i++)
        bytes += forms->of[i].has_file ? forms->of[i].file.bytes : 0;
    return bytes;
}

/* --- making --- */

/* The order at the head of the queue, or NULL: there is nothing to do any more. */
static struct order *
next_order(struct encoder *encoder)
{
    struct mh_host *host = encoder->host;

    (void) pthread_mutex_lock(&host->lock);
    struct order *order =
        encoder->queue.count > 0 && !host->is_stopping ? encoder->queue.items[0] : NULL;

    encoder->is_working = order != NULL;
    (void) pthread_mutex_unlock(&host->lock);
    return order;
}

static enum mh_code
begin(struct encoder *encoder, const struct order *order, struct mh_fault *f)
{
    const struct form *form = &order->forms->of[order->encoding];
    struct encode_file found = {.bytes = 0};

    (void) pthread_mutex_lock(&encoder->host->lock);
    const bool has_file = form->has_file;

    if (has_file)
        found = form->file;
    (void) pthread_mutex_unlock(&encoder->host->lock);
    return encode_job_new(encoder->host->store, order->mirror, order->version, order->encoding,
                          has_file ? &found : NULL, &encoder->job, f);
}

static void sweep_soon(struct encoder *encoder);

/* What has become of the queue's first. Returns whether a failure is to be told. */
static bool
conclude(struct encoder *encoder, enum mh_code code, const struct encode_file *made)
{
    struct mh_host *host = encoder->host;

    (void) pthread_mutex_lock(&host->lock);
    struct order *order = encoder->queue.items[0];
    struct form *form = &order->forms->of[order->encoding];
    const bool tells = code != MH_OK && code != MH_TOO_LARGE && !encoder->has_warned;

    const bool was_there = code == MH_OK && form->has_file && form->file.mtime_ns == made->mtime_ns;

    encoder->made += (code == MH_OK && !was_there) || code == MH_TOO_LARGE;
    set_file(encoder, form, code == MH_OK ? made : NULL);
    form->state = code == MH_OK ? FORM_READY : code == MH_TOO_LARGE ? FORM_USELESS : FORM_FAILED;
    form->retry_ms = clock_mono_ms() + RETRY_AFTER;
    encoder->has_warned = tells || (encoder->has_warned && code != MH_OK);
    const bool is_current = order->forms->is_current;

    list_remove_at(&encoder->queue, 0);
    order_free(order);
    if (!is_current)
        sweep_soon(encoder);
    (void) pthread_mutex_unlock(&host->lock);
    return tells;
}

/* One step of the form that is being made. */
static void
work_run(struct work_item *item)
{
    struct encoder *encoder =
        (struct encoder *) (void *) ((char *) item - offsetof(struct encoder, work));
    const struct order *order = next_order(encoder);
    struct encode_file made = {.bytes = 0};
    struct mh_fault fault = {0};
    enum mh_code code = MH_OK;

    if (!order) {
        /* An encoder's memory is of no use to anything else. */
        mem_give_back();
        return;
    }
    if (!encoder->job)
        code = begin(encoder, order, &fault);
    if (code == MH_OK)
        code = encode_job_step(encoder->job, &made, &fault);
    if (code != MH_BUSY) {
        encode_job_free(encoder->job);
        encoder->job = NULL;
        if (conclude(encoder, code, &made)) {
            fault_prepend(&fault, "there is no compressed form");
            host_tell(encoder->host, MH_EVENT_WARNING, code, NULL, &fault);
        }
        manage_make_room(encoder->host);
    }
    work_submit(encoder->host->work, item);
}

/* Is it worth a try? */
static bool
may_be_made(const struct form *form)
{
    switch (form->state) {
    case FORM_NONE:
    case FORM_FOUND:
        return true;
    case FORM_FAILED:
        return clock_mono_ms() >= form->retry_ms;
    case FORM_QUEUED:
    case FORM_READY:
    case FORM_USELESS:
    default:
        return false;
    }
}

void
encode_want_locked(struct object *object, struct version *version, enum mh_encoding encoding)
{
    struct mh_host *host = object->host;
    struct encoder *encoder = host->encoder;
    char key[ENCODE_KEY_SIZE];

    if (version->meta.bytes < MIN_BYTES || version->meta.bytes > MAX_BYTES ||
        object->named_by.count > 0 || host->is_stopping || host->is_read_only ||
        !host->has_scanned || !codec_has(encoding) ||
        atomic_load_explicit(&object->current, memory_order_relaxed) != version)
        return;
    hex_encode(version->meta.sha256, 32, key);
    struct forms *forms = find_or_add(encoder, key);
    struct order *order = forms && may_be_made(&forms->of[encoding]) ? mem_new(struct order) : NULL;

    if (!order)
        return;
    *order = (struct order){.forms = forms,
                            .version = version_ref(version),
                            .mirror = object->mirror->name,
                            .encoding = encoding};
    if (!list_add(&encoder->queue, order)) {
        order_free(order);
        return;
    }
    forms->is_current = true;
    forms->of[encoding].state = FORM_QUEUED;
    if (!encoder->is_working)
        work_submit(host->work, &encoder->work);
    encoder->is_working = true;
}

size_t
encode_list_locked(const struct version *version, const struct mh_host *host, struct mh_form *ret)
{
    const struct forms *forms = find(host->encoder, version->meta.sha256);
    size_t n = 0;

    for (unsigned i = 0; forms && i < MH_ENCODING_COUNT; i++) {
        if (forms->of[i].state != FORM_READY)
            continue;
        ret[n] = (struct mh_form){.encoding = i, .bytes = forms->of[i].file.bytes};
        version_etag(forms->of[i].file.sha256, ret[n].etag);
        n++;
    }
    return n;
}

bool
encode_find_locked(const struct version *version, const struct mh_host *host,
                   const struct mh_form *wanted, struct encode_file *ret)
{
    const struct forms *forms = find(host->encoder, version->meta.sha256);
    const struct form *form = forms ? &forms->of[wanted->encoding] : NULL;
    char etag[VERSION_ETAG_SIZE];

    if (!form || form->state != FORM_READY)
        return false;
    version_etag(form->file.sha256, etag);
    *ret = form->file;
    return strcmp(etag, wanted->etag) == 0;
}

/* --- letting go --- */

void
encode_lost_locked(const struct version *version, const struct mh_host *host,
                   enum mh_encoding encoding)
{
    struct forms *forms = find(host->encoder, version->meta.sha256);

    if (!forms || forms->of[encoding].state != FORM_READY)
        return;
    set_file(host->encoder, &forms->of[encoding], NULL);
    forms->of[encoding].state = FORM_NONE;
}

static bool
is_queued(const struct forms *forms)
{
    for (size_t i = 0; i < MH_ENCODING_COUNT; i++)
        if (forms->of[i].state == FORM_QUEUED)
            return true;
    return false;
}

/* host->lock held. */
static void
sweep_soon(struct encoder *encoder)
{
    if (encoder->is_sweeping || encoder->host->is_stopping || !encoder->host->has_scanned)
        return;
    encoder->is_sweeping = true;
    work_submit(encoder->host->work, &encoder->sweep);
}

void
encode_gone_locked(struct mh_host *host, const struct version *version)
{
    if (host->encoder && find(host->encoder, version->meta.sha256))
        sweep_soon(host->encoder);
}

/* Is it being found out whether something is on disk? It is not in the index then, and may be. */
static bool
is_settling(const struct mh_host *host)
{
    bool is = false;

    for (struct flight *flight = host->flights; flight && !is; flight = flight->next_flight) {
        (void) pthread_mutex_lock(&flight->lock);
        is = flight->state == FLIGHT_SETTLING;
        (void) pthread_mutex_unlock(&flight->lock);
    }
    return is;
}

static void
mark(struct encoder *encoder)
{
    for (struct map_entry *e = map_first(encoder->known); e; e = map_next(e))
        ((struct forms *) map_value(e))->is_current = false;
    for (struct map_entry *e = map_first(encoder->host->index); e; e = map_next(e)) {
        const struct object *object = map_value(e);
        const struct version *version =
            atomic_load_explicit(&object->current, memory_order_relaxed);
        struct forms *forms = version ? find(encoder, version->meta.sha256) : NULL;

        if (forms)
            forms->is_current = true;
    }
}

/* Take what is of no use out of the index; its files' paths go to `paths`. */
static void
collect(struct encoder *encoder, struct list *paths)
{
    struct map_entry *next;

    for (struct map_entry *e = map_first(encoder->known); e; e = next) {
        struct forms *forms = map_value(e);

        next = map_next(e);
        if (forms->is_current || is_queued(forms))
            continue;
        for (unsigned i = 0; i < MH_ENCODING_COUNT; i++) {
            char *path =
                forms->of[i].has_file ? encode_path(forms->key, forms->of[i].file.sha256, i) : NULL;

            /* Without memory the next start finds the file, and that it belongs to nothing. */
            if (path && !list_add(paths, path))
                mem_free(path);
            set_file(encoder, &forms->of[i], NULL);
        }
        (void) map_remove(encoder->known, forms->key);
        mem_free(forms);
    }
}

static void
sweep_run(struct work_item *item)
{
    struct encoder *encoder =
        (struct encoder *) (void *) ((char *) item - offsetof(struct encoder, sweep));
    struct mh_host *host = encoder->host;
    struct list paths = LIST_INIT(0);

    (void) pthread_mutex_lock(&host->lock);
    encoder->is_sweeping = false; /* what goes from here on wants another */
    encoder->is_sweep_due = is_settling(host);
    if (!encoder->is_sweep_due) {
        mark(encoder);
        collect(encoder, &paths);
    }
    (void) pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < paths.count; i++)
        (void) file_unlink(host->store->dir_fd, paths.items[i]); /* or the next start does it */
    list_done(&paths, mem_free);
}

void
encode_tick(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    if (host->encoder->is_sweep_due)
        sweep_soon(host->encoder);
    (void) pthread_mutex_unlock(&host->lock);
}

/* --- a start --- */

/* A file in encoded/. What a crash left half done goes; what is somebody else's stays. */
static bool
see_file(void *arg, const char *name)
{
    struct encoder *encoder = arg;
    struct mh_host *host = encoder->host;
    scoped(mem_freep) char *path = str_printf("encoded/%s", name);
    char key[ENCODE_KEY_SIZE];
    struct encode_file file = {.bytes = 0};
    enum mh_encoding encoding = MH_ENCODING_GZIP;
    bool is_known = false;
    struct stat st;

    if (!path)
        return false;
    const bool is_temporary = strncmp(name, FD_TEMP_PREFIX, strlen(FD_TEMP_PREFIX)) == 0;

    if (!is_temporary && (!encode_parse(name, key, file.sha256, &encoding) ||
                          file_stat(host->store->dir_fd, path, &st) < 0 || !S_ISREG(st.st_mode)))
        return true;
    if (!is_temporary) {
        file.bytes = (uint64_t) st.st_size;
        file.mtime_ns = stat_mtime_ns(&st);
        (void) pthread_mutex_lock(&host->lock);
        struct forms *forms = find_or_add(encoder, key);

        is_known = forms && forms->of[encoding].state == FORM_NONE;
        if (is_known) {
            forms->of[encoding].state = FORM_FOUND;
            set_file(encoder, &forms->of[encoding], &file);
        }
        (void) pthread_mutex_unlock(&host->lock);
    }
    if (!is_known)
        (void) file_unlink(host->store->dir_fd, path); /* or the next start does it */
    return true;
}

void
encode_scan(struct mh_host *host)
{
    struct mh_fault fault = {0};
    enum mh_code code = file_list(host->store->dir_fd, "encoded", see_file, host->encoder, &fault);

    if (code != MH_OK && code != MH_NOT_FOUND) /* a cache that cannot be written may lack it */
        host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
}

void
encode_scanned_locked(struct mh_host *host)
{
    if (map_count(host->encoder->known) > 0)
        sweep_soon(host->encoder);
}
