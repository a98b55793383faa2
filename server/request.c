/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a request.
 *
 * It is made when the request line has been read, since only then the target can be had as it was
 * sent, and freed when the library tells that it is over, which it does for every target that it
 * showed us. In between, the library calls for the head, for each piece of a body and for the end;
 * queueing an answer before the end closes the connection, so only what makes the rest of the
 * connection untrustworthy is answered before it.
 *
 * An answer function that must wait pauses the connection under the flight's lock and is called
 * again when it is woken; a struct request belongs to its HTTP thread throughout, and a waker
 * touches nothing but the waiter.
 *
 * HTTP threads; wake_up() on any. It refuses to answer: what is said is up to the routes. */
#include "request.h"

#include "api.h"
#include "events.h"
#include "fd.h"
#include "mem.h"
#include "mhd_callbacks.h"
#include "multipart.h"
#include "patience.h"
#include "ready.h"
#include "reply.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define JOINED_MAX 64
#define FIELD_MAX  ((size_t) 1 << 20)
/* A body that is too large is read this far, so that its sender gets to read the refusal. */
#define BODY_PATIENCE ((size_t) 16 << 20)

/* --- waiting --- */

static struct request *
request_of(struct mh_waiter *waiter)
{
    return (struct request *) ((char *) waiter - offsetof(struct request, waiter));
}

static void
pause_connection(struct mh_waiter *waiter)
{
    struct request *rq = request_of(waiter);

    MHD_suspend_connection(rq->connection);
}

static void
wake_up(struct mh_waiter *waiter)
{
    struct request *rq = request_of(waiter);
    struct server *server = rq->server;

    MHD_resume_connection(rq->connection);
    /* From here the request may be freed by its own thread. */
    server_end_wait(server);
}

bool
request_wait(struct request *rq)
{
    if (!server_begin_wait(rq->server))
        return false;
    if (mh_view_wait(rq->view, &rq->waiter))
        return true;
    server_end_wait(rq->server);
    return false;
}

int
request_socket(const struct request *rq)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(rq->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info != NULL ? info->connect_fd : -1;
}

/* Where it cannot be had, on a unix socket, the head is a packet of its own. */
static void
set_cork(struct request *rq, int value)
{
    rq->is_corked =
        setsockopt(request_socket(rq), IPPROTO_TCP, TCP_CORK, &value, sizeof(value)) == 0 && value;
}

void
request_cork(struct request *rq)
{
    set_cork(rq, 1);
}

bool
request_is_hung_up(const struct request *rq)
{
    struct pollfd watched = {.fd = request_socket(rq), .events = POLLRDHUP};

    return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* --- what the client said --- */

struct field_search {
    const char *name;
    const char *first; /* the value, as long as there is one line */
    struct buf joined; /* all values, from the second line on */
    size_t count;
};

static enum MHD_Result
see_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct field_search *search = arg;

    (void) kind;
    if (value == NULL || strcasecmp(name, search->name) != 0)
        return MHD_YES;
    search->count++;
    if (search->count == 1) {
        search->first = value;
        return MHD_YES;
    }
    if (search->count == 2)
        buf_add_str(&search->joined, search->first);
    buf_add_str(&search->joined, ", ");
    buf_add_str(&search->joined, value);
    return MHD_YES;
}

const char *
request_field(struct request *rq, const char *name)
{
    struct field_search search = {.name = name, .joined = BUF_INIT(FIELD_MAX)};
    char *joined;

    (void) MHD_get_connection_values(rq->connection, MHD_HEADER_KIND, see_field, &search);
    if (search.count < 2)
        return search.first;
    joined = buf_take(&search.joined);
    if (joined != NULL && list_add(&rq->joined, joined))
        return joined;
    /* Memory ran out, or this is asked for again and again: the first line is better than none. */
    mem_free(joined);
    return search.first;
}

void
request_local_address(const struct request *rq, char ret[REQUEST_ADDRESS_SIZE])
{
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t name_n = sizeof(name);
    const void *address = NULL;
    sa_family_t family;

    ret[0] = '\0';
    if (getsockname(request_socket(rq), (struct sockaddr *) &name, &name_n) < 0)
        return;
    family = name.ss_family;
    if (family == AF_INET)
        address = &((const struct sockaddr_in *) &name)->sin_addr;
    if (family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *) &name)->sin6_addr;

        address = six;
        if (IN6_IS_ADDR_V4MAPPED(six)) { /* IPv4 on a socket for "*" */
            family = AF_INET;
            address = &six->s6_addr[12];
        }
    }
    if (address != NULL && inet_ntop(family, address, ret, REQUEST_ADDRESS_SIZE) == NULL)
        ret[0] = '\0';
}

