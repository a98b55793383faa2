/* SPDX-License-Identifier: Apache-2.0 */
/* The API under /-/api/.
 *
 * A browser sends any page's requests to any server, ours included, so an action is taken only for
 * our own pages and for clients that are no pages: a foreign or "null" Origin, and a Host that is
 * not ours (a foreign name that was made to point here), are turned away. Whoever comes over a
 * listener beyond loopback must show the token besides. The control socket knows its peers by their
 * user and asks for nothing else.
 *
 * Answers are JSON, the same that the commands' --json prints; errors are problems (RFC 9457).
 * HTTP threads. Nothing here waits: a pull is begun, and models/PATH tells what became of it. */
#include "api.h"

#include "action.h"
#include "api_text.h"
#include "events.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "host_check.h"
#include "json.h"
#include "list.h"
#include "mem.h"
#include "model_json.h"
#include "reply.h"

#include <modelhost/model.h>

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define JSON_MAX       ((size_t) 64 << 20)
#define PULL_MAX       ACTION_WHAT_MAX
#define TOKEN_BYTES    32
#define TOKEN_FILE     "token"
#define TOKEN_FILE_MAX 4096
#define API_MODELS     "/-/api/models"

/* --- who may --- */

static bool
refuse(struct request *rq, unsigned status, const char *sentence, enum answer *ret_answer)
{
    struct reply reply = REPLY_INIT(status);
    struct mh_fault fault;

    (void) fail(&fault, MH_DENIED, 0, "%s", sentence); /* only filled in */
    if (status == 401)
        reply_field(&reply, "WWW-Authenticate", "Bearer realm=\"modelhost\"");
    *ret_answer = reply_problem_with(rq, &reply, MH_OK, &fault);
    return false;
}

static bool
is_from_ours(struct request *rq, enum answer *ret_answer)
{
    char address[REQUEST_ADDRESS_SIZE];
    scoped(mem_freep) char *target_host = str_dup_n(rq->target.host, rq->target.host_n);
    struct host_request request = {
        .host = rq->target.host != NULL ? target_host : request_field(rq, "Host"),
        .origin = request_field(rq, "Origin"),
        .address = address,
        .names = rq->server->settings->server.hosts.items,
    };
    enum host_verdict verdict;

    if (rq->target.host != NULL && target_host == NULL) {
        *ret_answer = ANSWER_DROP;
        return false;
    }
    request_local_address(rq, address);
    verdict = host_check(&request);
    return verdict == HOST_OK || refuse(rq, 403, host_verdict_text(verdict), ret_answer);
}

