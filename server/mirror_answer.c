/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for mirror paths: cached and arriving objects alike.
 *
 * The view says what is known; what is not known yet is waited for, and the function begins again
 * from the top, so that it holds no state but the view and what stands in struct request. The body
 * is the file as soon as the file has passed its checks; until then it is read behind the
 * download's watermark, piece by piece, and the last byte comes with the verdict. A download that
 * fails after the head was sent ends the connection: no client may take such a body for whole.
 *
 * HTTP threads. It waits by pausing the connection and never blocks on the network. It refuses to
 * pass on an upstream's header fields; only the content type is looked at, where ours says
 * nothing. */
#include "arriving.h"
#include "body_answer.h"
#include "cache_status.h"
#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "form_choice.h"
#include "log.h"
#include "mime.h"
#include "multipart.h"
#include "ready.h"
#include "reply.h"
#include "request.h"
#include "request_cache.h"

#include <modelhost/view.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* What an answer is made of, once the head is known. */
struct mirror_body {
    const struct mh_head *head;
    const char *type;        /* Content-Type */
    struct form_choice form; /* the representation; its descriptor is taken by `fd` */
    uint64_t length;         /* of it, or MH_BYTES_UNKNOWN */
    int fd;                  /* of its checked file; owned; -1: read it as it arrives, or HEAD */
};

/* --- waiting --- */

/* After BUSY. Returns whether to ask again at once; if not, *ret_answer is set. */
static bool
wait_or_give_up(struct request *rq, enum answer *ret_answer)
{
    if (request_is_hung_up(rq) ||
        atomic_load_explicit(&rq->server->is_stopping, memory_order_relaxed))
        *ret_answer = ANSWER_DROP;
    else if (request_wait(rq))
        *ret_answer = ANSWER_WAIT;
    else
        return true;
    return false;
}

/* --- the body --- */

ssize_t
arriving_read(struct request *rq, uint64_t offset, uint64_t end, char *buffer, size_t size)
{
    enum answer answer = ANSWER_DROP;
    struct mh_fault fault;
    size_t n = 0;

    for (;;) {
        enum mh_code code = mh_view_read(rq->view, offset, end, buffer, size, &n, &fault);

        if (code == MH_OK && n > 0)
            return (ssize_t) n;
        if (code == MH_OK)
            return REPLY_READ_END;
        if (code != MH_BUSY) {
            /* The host tells of the failure itself, once for all clients. */
            log_debug("an answer is cut: %s", fault.sentence);
            return REPLY_READ_ERROR;
        }
        if (!wait_or_give_up(rq, &answer))
            return answer == ANSWER_WAIT ? 0 : REPLY_READ_ERROR;
    }
}

static ssize_t
read_arriving(struct request *rq, uint64_t offset, char *buffer, size_t size)
{
    return arriving_read(rq, rq->first + offset, rq->end, buffer, size);
}

/* Get the file, where it is checked, and the length, where only the file tells it.
 *
 * Returns OK, BUSY (still arriving), CORRUPT (changed from outside) or a failure. */
static enum mh_code
get_file(struct request *rq, struct mirror_body *body, struct mh_fault *fault)
{
    struct stat st;
    enum mh_code code = mh_view_open_fd(rq->view, &body->fd, fault);

    if (code != MH_OK || body->length != MH_BYTES_UNKNOWN)
        return code;
    if (fstat(body->fd, &st) < 0)
        return fail_errno(fault, errno, "cannot look at the cached file");
    body->length = (uint64_t) st.st_size;
    return MH_OK;
}

/* --- the head --- */

/* May an upstream's type go out as it is? It becomes a header field of ours. */
static bool
is_clean_type(const char *type)
{
    for (const char *c = type; *c != '\0'; c++) {
        if ((unsigned char) *c < 0x20 || (unsigned char) *c > 0x7E)
            return false;
    }
    return type[0] != '\0' && strchr(type, '/') != NULL;
}

static bool
is_script_or_style(const char *type)
{
    return strcasestr(type, "javascript") != NULL || strncasecmp(type, "text/css", 8) == 0;
}

/* Our table first. The upstream's word counts for an extension that we do not know, and where it
 * says that a name without one is a script: "/npm/@tensorflow/tfjs" is how pages load it. For a
 * known shard it never counts. */
static const char *
type_of(const struct request *rq, const struct mh_head *head)
{
    const char *path = buf_text(&rq->path);
    const char *ours = mime_find(path);
    const char *theirs = head->content_type;

    if (theirs == NULL || !is_clean_type(theirs) || mh_view_is_shard(rq->view))
        return mime_of(path);
    if (ours == NULL)
        return theirs;
    return strcmp(ours, MIME_BYTES) == 0 && is_script_or_style(theirs) ? theirs : ours;
}

