/* SPDX-License-Identifier: Apache-2.0 */
/* GET /-/events and /-/watch: server-sent events (WHATWG HTML §9.2).
 *
 * One thread makes the texts of all topics, as long as anybody listens, and keeps the newest of
 * each; streams share them by count. A stream that has sent all it knows is suspended under our
 * lock, so that no news falls in between, and resumed by that thread: with news, or at the latest
 * with the next beat, since the HTTP library does not see that a suspended client hangs up. No
 * thread is blocked by a stream, and a slow client holds one text and delays nobody.
 *
 * The thread works at most a twentieth of the time, however many models there are: what took long
 * is done less often. Streams are bounded in number; who comes too many is told to try again.
 *
 * `lock` is a leaf but for what suspending and resuming take: no text is made under it. */
#include "events.h"

#include "api_text.h"
#include "clocks.h"
#include "fault.h"
#include "httpd.h"
#include "mem.h"
#include "reply.h"
#include "watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define STREAMS_MAX 64
#define TEXT_MAX    ((size_t) 64 << 20)
#define BUSY_MS     250  /* between two looks while something is arriving */
#define QUIET_MS    1000 /* and while nothing is */
#define BEAT_MS     4000 /* whoever waits is woken within 5 s, a look included */
#define REST_FACTOR 19   /* rest so many times as long as the look took */

/* A text that several streams send. */
struct text {
    atomic_uint refs;
    size_t n;
    char bytes[];
};

static enum mh_code write_files(const struct server *server, struct buf *json,
                                struct mh_fault *fault);

static const struct {
    const char *path; /* of the streams that tell it */
    const char *name;
    enum mh_code (*write)(const struct server *server, struct buf *json, struct mh_fault *fault);
} topics[EVENTS_TOPIC_COUNT] = {
    [EVENTS_STATUS] = {"/-/events", "status", api_text_status},
    [EVENTS_FLIGHTS] = {"/-/events", "flights", api_text_flights},
    [EVENTS_MODELS] = {"/-/events", "models", api_text_models},
    [EVENTS_FILES] = {"/-/watch", "files", write_files},
};

struct events {
    struct server *server; /* borrowed */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_nudged;
    size_t stream_count;
    size_t wanted[EVENTS_TOPIC_COUNT]; /* by so many streams */
    struct events_stream *waiting;     /* suspended ones */
    struct text *newest[EVENTS_TOPIC_COUNT];
    uint64_t number[EVENTS_TOPIC_COUNT]; /* of the newest text; grows */
    uint64_t beats;
    struct text *ping; /* a comment: whoever stands in between sees that the stream lives */
};

/* Belongs to its request's HTTP thread, but for `next`, which the lock guards. */
struct events_stream {
    struct events *events;          /* borrowed */
    struct request *rq;             /* borrowed */
    bool wants[EVENTS_TOPIC_COUNT]; /* constant */
    uint64_t seen[EVENTS_TOPIC_COUNT];
    uint64_t beats;
    struct text *sending; /* counted */
    size_t sent;          /* of it */
    struct events_stream *next;
};

/* --- texts --- */

static enum mh_code
write_files(const struct server *server, struct buf *json, struct mh_fault *fault)
{
    if (server->watch == NULL)
        return fail(fault, MH_NOT_FOUND, 0, "nothing is watched");
    watch_write(server->watch, json);
    buf_add_char(json, '\n');
    return MH_OK;
}

static struct text *
text_new(const void *bytes, size_t n)
{
    struct text *text = mem_calloc(1, sizeof(*text) + n);

    if (text == NULL)
        return NULL;
    atomic_init(&text->refs, 1);
    text->n = n;
    memcpy(text->bytes, bytes, n);
    return text;
}

static struct text *
text_ref(struct text *text)
{
    atomic_fetch_add_explicit(&text->refs, 1, memory_order_relaxed);
    return text;
}

static void
text_unref(struct text *text)
{
    if (text != NULL && atomic_fetch_sub(&text->refs, 1) == 1)
        mem_free(text);
}

/* A topic as an event. NULL when it cannot be told now: the next look tries again. */
static struct text *
make_text(const struct server *server, enum events_topic topic)
{
    scoped(buf_done) struct buf frame = BUF_INIT(TEXT_MAX);
    struct mh_fault fault;

    buf_printf(&frame, "event: %s\ndata: ", topics[topic].name);
    if (topics[topic].write(server, &frame, &fault) != MH_OK)
        return NULL;
    buf_add_char(&frame, '\n'); /* JSON is one line and brings its newline; this ends the event */
    return buf_is_ok(&frame) ? text_new(buf_text(&frame), frame.length) : NULL;
}

