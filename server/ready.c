/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are kept ready, in a table per HTTP thread.
 *
 * An entry holds the responses of one target for one second: that of its Age. It is answered from
 * only in that second, only while its view's version is the current one, and only for requests
 * whose head says nothing that the full rules would have to weigh. Everything else, and the first
 * two requests of every second, take the long way, which opens the file anew: so a file that was
 * changed or removed from outside is noticed with the next second, and a developer who reloads a
 * page sees what was just saved. What the long way found out, a kept answer repeats.
 *
 * An entry is counted: its table holds it, and so does each request whose answer is being sent, as
 * the view must tell the mirror that it is. A kept view rests otherwise, lest it hold up a refresh.
 *
 * A table's lock is wanted by its own thread and once a second by the sweep, which takes entries
 * out under it and lets go of them afterwards. The number of entries, the bytes of bodies and the
 * descriptors are bounded; a full set of slots replaces its oldest.
 *
 * HTTP threads; the sweep on the main thread. It does not know the HTTP library's insides, and
 * never keeps a response of a callback that is called. */
#include "ready.h"

#include "clocks.h"
#include "httpdate.h"
#include "keyhash.h"
#include "mem.h"

#include <modelhost/view.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#define SETS        128
#define WAYS        4
#define SEEN        256
#define BYTES_MAX   ((uint64_t) 2 << 20) /* of bodies in memory, in one table */
#define FILES_MAX   ((uint64_t) 2048)
#define FILES_SHARE 8 /* one descriptor in so many */

struct ready {
    atomic_uint refs;
    struct server *server; /* borrowed */
    char *target;          /* owned */
    char *encodings;       /* Accept-Encoding; owned; NULL: none */
    char *origin;          /* owned; NULL: none, or it does not matter */
    int64_t second;
    bool is_hit;
    struct mh_view *view; /* owned, resting; NULL: a file of the app */
    char etag[68];
    char modified[HTTPDATE_SIZE];                     /* Last-Modified, or "" */
    struct MHD_Response *responses[READY_KIND_COUNT]; /* owned; NULL where there is none */
    uint64_t body_bytes;
    struct sent_file file; /* what the body is sent from; .fd -1: memory */
    uint64_t held_bytes;   /* of the body, in memory */
    uint64_t held_files;
    struct ready *next; /* in a chain of those that were taken out */
};

struct ready_table {
    struct ready_table *next; /* of the server; server->ready_lock */
    pthread_mutex_t lock;
    /* lock: */
    struct ready *slots[SETS][WAYS];
    uint64_t bytes;
    /* The thread's own: */
    uint64_t seen[SEEN]; /* marks of who was asked for in which second */
};

static const struct sent_file no_file = {.fd = -1};
static const unsigned short statuses[READY_KIND_COUNT] = {200, 200, 304};

/* A process has one server, and an HTTP thread belongs to one listener of it. */
static _Thread_local struct ready_table *own;

uint64_t
ready_files_max(uint64_t limit)
{
    return limit / FILES_SHARE < FILES_MAX ? limit / FILES_SHARE : FILES_MAX;
}

/* --- entries --- */

static void
unref(struct ready *ready)
{
    if (ready == NULL || atomic_fetch_sub_explicit(&ready->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < READY_KIND_COUNT; i++)
        response_release(ready->responses[i]);
    atomic_fetch_sub_explicit(&ready->server->ready_files, ready->held_files, memory_order_relaxed);
    mh_view_close(ready->view);
    mem_free(ready->target);
    mem_free(ready->encodings);
    mem_free(ready->origin);
    mem_free(ready);
}

static void
unref_chain(struct ready *chain)
{
    while (chain != NULL) {
        struct ready *next = chain->next;

        unref(chain);
        chain = next;
    }
}

/* May it be answered from? An app's file may, for its second; an object only while it is what a new
 * view would get. */
static bool
is_good(const struct ready *ready, int64_t now)
{
    return ready->second == now && (ready->view == NULL || mh_view_is_current(ready->view));
}

/* A file of the app that is written to where it lies is sent anew from its first byte: half of it
 * under the old length and ETag would be neither. */
static bool
is_untouched(const struct ready *ready)
{
    return ready->view != NULL || ready->file.fd < 0 || sent_file_is_same(&ready->file);
}

/* The origin is part of the key where answers depend on it. */
static const char *
origin_of(const struct request *rq)
{
    const struct strings *allowed = &rq->server->settings->cors.allow_origin;

    if (allowed->count == 0 || strcmp(allowed->items[0], "*") == 0)
        return NULL;
    return rq->hints.origin;
}

static void
add_key(struct keyhash *hash, const char *text)
{
    if (text != NULL)
        keyhash_add(hash, text, strlen(text) + 1);
}

static uint64_t
hash_of(const struct request *rq)
{
    struct keyhash hash;

    keyhash_begin(&hash);
    keyhash_add(&hash, rq->target.text, strlen(rq->target.text) + 1);
    add_key(&hash, rq->hints.accept_encoding);
    add_key(&hash, origin_of(rq));
    return keyhash_end(&hash);
}

static bool
is_equal(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool
is_for(const struct ready *ready, const struct request *rq)
{
    return strcmp(ready->target, rq->target.text) == 0 &&
           is_equal(ready->encodings, rq->hints.accept_encoding) &&
           is_equal(ready->origin, origin_of(rq));
}

/* Where the entry of a request lies, or NULL. */
static struct ready **
find_locked(struct ready_table *table, const struct request *rq, uint64_t hash)
{
    struct ready **set = table->slots[hash % SETS];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i] != NULL && is_for(set[i], rq))
            return &set[i];
    }
    return NULL;
}

