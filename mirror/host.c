/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a host, and what belongs to the whole of it: the mirrors, the clock tick, the
 * events and the counters.
 *
 * Order of closing: no new flights (is_stopping), all flights failed and their waiters woken, the
 * fetch thread joined, the work threads run empty (which concludes the flights), then the memory.
 * The owner closes its views before. */
#include "host_internal.h"

#include "buf.h"
#include "encode.h"
#include "fault.h"
#include "flight.h"
#include "manage.h"
#include "mem.h"
#include "outside.h"
#include "recheck.h"
#include "refresh.h"
#include "uses.h"

#include <string.h>

#define WORK_THREADS     3 /* one may be scanning */
#define WAKE_EVERY_TICK  5 /* seconds: waiters look after their clients' hang-ups */
#define SWEEP_EVERY_TICK 60
#define ROOM_EVERY_TICK  10

void
mh_mirror_config_init(struct mh_mirror_config *config)
{
    *config = (struct mh_mirror_config){
        .revalidate_s = 24 * 3600,
        .connect_timeout_ms = 10 * 1000,
        .first_byte_timeout_ms = 60 * 1000,
        .stall_timeout_ms = 30 * 1000,
        .negative_ttl_s = 60,
        .retries = 3,
    };
}

void
mh_host_config_init(struct mh_host_config *config)
{
    *config = (struct mh_host_config){
        .json_max_bytes = 64u << 20,
        .settle_ms = 10 * 1000,
        .settle_max_ms = 5 * 60 * 1000,
        .max_bytes = 20ull << 30,
        .min_free_bytes = 1ull << 30,
    };
}

void
host_tell(struct mh_host *host, enum mh_event_kind kind, enum mh_code code,
          const struct object *object, const struct mh_fault *fault)
{
    if (!host->on_event)
        return;
    const struct mh_event event = {
        .kind = kind, .code = code, .path = object ? object->label : "", .fault = fault};

    host->on_event(host->event_arg, &event);
}

/* --- mirrors --- */

const struct mirror *
host_mirror_of(const struct mh_host *host, const char *target, const char **ret_below)
{
    const struct mirror *best = NULL;

    for (size_t i = 0; i < host->mirror_count; i++) {
        const struct mirror *mirror = &host->mirrors[i];

        if (strncmp(target, mirror->path, mirror->path_length) == 0 &&
            (!best || mirror->path_length > best->path_length))
            best = mirror;
    }
    if (best && ret_below)
        *ret_below = target + best->path_length;
    return best;
}

const char *
mh_host_mirror_of(const struct mh_host *host, const char *path)
{
    const struct mirror *mirror = host_mirror_of(host, path, NULL);

    return mirror ? mirror->name : NULL;
}

static enum mh_code
init_mirrors(struct mh_host *host, const struct mh_host_config *config, struct mh_fault *f)
{
    host->mirrors = mem_calloc(config->mirror_count + 1, sizeof(struct mirror));
    if (!host->mirrors)
        return fail(f, MH_NOMEM, 0, "out of memory for the mirrors");
    for (size_t i = 0; i < config->mirror_count; i++) {
        host->mirror_count++;
        enum mh_code code =
            mirror_init(&host->mirrors[i], &config->mirrors[i], host->user_agent, f);

        if (code != MH_OK)
            return code;
        for (size_t j = 0; j < i; j++)
            if (strcmp(host->mirrors[i].name, host->mirrors[j].name) == 0 ||
                strcmp(host->mirrors[i].path, host->mirrors[j].path) == 0)
                return fail(f, MH_BAD_INPUT, 0, "mirrors '%s' and '%s' share a name or a path",
                            host->mirrors[j].name, host->mirrors[i].name);
    }
    return MH_OK;
}

static void
list_mirrors(const struct mh_host *host, struct buf *buf)
{
    for (size_t i = 0; i < host->mirror_count; i++)
        buf_printf(buf, "%s%s (%s)", i ? ", " : "", host->mirrors[i].path,
                   host->mirrors[i].bases[0].url);
}