/* Could a browser run it as a page of this server? Of a list it takes the last type that it knows
 * (Fetch, "extract a MIME type"), text/xsl is XML to some, and the parts of a multipart type have
 * types of their own. */
static bool
is_page(const char *type)
{
    static const char *const signs[] = {"html", "xml", "xsl", "multipart/", ","};

    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (strcasestr(type, signs[i]) != NULL)
            return true;
    }
    return false;
}

/* What caches between here and the page, the browser's first, may do without asking (RFC 9111
 * §5.2.2, RFC 8246). They subtract the Age, which counts from when the upstream was last asked, and
 * for a setting of minutes nothing would be left of it. */
static void
add_cache_control(const struct settings_server *settings, const struct mh_head *head,
                  uint32_t age_s, struct reply *reply)
{
    const uint64_t forever_s = settings->immutable_max_age_ms / 1000;
    const uint64_t max_age_s = settings->max_age_ms / 1000;

    if (head->is_unkept)
        reply_field(reply, "Cache-Control", "no-store");
    else if (head->is_immutable && forever_s > 0)
        reply_field_printf(reply, "Cache-Control", "public, max-age=%" PRIu64 ", immutable",
                           forever_s);
    else if (max_age_s > 0)
        reply_field_printf(reply, "Cache-Control", "public, max-age=%" PRIu64, max_age_s + age_s);
    else
        reply_field(reply, "Cache-Control", "no-cache");
}

static void
add_fields(struct request *rq, const struct mirror_body *body, enum body_part part, int64_t now,
           struct reply *reply)
{
    const struct mh_head *head = body->head;
    const char *type = body->type;
    const char *encoding = accept_encoding_name(body->form.encoding);
    const uint32_t age_s = cache_age_s(head->validated_at, now);

    if (part == BODY_WHOLE || part == BODY_SPAN)
        reply_field(reply, "Content-Type", type);
    /* Of several ranges the parts are encoded, and not the whole that holds them. */
    if (encoding != NULL && (part == BODY_WHOLE || part == BODY_SPAN))
        reply_field(reply, "Content-Encoding", encoding);
    if (body->form.varies)
        reply_field(reply, "Vary", "Accept-Encoding");
    if (part == BODY_WHOLE || part == BODY_SPAN || part == BODY_SPANS) {
        reply_field(reply, "X-Content-Type-Options", "nosniff");
        /* What a mirror brings in must not act with the rights of our own pages (/-/api/). */
        if (is_page(type))
            reply_field(reply, "Content-Security-Policy", "sandbox allow-scripts");
    }
    if (part != BODY_NOT_MATCHED && part != BODY_OUT_OF_RANGE)
        add_cache_control(&rq->server->settings->server, head, age_s, reply);
    reply_field_printf(reply, "Age", "%u", (unsigned) age_s);
    reply_field(reply, "X-Cache", cache_word(head->cache));
    reply_field(reply, "Cache-Status", cache_status_value(head->cache));
}

static enum mh_code
set_body(struct request *rq, struct mirror_body *body, const struct range_set *set,
         struct reply *reply, struct mh_fault *fault)
{
    const struct range_span *span = &set->spans[0];

    if (set->count > 1)
        return multipart_body(rq, reply, set, body->type, body->length, &body->fd, fault);
    if (rq->is_head) {
        reply_absent(reply, span->bytes);
        return MH_OK;
    }
    if (body->fd >= 0)
        return body_from_fd(reply, &body->fd, span, fault);
    rq->first = span->first;
    rq->end = body->length == MH_BYTES_UNKNOWN ? MH_BYTES_UNKNOWN : span->first + span->bytes;
    reply_read(reply, read_arriving, span->bytes);
    return MH_OK;
}