static struct ready *
take_out_locked(struct ready_table *table, struct ready **slot, struct ready *chain)
{
    struct ready *ready = *slot;

    if (ready == NULL)
        return chain;
    *slot = NULL;
    table->bytes -= ready->held_bytes;
    ready->next = chain;
    return ready;
}

/* --- answering --- */

/* Which of its responses a request gets; READY_KIND_COUNT: the full rules must say. What they would
 * say is known where the client sends back just what it was told (RFC 9110 §13.2.2). */
static size_t
choose(const struct ready *ready, const struct request *rq)
{
    const struct request_hints *hints = &rq->hints;
    size_t kind = READY_BODY;

    if (hints->if_none_match != NULL) {
        if (ready->etag[0] == '\0' || strcmp(hints->if_none_match, ready->etag) != 0)
            return READY_KIND_COUNT;
        kind = READY_NOT_MODIFIED;
    } else if (hints->if_modified_since != NULL) {
        if (ready->modified[0] == '\0' || strcmp(hints->if_modified_since, ready->modified) != 0)
            return READY_KIND_COUNT;
        kind = READY_NOT_MODIFIED;
    } else if (rq->is_head && ready->responses[READY_BODY] == NULL) {
        kind = READY_HEAD;
    }
    return ready->responses[kind] != NULL ? kind : READY_KIND_COUNT;
}

/* Is this a request that a kept answer may be for? */
static bool
is_eligible(const struct request *rq)
{
    return rq->hints.is_plain && (rq->method & (METHOD_GET | METHOD_HEAD)) != 0 &&
           rq->target_verdict == TARGET_OK && !rq->listener->is_control;
}

/* The request begins to hold the entry. */
static void
hold(struct request *rq, struct ready *ready)
{
    atomic_fetch_add_explicit(&ready->refs, 1, memory_order_relaxed);
    if (ready->view != NULL)
        mh_view_send_begin(ready->view);
    rq->kept = ready;
}

void
ready_sent(struct ready *ready)
{
    if (ready == NULL)
        return;
    if (ready->view != NULL)
        mh_view_send_end(ready->view);
    unref(ready);
}

static struct ready *
look_up(struct request *rq, int64_t now, size_t *ret_kind)
{
    struct ready *ready = NULL;
    struct ready **slot;

    (void) pthread_mutex_lock(&own->lock);
    slot = find_locked(own, rq, hash_of(rq));
    if (slot != NULL && (*slot)->second == now) {
        *ret_kind = choose(*slot, rq);
        if (*ret_kind < READY_KIND_COUNT) {
            ready = *slot;
            hold(rq, ready);
        }
    }
    (void) pthread_mutex_unlock(&own->lock);
    return ready;
}

bool
ready_answer(struct request *rq, enum answer *ret_answer)
{
    struct ready *ready;
    size_t kind = READY_KIND_COUNT;

    if (own == NULL || !is_eligible(rq))
        return false;
    ready = look_up(rq, clock_wall_s(), &kind);
    if (ready == NULL)
        return false;
    /* It counts as asked for before it is looked whether it is current: a switch to newer files
     * that does not see the one is seen by the other. */
    if (ready->view != NULL)
        mh_view_touch(ready->view);
    if (!is_good(ready, ready->second) || !is_untouched(ready)) {
        ready_sent(ready);
        rq->kept = NULL;
        return false;
    }
    atomic_fetch_add_explicit(&rq->server->counters.kept, 1, memory_order_relaxed);
    if (ready->is_hit)
        atomic_fetch_add_explicit(&rq->server->counters.hits, 1, memory_order_relaxed);
    *ret_answer = response_queue(rq, statuses[kind], ready->responses[kind],
                                 kind == READY_BODY ? &ready->file : &no_file,
                                 kind == READY_BODY ? ready->body_bytes : 0);
    return true;
}