/* The mirror and base whose URL is the longest prefix of `url`. */
static const struct mirror *
mirror_of_url(const struct mh_host *host, const char *url, const char **ret_below)
{
    const struct mirror *best = NULL;
    size_t best_length = 0;

    for (size_t i = 0; i < host->mirror_count; i++)
        for (size_t b = 0; b < host->mirrors[i].base_count; b++) {
            const char *base = host->mirrors[i].bases[b].url;
            size_t n = strlen(base);

            if (n > best_length && strncmp(url, base, n) == 0) {
                best = &host->mirrors[i];
                best_length = n;
                *ret_below = url + n;
            }
        }
    for (size_t i = 0; i < host->mirror_count; i++) {
        const char *known_as = host->mirrors[i].known_as;
        size_t n = known_as ? strlen(known_as) : 0;

        if (n > best_length && strncmp(url, known_as, n) == 0) {
            best = &host->mirrors[i];
            best_length = n;
            *ret_below = url + n;
        }
    }
    return best;
}

/* What one who wrote `what` may have meant. */
static enum mh_code
refuse_unmirrored(const struct mh_host *host, const char *what, struct mh_fault *fault)
{
    const char *ignored;
    scoped(mem_freep) char *rooted = what[0] != '/' ? str_printf("/%s", what) : NULL;
    struct buf mirrors = BUF_INIT(400);
    enum mh_code code;

    list_mirrors(host, &mirrors);
    if (rooted && host_mirror_of(host, rooted, &ignored))
        code = fail(fault, MH_NOT_FOUND, 0, "no mirror leads to '%s'; did you mean '%s'?", what,
                    rooted);
    else
        code = fail(fault, MH_NOT_FOUND, 0, "no mirror leads to '%s'; there are %s%s", what,
                    buf_text(&mirrors),
                    strstr(what, "://") ? "; `--mirror NAME=URL` adds one to a server" : "");
    buf_done(&mirrors);
    return code;
}

enum mh_code
mh_host_resolve(const struct mh_host *host, const char *what, char **ret_path,
                struct mh_fault *fault)
{
    const char *below = NULL;
    const struct mirror *mirror =
        what[0] == '/' ? host_mirror_of(host, what, &below) : mirror_of_url(host, what, &below);

    if (!mirror)
        return refuse_unmirrored(host, what, fault);
    *ret_path = str_printf("%s%.*s", mirror->path, (int) strcspn(below, "#"), below);
    return *ret_path ? MH_OK : fail(fault, MH_NOMEM, 0, "out of memory");
}

/* --- the tick --- */

static void
wake_all(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    refresh_wake_all_locked(host);
    for (struct flight *flight = host->flights; flight; flight = flight->next_flight) {
        (void) pthread_mutex_lock(&flight->lock);
        flight_wake_locked(flight);
        (void) pthread_mutex_unlock(&flight->lock);
    }
    (void) pthread_mutex_unlock(&host->lock);
}

/* Those who wait for an upstream that is late are told so at once, and not with all others. */
static void
wake_late(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    for (struct flight *flight = host->flights; flight; flight = flight->next_flight) {
        (void) pthread_mutex_lock(&flight->lock);
        if (flight->waiters && flight_is_late_locked(flight, 0))
            flight_wake_locked(flight);
        (void) pthread_mutex_unlock(&flight->lock);
    }
    (void) pthread_mutex_unlock(&host->lock);
}

static void
sweep(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    object_sweep_all_locked(host);
    (void) pthread_mutex_unlock(&host->lock);
}

static void
tick(void *arg)
{
    struct mh_host *host = arg;

    host->ticks++;
    recheck_tick(host);
    refresh_tick(host);
    uses_tick(host);
    outside_tick(host);
    encode_tick(host);
    if (host->ticks % WAKE_EVERY_TICK == 0)
        wake_all(host);
    else
        wake_late(host);
    if (host->ticks % ROOM_EVERY_TICK == 0)
        manage_make_room(host);
    if (host->ticks % SWEEP_EVERY_TICK == 0)
        sweep(host);
}

void
host_unpark_locked(struct mh_host *host)
{
    while (host->parked) {
        struct flight *flight = host->parked;

        host->parked = flight->next_waiting;
        work_submit(host->work, &flight->work);
    }
}

/* --- opening and closing --- */