/* --- telling --- */

static void
wake_all_locked(struct events *events)
{
    struct events_stream *stream = events->waiting;

    events->waiting = NULL;
    while (stream != NULL) {
        struct events_stream *next = stream->next;

        stream->next = NULL;
        stream->rq->waiter.wake(&stream->rq->waiter); /* it may be freed as soon as we unlock */
        stream = next;
    }
}

/* Returns whether it differs from what there was. Takes the text. */
static bool
publish_locked(struct events *events, enum events_topic topic, struct text *text)
{
    struct text *old = events->newest[topic];

    if (text == NULL)
        return false;
    if (old != NULL && old->n == text->n && memcmp(old->bytes, text->bytes, text->n) == 0) {
        text_unref(text);
        return false;
    }
    events->newest[topic] = text;
    events->number[topic]++;
    text_unref(old);
    return true;
}

/* Make the texts of the topics that somebody wants. */
static void
look(struct events *events, const bool wanted[EVENTS_TOPIC_COUNT])
{
    struct text *made[EVENTS_TOPIC_COUNT] = {0};
    bool has_news = false;

    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++) {
        if (wanted[i])
            made[i] = make_text(events->server, (enum events_topic) i);
    }
    (void) pthread_mutex_lock(&events->lock);
    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++)
        has_news |= publish_locked(events, (enum events_topic) i, made[i]);
    if (has_news)
        wake_all_locked(events);
    (void) pthread_mutex_unlock(&events->lock);
}

static void
forget_locked(struct events *events, int topic)
{
    text_unref(events->newest[topic]);
    events->newest[topic] = NULL;
}

/* What nobody listens to need not be held. Says which are wanted. */
static void
forget_unwanted_locked(struct events *events, bool ret_wanted[EVENTS_TOPIC_COUNT])
{
    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++) {
        ret_wanted[i] = events->wanted[i] > 0;
        if (!ret_wanted[i])
            forget_locked(events, i);
    }
}

static void
beat_locked(struct events *events)
{
    events->beats++;
    wake_all_locked(events);
}