/* Everything is known: say it. */
static enum answer
answer_known(struct request *rq, struct mirror_body *body)
{
    const int64_t now = clock_wall_s();
    const struct conditional_object object = {.etag = body->form.etag,
                                              .modified_at = body->head->modified_at,
                                              .is_arriving = body->head->is_arriving};
    struct range_set set;
    const enum body_part part = body_judge(rq, &object, body->length, now, &set);
    struct reply reply = REPLY_INIT(body_status(part));
    struct mh_fault fault;
    enum mh_code code = MH_OK;

    add_fields(rq, body, part, now, &reply);
    body_fields(&reply, part, &object, body->length, &set.spans[0]);
    if (part == BODY_NOT_MATCHED || part == BODY_OUT_OF_RANGE)
        return body_problem(rq, &reply, part);
    if (part == BODY_NOT_MODIFIED)
        reply_absent(&reply, body->length);
    else
        code = set_body(rq, body, &set, &reply, &fault);
    if (code != MH_OK) {
        reply_done(&reply);
        return reply_problem(rq, code == MH_CORRUPT ? 500 : 0, code, &fault);
    }
    atomic_fetch_add_explicit(body->head->cache != MH_CACHE_MISS ? &rq->server->counters.hits
                                                                 : &rq->server->counters.misses,
                              1, memory_order_relaxed);
    /* What a validator decided is not what the next client gets. */
    if (part == BODY_SPAN || part == BODY_SPANS || body->head->is_arriving || body->form.is_named)
        return reply_send(rq, &reply);
    return ready_send(rq, &reply,
                      &(struct ready_offer){.kind = body_ready_kind(rq, part),
                                            .object = &object,
                                            .now = now,
                                            .is_hit = body->head->cache != MH_CACHE_MISS});
}

/* --- all of it --- */

/* Must the whole file be there before anything can be said? HTTP/1.0 knows no chunks, and without
 * them an answer of unknown length that breaks off looks whole; of an empty body there is no last
 * byte to withhold until the checks have passed. */
static bool
needs_whole(const struct request *rq, const struct mirror_body *body)
{
    return body->head->is_arriving && ((body->length == MH_BYTES_UNKNOWN && rq->is_http10) ||
                                       (body->length == 0 && !rq->is_head));
}

/* Have all bytes passed their checks? A read beyond every end answers when the end is known.
 * Returns OK, BUSY or the failure. */
static enum mh_code
check_whole(struct request *rq, struct mh_fault *fault)
{
    char byte;
    size_t n = 0;

    return mh_view_read(rq->view, MH_BYTES_UNKNOWN - 1, MH_BYTES_UNKNOWN, &byte, 1, &n, fault);
}

/* One look at the view.
 *
 * Returns OK (*ret_answer is set), BUSY (wait for news), NOT_FOUND with *ret_is_stale (the view is
 * of bytes that are gone: open another), or the failure. */
static enum mh_code
look(struct request *rq, enum answer *ret_answer, bool *ret_is_stale, struct mh_fault *fault)
{
    struct mirror_body body = {.fd = -1, .form.fd = -1};
    enum mh_code code = mh_view_head(rq->view, &body.head, fault);

    if (code != MH_OK)
        return code;
    body.length = body.head->bytes;
    if (needs_whole(rq, &body))
        code = check_whole(rq, fault);
    if (code == MH_OK) {
        body.type = type_of(rq, body.head);
        form_choose(rq, body.head, body.type, &body.form);
        body.length = body.form.bytes;
        body.fd = fd_take(&body.form.fd);
    }
    if (code == MH_OK && body.fd < 0 && (!rq->is_head || body.length == MH_BYTES_UNKNOWN)) {
        code = get_file(rq, &body, fault);
        *ret_is_stale = code == MH_NOT_FOUND;
        if (code == MH_BUSY)
            code = MH_OK; /* its bytes are read as they arrive */
    }
    if (code == MH_OK)
        *ret_answer = answer_known(rq, &body);
    fd_close(body.fd); /* what the answer did not take */
    return code;
}

static enum mh_code
open_view(struct request *rq, struct mh_fault *fault)
{
    struct mh_wish wish = MH_WISH_NONE;

    mh_view_close(rq->view);
    rq->view = NULL;
    if (rq->server->settings->server.honours_requests)
        wish = request_cache_wish(request_field(rq, "Cache-Control"), request_field(rq, "Pragma"));
    return mh_view_open_wishing(rq->server->host, rq->target.text, &wish, &rq->view, fault);
}

enum answer
answer_mirror(struct request *rq)
{
    enum answer answer = ANSWER_DROP;
    struct mh_fault fault;
    enum mh_code code = rq->view != NULL ? MH_OK : open_view(rq, &fault);

    while (code == MH_OK) {
        bool is_stale = false;

        code = look(rq, &answer, &is_stale, &fault);
        if (code == MH_OK)
            return answer;
        if (code == MH_BUSY) {
            if (!wait_or_give_up(rq, &answer))
                return answer;
            code = MH_OK;
        } else if (is_stale && !rq->has_reopened) {
            rq->has_reopened = true;
            code = open_view(rq, &fault);
        }
    }
    return reply_problem(rq, 0, code, &fault);
}