bool
request_is_peer_ours(const struct request *rq)
{
    struct ucred peer;
    socklen_t peer_n = sizeof(peer);

    if (getsockopt(request_socket(rq), SOL_SOCKET, SO_PEERCRED, &peer, &peer_n) < 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

/* --- the head --- */

static enum MHD_Result
see_head_field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_n,
               const char *value, size_t value_n)
{
    (void) kind;
    if (name != NULL && value != NULL)
        head_see(arg, name, name_n, value, value_n);
    return MHD_YES;
}

/* RFC 9110 §5.6.2. */
static bool
is_token(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (!isalnum((unsigned char) *c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    }
    return text[0] != '\0';
}

/* --- routing --- */

static enum answer
reply_bad_target(struct request *rq)
{
    if (rq->target_verdict == TARGET_ASTERISK && rq->method == METHOD_OPTIONS)
        return reply_options(rq, METHOD_GET | METHOD_HEAD | METHOD_POST);
    return reply_refusal(rq, target_status_of(rq->target_verdict),
                         target_verdict_text(rq->target_verdict));
}

/* Find the route, and answer what needs no answer function.
 *
 * Returns whether *ret_answer is set; if not, the route's function is to be called. */
static bool
settle(struct request *rq, enum answer *ret_answer)
{
    struct mh_fault fault;
    enum mh_code code;

    if (rq->target_verdict != TARGET_OK) {
        *ret_answer = reply_bad_target(rq);
        return true;
    }
    code = target_decode(&rq->target, &rq->path, &fault);
    if (code != MH_OK) {
        *ret_answer = reply_problem(rq, 0, code, &fault);
        return true;
    }
    rq->route = route_find(buf_text(&rq->path),
                           mh_host_mirror_of(rq->server->host, buf_text(&rq->path)) != NULL);
    if (!api_admits(rq, ret_answer))
        return true;
    if ((rq->route->methods & rq->method) == 0) {
        *ret_answer = reply_not_allowed(rq, rq->route->methods);
        return true;
    }
    if (rq->method == METHOD_OPTIONS) {
        *ret_answer = reply_options(rq, rq->route->methods);
        return true;
    }
    return false;
}

/* --- the stages --- */

/* The head is in: refuse what must not be read on from.
 *
 * Returns whether *ret_answer is set; if not, wait for the end of the request. */
static bool
begin(struct request *rq, enum answer *ret_answer)
{
    struct head_facts facts = HEAD_FACTS_INIT;
    const char *sentence;

    (void) MHD_get_connection_values_n(rq->connection, MHD_HEADER_KIND, see_head_field, &facts);
    rq->hints = facts.hints;
    sentence = rq->has_bad_method ? "The method is no name of letters, digits and signs."
                                  : head_distrust(&facts, rq->is_http10);
    if (sentence == NULL && head_has_body(&facts) && rq->method != METHOD_NONE &&
        rq->method != METHOD_POST)
        sentence = "This method takes no body; send the request without one.";
    if (sentence != NULL) {
        *ret_answer = reply_refusal(rq, 400, sentence);
        return true;
    }
    if (facts.has_strange_encoding) {
        *ret_answer = reply_refusal(
            rq, 501, "The one Transfer-Encoding that can be read is chunked; send no other.");
        return true;
    }
    if (facts.has_strange_expectation) {
        *ret_answer =
            reply_refusal(rq, 417, "The one expectation that can be met is 100-continue.");
        return true;
    }
    if (!head_has_body(&facts))
        return false;
    /* Whoever may not act is told before the body, and may keep it. */
    if (settle(rq, ret_answer))
        return true;
    if (facts.body_bytes > REQUEST_BODY_MAX) {
        *ret_answer = reply_refusal(rq, 413, "The body is larger than 1 MiB.");
        return true;
    }
    return false;
}

static enum MHD_Result
take_body(struct request *rq, const char *bytes, size_t *n)
{
    rq->body_seen += *n;
    if (rq->body_seen > BODY_PATIENCE)
        return MHD_NO;
    if (rq->body_seen <= REQUEST_BODY_MAX)
        buf_add(&rq->body, bytes, *n);
    *n = 0;
    return MHD_YES;
}

/* The request is whole. */
static enum answer
finish(struct request *rq)
{
    enum answer answer = ANSWER_DROP;

    if (rq->stage == REQUEST_READING) {
        rq->stage = REQUEST_ANSWERING;
        patience_stop_clock(rq->patience);
        if (ready_answer(rq, &answer))
            return answer;
        if (rq->route == NULL && settle(rq, &answer))
            return answer;
        if (rq->body_seen > REQUEST_BODY_MAX)
            return reply_refusal(rq, 413, "The body is larger than 1 MiB.");
        if (!buf_is_ok(&rq->body))
            return ANSWER_DROP;
    }
    return rq->route->answer(rq);
}

/* --- memory --- */

/* The last request that a thread was done with is its next one: a connection that is kept alive
 * asks the allocator for nothing. */
static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;
static bool has_spare_key;
static _Thread_local struct request *spare;

static void
free_spare(void *arg)
{
    mem_free(arg);
    spare = NULL;
}

static void
make_spare_key(void)
{
    has_spare_key = pthread_key_create(&spare_key, free_spare) == 0;
}

static struct request *
new_request(void)
{
    struct request *rq = ptr_take(&spare);

    if (rq == NULL)
        return mem_new(struct request);
    memset(rq, 0, offsetof(struct request, target_room));
    (void) pthread_setspecific(spare_key, NULL);
    return rq;
}

static void
free_request(struct request *rq)
{
    pthread_once(&spare_once, make_spare_key);
    /* Without a key nobody would free it at the thread's end. */
    if (spare != NULL || !has_spare_key || pthread_setspecific(spare_key, rq) != 0)
        mem_free(rq);
    else
        spare = rq;
}

/* NULL without memory. */
static char *
keep_target(struct request *rq, const char *target)
{
    const size_t n = strlen(target) + 1;

    return n <= sizeof(rq->target_room) ? memcpy(rq->target_room, target, n) : str_dup(target);
}

static struct patience *
patience_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? info->socket_context : NULL;
}

/* --- the library's callbacks --- */

void *
request_on_target(void *listener, const char *target, struct MHD_Connection *connection)
{
    struct request *rq = new_request();

    if (rq == NULL)
        return NULL;
    rq->listener = listener;
    rq->server = rq->listener->server;
    rq->connection = connection;
    rq->patience = patience_of(connection);
    rq->raw_target = keep_target(rq, target);
    rq->path = BUF_INIT(4 * TARGET_MAX_BYTES);
    rq->body = BUF_INIT(REQUEST_BODY_MAX);
    rq->joined = LIST_INIT(JOINED_MAX);
    rq->waiter.pause = pause_connection;
    rq->waiter.wake = wake_up;
    return rq;
}

static bool
read_head(struct request *rq, const char *method, const char *version)
{
    if (rq->raw_target == NULL)
        return false;
    rq->stage = REQUEST_READING;
    rq->method = method_of(method);
    rq->has_bad_method = !is_token(method);
    rq->is_head = rq->method == METHOD_HEAD;
    rq->is_http10 = strcmp(version, MHD_HTTP_VERSION_1_1) != 0;
    rq->target_verdict = target_split(rq->raw_target, &rq->target);
    atomic_fetch_add_explicit(&rq->server->counters.requests, 1, memory_order_relaxed);
    return true;
}

enum MHD_Result
request_on_access(void *listener, struct MHD_Connection *connection, const char *url,
                  const char *method, const char *version, const char *upload, size_t *upload_bytes,
                  void **context)
{
    struct request *rq = *context;
    enum answer answer = ANSWER_DROP;

    (void) listener;
    (void) connection;
    (void) url;
    if (rq == NULL)
        return MHD_NO;
    if (rq->stage == REQUEST_NEW) {
        if (!read_head(rq, method, version))
            return MHD_NO;
        return begin(rq, &answer) && answer == ANSWER_DROP ? MHD_NO : MHD_YES;
    }
    if (*upload_bytes > 0)
        return take_body(rq, upload, upload_bytes);
    return finish(rq) == ANSWER_DROP ? MHD_NO : MHD_YES;
}

void
request_on_completed(void *listener, struct MHD_Connection *connection, void **context,
                     enum MHD_RequestTerminationCode why)
{
    struct request *rq = *context;
    uint64_t bytes;

    (void) listener;
    (void) connection;
    if (rq == NULL)
        return;
    bytes = rq->sent_bytes + (why == MHD_REQUEST_TERMINATED_COMPLETED_OK ? rq->queued_bytes : 0);
    atomic_fetch_add_explicit(&rq->server->counters.bytes, bytes, memory_order_relaxed);
    patience_start_clock(rq->patience);
    sending_end(&rq->sending);
    if (rq->is_corked)
        set_cork(rq, 0);
    ready_sent(rq->kept);
    multipart_free(rq->multipart);
    mh_view_close(rq->view);
    action_job_free(rq->job);
    events_leave(rq->events);
    list_done(&rq->joined, mem_free);
    buf_done(&rq->body);
    buf_done(&rq->path);
    if (rq->raw_target != rq->target_room)
        mem_free(rq->raw_target);
    free_request(rq);
    *context = NULL;
}

size_t
request_on_unescape(void *listener, struct MHD_Connection *connection, char *text)
{
    (void) listener;
    (void) connection;
    return strlen(text);
}