/* --- keeping --- */

/* The calling thread's table; NULL without memory. */
static struct ready_table *
own_table(struct server *server)
{
    struct ready_table *table = own;

    if (table != NULL)
        return table;
    table = mem_new(struct ready_table);
    if (table == NULL)
        return NULL;
    (void) pthread_mutex_init(&table->lock, NULL); /* cannot fail without attributes */
    (void) pthread_mutex_lock(&server->ready_lock);
    table->next = server->ready;
    server->ready = table;
    (void) pthread_mutex_unlock(&server->ready_lock);
    own = table;
    return table;
}

/* Was it asked for in this second before? Two requests that share a mark cost no more than an entry
 * that is made too early. */
static bool
is_asked_again(struct ready_table *table, uint64_t hash, int64_t now)
{
    uint64_t *mark = &table->seen[hash % SEEN];
    const uint64_t wanted = hash ^ (uint64_t) now;
    const bool is_known = *mark == wanted;

    *mark = wanted;
    return is_known;
}

static bool
copy_key(const struct request *rq, struct ready *ready)
{
    const char *origin = origin_of(rq);

    ready->target = str_dup(rq->target.text);
    ready->encodings = str_dup(rq->hints.accept_encoding);
    ready->origin = str_dup(origin);
    return ready->target != NULL &&
           (ready->encodings != NULL) == (rq->hints.accept_encoding != NULL) &&
           (ready->origin != NULL) == (origin != NULL);
}

/* Takes the request's view. NULL without memory, with the view left where it is. */
static struct ready *
new_entry(struct request *rq, const struct ready_offer *offer)
{
    struct ready *ready = mem_new(struct ready);
    const struct conditional_object *object = offer->object;

    if (ready == NULL)
        return NULL;
    atomic_init(&ready->refs, 1);
    ready->server = rq->server;
    ready->file = SENT_FILE_NONE;
    ready->second = offer->now;
    ready->is_hit = offer->is_hit;
    if (!copy_key(rq, ready) || strlen(object->etag) >= sizeof(ready->etag)) {
        unref(ready);
        return NULL;
    }
    memcpy(ready->etag, object->etag, strlen(object->etag) + 1);
    if (object->modified_at >= 0)
        (void) httpdate_format(object->modified_at, ready->modified);
    ready->view = ptr_take(&rq->view);
    if (ready->view != NULL)
        mh_view_rest(ready->view);
    return ready;
}

/* Where a new entry goes: the request's own slot, a free one, or the oldest. */
static struct ready **
place_locked(struct ready_table *table, const struct request *rq, uint64_t hash)
{
    struct ready **set = table->slots[hash % SETS];
    struct ready **best = find_locked(table, rq, hash);

    for (size_t i = 0; best == NULL && i < WAYS; i++) {
        if (set[i] == NULL)
            best = &set[i];
    }
    if (best != NULL)
        return best;
    best = &set[0];
    for (size_t i = 1; i < WAYS; i++) {
        if (set[i]->second < (*best)->second)
            best = &set[i];
    }
    return best;
}

static bool
is_same(const struct ready *ready, const struct ready_offer *offer)
{
    return is_good(ready, offer->now) && strcmp(ready->etag, offer->object->etag) == 0;
}

/* What a response holds, before it is made. */
struct holding {
    struct sent_file file;
    uint64_t body_bytes;
    uint64_t bytes;
    uint64_t files;
};

/* Have the server's descriptors room for one more? If so it is counted. */
static bool
reserve_file(struct server *server, const struct holding *holding)
{
    const uint64_t before =
        atomic_fetch_add_explicit(&server->ready_files, holding->files, memory_order_relaxed);

    if (before + holding->files <= server->ready_files_max)
        return true;
    atomic_fetch_sub_explicit(&server->ready_files, holding->files, memory_order_relaxed);
    return false;
}

static bool
has_room(struct ready_table *table, const struct holding *holding)
{
    bool has;

    (void) pthread_mutex_lock(&table->lock);
    has = table->bytes + holding->bytes <= BYTES_MAX;
    (void) pthread_mutex_unlock(&table->lock);
    return has;
}