static struct timespec
after_ms(uint64_t ms)
{
    struct timespec at = {0};

    (void) clock_gettime(CLOCK_MONOTONIC, &at); /* cannot fail: the clock exists */
    at.tv_sec += (time_t) (ms / 1000);
    at.tv_nsec += (long) (ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* When to look again: at the latest, and at the earliest, if somebody wants something. */
struct rest {
    uint64_t earliest_ms;
    uint64_t latest_ms;
};

/* Rest; the beat goes on. Streams that come and go must not make more looks than one that stays. */
static void
rest_locked(struct events *events, const struct rest *rest, uint64_t *beat_ms)
{
    for (;;) {
        const uint64_t now = clock_mono_ms();
        const bool is_urgent = events->is_nudged || events->stream_count == 0;
        uint64_t next_ms = is_urgent ? rest->earliest_ms : rest->latest_ms;
        struct timespec at;

        if (now >= *beat_ms) {
            beat_locked(events);
            *beat_ms = now + BEAT_MS;
        }
        if (events->is_stopping || now >= next_ms)
            return;
        if (*beat_ms < next_ms)
            next_ms = *beat_ms;
        at = after_ms(next_ms - now);
        (void) pthread_cond_timedwait(&events->changed, &events->lock, &at);
    }
}

/* The rest after a look that began at `began_ms`. */
static struct rest
rest_after(const struct events *events, uint64_t began_ms)
{
    const uint64_t now = clock_mono_ms();
    const uint64_t least_ms = (now - began_ms) * REST_FACTOR;
    struct mh_counters host;
    uint64_t usual_ms;

    mh_host_counters(events->server->host, &host);
    usual_ms = host.flights > 0 ? BUSY_MS : QUIET_MS;
    return (struct rest){.earliest_ms = now + least_ms,
                         .latest_ms = now + (least_ms > usual_ms ? least_ms : usual_ms)};
}

static void *
run(void *arg)
{
    struct events *events = arg;
    uint64_t beat_ms = clock_mono_ms() + BEAT_MS;
    bool wanted[EVENTS_TOPIC_COUNT];

    (void) pthread_mutex_lock(&events->lock);
    while (!events->is_stopping) {
        const uint64_t began_ms = clock_mono_ms();
        struct rest rest;

        forget_unwanted_locked(events, wanted);
        if (events->stream_count == 0) {
            (void) pthread_cond_wait(&events->changed, &events->lock);
            continue;
        }
        events->is_nudged = false;
        (void) pthread_mutex_unlock(&events->lock);
        look(events, wanted);
        rest = rest_after(events, began_ms);
        (void) pthread_mutex_lock(&events->lock);
        rest_locked(events, &rest, &beat_ms);
    }
    (void) pthread_mutex_unlock(&events->lock);
    return NULL;
}

/* --- streams --- */

/* Take what is to be sent next: a topic's news, or once a beat a comment. Returns whether there is
 * something. */
static bool
take_news_locked(struct events_stream *stream)
{
    struct events *events = stream->events;

    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++) {
        if (!stream->wants[i] || events->newest[i] == NULL || stream->seen[i] == events->number[i])
            continue;
        stream->seen[i] = events->number[i];
        stream->sending = text_ref(events->newest[i]);
        return true;
    }
    if (stream->beats == events->beats)
        return false;
    stream->beats = events->beats;
    stream->sending = text_ref(events->ping);
    return true;
}

/* Suspend the connection until there is news. Returns whether it is; if not, the server stops. */
static bool
wait_locked(struct events_stream *stream)
{
    struct events *events = stream->events;

    if (!server_begin_wait(stream->rq->server))
        return false;
    stream->next = events->waiting;
    events->waiting = stream;
    stream->rq->waiter.pause(&stream->rq->waiter);
    return true;
}

/* Returns REPLY_READ_END when the server stops, else 0: `sending` is set, or the connection is
 * suspended. */
static ssize_t
get_news(struct events_stream *stream)
{
    struct events *events = stream->events;
    ssize_t result = 0;

    (void) pthread_mutex_lock(&events->lock);
    if (events->is_stopping || (!take_news_locked(stream) && !wait_locked(stream)))
        result = REPLY_READ_END;
    (void) pthread_mutex_unlock(&events->lock);
    return result;
}

static ssize_t
send_piece(struct events_stream *stream, char *buffer, size_t size)
{
    struct text *text = stream->sending;
    const size_t left = text->n - stream->sent;
    const size_t n = left < size ? left : size;

    memcpy(buffer, text->bytes + stream->sent, n);
    stream->sent += n;
    if (n == left) {
        stream->sending = NULL;
        stream->sent = 0;
        text_unref(text);
    }
    return (ssize_t) n;
}

static ssize_t
read_events(struct request *rq, uint64_t offset, char *buffer, size_t size)
{
    struct events_stream *stream = rq->events;
    ssize_t result = 0;

    (void) offset;
    if (stream->sending == NULL && request_is_hung_up(rq))
        return REPLY_READ_ERROR;
    if (stream->sending == NULL)
        result = get_news(stream);
    /* Suspended, another thread may have woken the connection already; this one goes on in the
     * library, and nothing of the stream is touched but by the next call, on this thread. */
    return result == 0 && stream->sending != NULL ? send_piece(stream, buffer, size) : result;
}

static struct events_stream *
stream_new(struct events *events, struct request *rq)
{
    /* Says where a client that lost the connection finds out soon, and sends the head at once. */
    static const char greeting[] = "retry: 2000\n\n";
    struct events_stream *stream = mem_new(struct events_stream);

    if (stream == NULL)
        return NULL;
    stream->events = events;
    stream->rq = rq;
    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++)
        stream->wants[i] = strcmp(topics[i].path, buf_text(&rq->path)) == 0;
    stream->sending = text_new(greeting, sizeof(greeting) - 1);
    if (stream->sending != NULL)
        return stream;
    mem_free(stream);
    return NULL;
}

/* A topic that nobody wanted is looked at now; what is held of it has grown old. */
static void
count_locked(struct events *events, const struct events_stream *stream)
{
    events->stream_count++;
    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++) {
        if (!stream->wants[i] || events->wanted[i]++ > 0)
            continue;
        forget_locked(events, i);
        events->is_nudged = true;
    }
    if (events->is_nudged)
        (void) pthread_cond_signal(&events->changed);
}