/* Compare in a time that tells nothing of where they differ. */
static bool
is_same_secret(const char *a, const char *b)
{
    const size_t n = strlen(a);
    unsigned char difference = 0;

    if (strlen(b) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        difference |= (unsigned char) (a[i] ^ b[i]);
    return difference == 0;
}

static bool
has_token(struct request *rq)
{
    static const char scheme[] = "Bearer ";
    const char *field = request_field(rq, "Authorization");

    if (rq->server->token == NULL || field == NULL ||
        strncasecmp(field, scheme, sizeof(scheme) - 1) != 0)
        return false;
    field += sizeof(scheme) - 1;
    return is_same_secret(rq->server->token, field + strspn(field, " "));
}

bool
api_admits(struct request *rq, enum answer *ret_answer)
{
    if (rq->listener->is_control) {
        if (!request_is_peer_ours(rq))
            return refuse(rq, 403, "The control socket is for the server's own user and root.",
                          ret_answer);
        return rq->route->room == ROUTE_API ||
               refuse(rq, 404, "The control socket has /-/api/ only.", ret_answer);
    }
    if (rq->route->room != ROUTE_API && rq->route->room != ROUTE_PAGE)
        return true;
    if (!is_from_ours(rq, ret_answer))
        return false;
    if (rq->method != METHOD_POST || rq->listener->is_loopback || has_token(rq))
        return true;
    return refuse(rq, 401,
                  "From another machine this wants 'Authorization: Bearer' with the token of the "
                  "file 'token' in the cache directory, or of api_token = in the section [server].",
                  ret_answer);
}

/* --- the token --- */

static enum mh_code
make_token(struct server *server, struct mh_fault *fault)
{
    uint8_t random[TOKEN_BYTES];
    char text[2 * TOKEN_BYTES + 2];
    enum mh_code code;

    if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
        return fail_errno(fault, errno, "cannot get random bytes for the API's token");
    hex_encode(random, sizeof(random), text);
    text[2 * TOKEN_BYTES] = '\n';
    code = fd_replace_file(mh_host_dir_fd(server->host), TOKEN_FILE, text, 2 * TOKEN_BYTES + 1,
                           0600, true, fault);
    if (code != MH_OK)
        return code;
    server->token = str_dup_n(text, 2 * TOKEN_BYTES);
    return server->token != NULL ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");
}

enum mh_code
api_token_init(struct server *server, struct mh_fault *fault)
{
    const char *configured = server->settings->server.api_token.text;
    scoped(mem_freep) char *text = NULL;
    size_t n = 0;
    enum mh_code code;

    if (configured != NULL && configured[0] != '\0') {
        server->token = str_dup(configured);
        return server->token != NULL ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    code = fd_read_file(mh_host_dir_fd(server->host), TOKEN_FILE, TOKEN_FILE_MAX, &text, &n, fault);
    if (code == MH_NOT_FOUND && mh_host_check_writable(server->host, NULL) != MH_OK)
        return MH_OK; /* nobody can show what cannot be kept; there is little to be done, either */
    if (code == MH_NOT_FOUND)
        return make_token(server, fault);
    if (code != MH_OK)
        return code;
    n = strcspn(text, " \t\r\n");
    if (n == 0)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the file 'token' in the cache directory is empty; remove it to have a new "
                    "token made");
    server->token = str_dup_n(text, n);
    return server->token != NULL ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");
}

/* --- answers --- */

enum answer
api_send_json(struct request *rq, unsigned status, struct buf *json)
{
    struct reply reply = REPLY_INIT(status);

    reply_field(&reply, "Content-Type", "application/json");
    reply_field(&reply, "Cache-Control", "no-store");
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    reply_buf(&reply, json);
    return reply_send(rq, &reply);
}

typedef enum mh_code text_writer(const struct server *server, struct buf *json,
                                 struct mh_fault *fault);

static enum answer
send_text(struct request *rq, text_writer *write)
{
    struct buf json = BUF_INIT(JSON_MAX);
    struct mh_fault fault;
    enum mh_code code = write(rq->server, &json, &fault);

    if (code == MH_OK)
        return api_send_json(rq, 200, &json);
    buf_done(&json);
    return reply_problem(rq, 0, code, &fault);
}

enum answer
answer_api_models(struct request *rq)
{
    return send_text(rq, api_text_models);
}

enum answer
answer_api_flights(struct request *rq)
{
    return send_text(rq, api_text_flights);
}

enum answer
answer_api_status(struct request *rq)
{
    return send_text(rq, api_text_status);
}

/* The part of the target that names the model: as the client of the model itself would send it. */
static const char *
model_path_of(const struct request *rq)
{
    const char *text = rq->target.text;

    /* Whoever escapes letters of our own path has no client that we know. */
    if (strncmp(text, API_MODELS "/", sizeof(API_MODELS)) != 0)
        return "/";
    text += sizeof(API_MODELS) - 1;
    return text[1] == '/' ? text + 1 : text; /* "models/" + "/tfjs-models/..." */
}

enum answer
answer_api_model(struct request *rq)
{
    struct buf json = BUF_INIT(JSON_MAX);
    struct jsonw w = JSONW_INIT(&json);
    struct mh_model model;
    struct mh_fault fault;
    enum mh_code code = mh_model_get(rq->server->host, model_path_of(rq), &model, &fault);

    if (code != MH_OK)
        return reply_problem(rq, 0, code, &fault);
    model_json_write(&w, NULL, &model);
    buf_add_char(&json, '\n');
    mh_model_done(&model);
    return api_send_json(rq, 200, &json);
}

/* --- pull --- */

/* Resolve every name before anything is begun: one that leads nowhere stops all. `paths` gets a
 * char * for each, in their order. */
static enum mh_code
resolve_all(struct request *rq, const struct json *what, struct list *paths, struct mh_fault *fault)
{
    if (json_kind_of(what) != JSON_ARRAY || json_count(what) == 0 || json_count(what) > PULL_MAX)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the body must be {\"what\": [...]} with 1 to %d upstream URLs or local paths",
                    PULL_MAX);
    return action_resolve(rq->server->host, what, paths, fault);
}

static enum mh_code
pull_all(struct request *rq, const struct list *paths, bool refreshes, struct mh_fault *fault)
{
    struct mh_host *host = rq->server->host;
    enum mh_code code = MH_OK;

    for (size_t i = 0; code == MH_OK && i < paths->count; i++)
        code = refreshes ? mh_refresh(host, paths->items[i], fault)
                         : mh_pull(host, paths->items[i], fault);
    return code;
}

static void
write_pulled(const struct json *what, const struct list *paths, struct buf *json)
{
    struct jsonw w = JSONW_INIT(json);
    const struct json *item = json_first(what);

    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "models");
    for (size_t i = 0; i < paths->count; i++, item = json_next(item)) {
        jsonw_object_begin(&w, NULL);
        jsonw_string(&w, "what", json_string(item));
        jsonw_string(&w, "path", paths->items[i]);
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    buf_add_char(json, '\n');
}

enum answer
answer_api_pull(struct request *rq)
{
    struct buf json = BUF_INIT(JSON_MAX);
    struct list paths = LIST_INIT(PULL_MAX);
    scoped(json_freep) struct json *body = NULL;
    const struct json *what = NULL;
    struct mh_fault fault;
    enum mh_code code = json_parse(buf_text(&rq->body), rq->body.length, &body, &fault);

    if (code == MH_OK) {
        what = json_get(body, "what");
        code = resolve_all(rq, what, &paths, &fault);
    } else if (code == MH_BAD_INPUT) {
        fault_prepend(&fault, "the body is no JSON");
    }
    if (code == MH_OK)
        code = pull_all(rq, &paths, json_bool(json_get(body, "refresh"), false), &fault);
    if (code == MH_OK)
        write_pulled(what, &paths, &json);
    list_done(&paths, mem_free);
    if (code == MH_OK)
        events_nudge(rq->server->events);
    return code == MH_OK ? api_send_json(rq, 202, &json) : reply_problem(rq, 0, code, &fault);
}