static enum mh_code
open_host(struct mh_host *host, const struct mh_host_config *config, struct mh_fault *f)
{
    const char *agent = config->user_agent ? config->user_agent : "modelhost/" MODELHOST_VERSION;

    host->json_max_bytes = config->json_max_bytes;
    host->is_offline = config->is_offline;
    host->max_bytes = config->max_bytes;
    host->min_free_bytes = config->min_free_bytes;
    host->settle_ms = config->settle_ms;
    host->settle_max_ms = config->settle_max_ms;
    host->on_event = config->on_event;
    host->event_arg = config->event_arg;
    host->user_agent = str_dup(agent);
    host->index = map_new();
    host->told = map_new();
    if (!host->user_agent || !host->index || !host->told)
        return fail(f, MH_NOMEM, 0, "out of memory for the index");
    enum mh_code code = encode_new(host, f);

    if (code == MH_OK)
        code = init_mirrors(host, config, f);

    if (code == MH_OK)
        code = store_open(config->cache_dir, &host->store, f);
    host->is_read_only = code == MH_OK && store_check_writable(host->store, NULL) != MH_OK;
    if (code == MH_OK)
        code = outside_new(host, f);
    if (code == MH_OK)
        code = work_new(WORK_THREADS, &host->work, f);
    if (code == MH_OK)
        code = fetcher_new(tick, host, &host->fetcher, f);
    if (code == MH_OK)
        scan_start(host);
    return code;
}

enum mh_code
mh_host_open(const struct mh_host_config *config, struct mh_host **ret_host, struct mh_fault *fault)
{
    struct mh_host *host = mem_new(struct mh_host);

    if (!host)
        return fail(fault, MH_NOMEM, 0, "out of memory for the host");
    (void) pthread_mutex_init(&host->room_lock, NULL);
    (void) pthread_mutex_init(&host->lock, NULL);
    (void) pthread_cond_init(&host->scanned, NULL);
    enum mh_code code = open_host(host, config, fault);

    if (code != MH_OK) {
        mh_host_close(host);
        return code;
    }
    *ret_host = host;
    return MH_OK;
}

void
mh_host_stop(struct mh_host *host)
{
    struct mh_fault fault = {0};

    (void) fail(&fault, MH_CANCELLED, 0, "the server is stopping");
    (void) pthread_mutex_lock(&host->lock);
    host->is_stopping = true;
    (void) pthread_cond_broadcast(&host->scanned);
    for (struct flight *flight = host->flights; flight; flight = flight->next_flight)
        flight_fail(flight, MH_CANCELLED, &fault);
    host_unpark_locked(host);
    (void) pthread_mutex_unlock(&host->lock);
}

void
mh_host_close(struct mh_host *host)
{
    if (!host)
        return;
    mh_host_stop(host);
    if (host->fetcher)
        fetcher_stop(host->fetcher);
    work_free(host->work);
    fetcher_free(host->fetcher);
    refresh_free_all(host);
    if (host->index && host->store && !host->is_read_only)
        (void) uses_write(host);
    outside_free(host->outside);
    host->outside = NULL;
    encode_free(host);
    list_done(&host->held, NULL); /* their references end with the index */
    object_free_all(host);
    map_free(host->told);
    store_close(host->store);
    for (size_t i = 0; i < host->mirror_count; i++)
        mirror_done(&host->mirrors[i]);
    mem_free(host->mirrors);
    mem_free(host->user_agent);
    (void) pthread_cond_destroy(&host->scanned);
    (void) pthread_mutex_destroy(&host->lock);
    (void) pthread_mutex_destroy(&host->room_lock);
    mem_free(host);
}

enum mh_code
mh_host_check_writable(const struct mh_host *host, struct mh_fault *fault)
{
    return store_check_writable(host->store, fault);
}

int
mh_host_dir_fd(const struct mh_host *host)
{
    return store_dir_fd(host->store);
}

void
mh_host_counters(const struct mh_host *host, struct mh_counters *ret)
{
    struct mh_host *counted = (struct mh_host *) host; /* for its lock */

    *ret = (struct mh_counters){
        .upstream_requests = fetcher_requests(host->fetcher),
        .upstream_bytes = atomic_load_explicit(&host->received_bytes, memory_order_relaxed),
        .published = atomic_load_explicit(&host->published, memory_order_relaxed),
        .failures = atomic_load_explicit(&host->failures, memory_order_relaxed),
    };
    (void) pthread_mutex_lock(&counted->lock);
    ret->flights = host->flight_count;
    ret->objects = host->objects;
    ret->object_bytes = host->object_bytes;
    ret->form_bytes = encode_bytes_locked(host);
    ret->forms_made = encode_made_locked(host);
    (void) pthread_mutex_unlock(&counted->lock);
}