static void
put_response(struct ready_table *table, struct ready *ready, const struct ready_offer *offer,
             struct MHD_Response *response, const struct holding *holding)
{
    ready->responses[offer->kind] = response;
    if (offer->kind == READY_BODY) {
        ready->body_bytes = holding->body_bytes;
        ready->file = holding->file;
    }
    ready->held_bytes += holding->bytes;
    ready->held_files += holding->files;
    table->bytes += holding->bytes;
}

/* Put the response into the table. Returns the entry that it belongs to now, or NULL: it is still
 * the caller's. The thread is the only one that adds, so that what is found stays. */
static struct ready *
keep(struct request *rq, struct ready_table *table, const struct ready_offer *offer,
     struct MHD_Response *response, const struct holding *holding)
{
    const uint64_t hash = hash_of(rq);
    struct ready *ready = NULL;
    struct ready *old = NULL;
    struct ready **slot;

    if (!is_asked_again(table, hash, offer->now) || !has_room(table, holding) ||
        !reserve_file(rq->server, holding))
        return NULL;
    (void) pthread_mutex_lock(&table->lock);
    slot = find_locked(table, rq, hash);
    if (slot != NULL && is_same(*slot, offer) && (*slot)->responses[offer->kind] == NULL) {
        ready = *slot;
        put_response(table, ready, offer, response, holding);
        hold(rq, ready);
    }
    (void) pthread_mutex_unlock(&table->lock);
    if (ready != NULL)
        return ready;
    ready = new_entry(rq, offer);
    if (ready == NULL) {
        atomic_fetch_sub_explicit(&rq->server->ready_files, holding->files, memory_order_relaxed);
        return NULL;
    }
    (void) pthread_mutex_lock(&table->lock);
    slot = place_locked(table, rq, hash);
    old = take_out_locked(table, slot, old);
    *slot = ready;
    put_response(table, ready, offer, response, holding);
    hold(rq, ready);
    (void) pthread_mutex_unlock(&table->lock);
    unref_chain(old);
    return ready;
}

/* May a view's answer be repeated? Not what a download feeds. */
static bool
is_keepable(const struct request *rq, const struct reply *reply)
{
    const bool is_called =
        reply->kind == REPLY_READER || (reply->kind == REPLY_FILE && rq->listener->is_tls);

    return is_eligible(rq) && !is_called && reply->length != MH_BYTES_UNKNOWN &&
           (rq->view == NULL || mh_view_is_current(rq->view));
}

enum answer
ready_send(struct request *rq, struct reply *reply, const struct ready_offer *offer)
{
    struct ready_table *table = is_keepable(rq, reply) ? own_table(rq->server) : NULL;
    const struct holding holding = {.file = reply_sent_file(rq, reply),
                                    .body_bytes = reply_body_bytes(reply),
                                    .bytes = reply->kind == REPLY_BYTES ? reply->length : 0,
                                    .files = reply->kind == REPLY_FILE ? 1 : 0};
    struct MHD_Response *response;
    enum answer answer;

    if (table == NULL)
        return reply_send(rq, reply);
    response = reply_make(rq, reply);
    if (response == NULL)
        return ANSWER_DROP;
    answer = response_queue(rq, statuses[offer->kind], response, &holding.file, holding.body_bytes);
    if (answer != ANSWER_SENT || keep(rq, table, offer, response, &holding) == NULL)
        response_release(response);
    return answer;
}

/* --- letting go --- */

static struct ready *
sweep_locked(struct ready_table *table, int64_t now)
{
    struct ready *chain = NULL;

    for (size_t i = 0; i < SETS * WAYS; i++) {
        struct ready **slot = &table->slots[i / WAYS][i % WAYS];

        if (*slot != NULL && !is_good(*slot, now))
            chain = take_out_locked(table, slot, chain);
    }
    return chain;
}

static void
sweep(struct server *server, int64_t now)
{
    (void) pthread_mutex_lock(&server->ready_lock);
    for (struct ready_table *table = server->ready; table != NULL; table = table->next) {
        struct ready *chain;

        (void) pthread_mutex_lock(&table->lock);
        chain = sweep_locked(table, now);
        (void) pthread_mutex_unlock(&table->lock);
        unref_chain(chain);
    }
    (void) pthread_mutex_unlock(&server->ready_lock);
}

void
ready_sweep(struct server *server)
{
    sweep(server, clock_wall_s());
}

void
ready_drop(struct server *server)
{
    sweep(server, INT64_MIN);
}

void
ready_free_all(struct server *server)
{
    while (server->ready != NULL) {
        struct ready_table *table = server->ready;

        server->ready = table->next;
        unref_chain(sweep_locked(table, INT64_MIN));
        (void) pthread_mutex_destroy(&table->lock);
        mem_free(table);
    }
}