/* Returns OK, BUSY (too many) or NOMEM. */
static enum mh_code
join(struct request *rq, struct mh_fault *fault)
{
    struct events *events = rq->server->events;
    struct events_stream *stream = stream_new(events, rq);
    bool is_full;

    if (stream == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    (void) pthread_mutex_lock(&events->lock);
    is_full = events->stream_count >= STREAMS_MAX;
    stream->beats = events->beats;
    if (!is_full)
        count_locked(events, stream);
    (void) pthread_mutex_unlock(&events->lock);
    if (!is_full) {
        rq->events = stream;
        return MH_OK;
    }
    text_unref(stream->sending);
    mem_free(stream);
    return fail(fault, MH_BUSY, 0,
                "%d streams of events are open already; close another page of modelhost's",
                STREAMS_MAX);
}

void
events_leave(struct events_stream *stream)
{
    struct events *events;

    if (stream == NULL)
        return;
    events = stream->events;
    (void) pthread_mutex_lock(&events->lock);
    events->stream_count--;
    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++)
        events->wanted[i] -= stream->wants[i] ? 1 : 0;
    (void) pthread_mutex_unlock(&events->lock);
    text_unref(stream->sending);
    mem_free(stream);
}

enum answer
answer_events(struct request *rq)
{
    struct reply reply = REPLY_INIT(200);
    struct mh_fault fault;
    enum mh_code code;

    if (strcmp(buf_text(&rq->path), topics[EVENTS_FILES].path) == 0 && rq->server->watch == NULL)
        return answer_own_unknown(rq);
    code = rq->is_head ? MH_OK : join(rq, &fault);
    if (code != MH_OK)
        return reply_problem(rq, 0, code, &fault);
    reply_field(&reply, "Content-Type", "text/event-stream");
    reply_field(&reply, "Cache-Control", "no-store");
    reply_field(&reply, "X-Accel-Buffering", "no"); /* an nginx in front passes it on as it comes */
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    if (rq->is_head)
        reply_absent(&reply, MH_BYTES_UNKNOWN);
    else
        reply_read(&reply, read_events, MH_BYTES_UNKNOWN);
    return reply_send(rq, &reply);
}

/* --- the whole --- */

void
events_nudge(struct events *events)
{
    if (events == NULL)
        return;
    (void) pthread_mutex_lock(&events->lock);
    events->is_nudged = true;
    (void) pthread_cond_signal(&events->changed);
    (void) pthread_mutex_unlock(&events->lock);
}

enum mh_code
events_start(struct server *server, struct events **ret, struct mh_fault *fault)
{
    struct events *events = mem_new(struct events);
    pthread_condattr_t attributes;
    int error;

    if (events == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    events->server = server;
    events->ping = text_new(":\n\n", 3);
    if (events->ping == NULL) {
        mem_free(events);
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    (void) pthread_mutex_init(&events->lock, NULL); /* cannot fail without attributes */
    (void) pthread_condattr_init(&attributes);
    (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&events->changed, &attributes);
    (void) pthread_condattr_destroy(&attributes);
    error = pthread_create(&events->thread, NULL, run, events);
    if (error == 0) {
        *ret = events;
        return MH_OK;
    }
    text_unref(events->ping);
    (void) pthread_cond_destroy(&events->changed);
    (void) pthread_mutex_destroy(&events->lock);
    mem_free(events);
    return fail_errno(fault, error, "cannot start the thread of the event streams");
}

void
events_stop(struct events *events)
{
    bool was_stopping;

    if (events == NULL)
        return;
    (void) pthread_mutex_lock(&events->lock);
    was_stopping = events->is_stopping;
    events->is_stopping = true;
    wake_all_locked(events);
    (void) pthread_cond_signal(&events->changed);
    (void) pthread_mutex_unlock(&events->lock);
    if (!was_stopping)
        (void) pthread_join(events->thread, NULL);
}

void
events_free(struct events *events)
{
    if (events == NULL)
        return;
    events_stop(events);
    for (int i = 0; i < EVENTS_TOPIC_COUNT; i++)
        text_unref(events->newest[i]); /* nobody is left to lock out */
    text_unref(events->ping);
    (void) pthread_cond_destroy(&events->changed);
    (void) pthread_mutex_destroy(&events->lock);
    mem_free(events);
}
