/* SPDX-License-Identifier: Apache-2.0 */
/* One transfer: an easy handle set up for one hop after another, and libcurl's callbacks.
 *
 * Invariants: a hop's request carries only headers made here. The mirror's own headers and netrc
 * credentials go along exactly when the hop's scheme, host and port are the upstream's own
 * (libcurl's following was seen to carry a custom header to the next host). The guard looks at the
 * address when a socket is opened and again before every request, since a kept connection may have
 * been opened for a mirror with other permissions. A callback that ends the transfer leaves the
 * typed cause in `code` and `fault`, so that it survives libcurl's generic "write failed". Fetch
 * thread only. */
#include "fetch_internal.h"

#include "clocks.h"
#include "fault.h"
#include "mem.h"
#include "units.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RECEIVE_BUFFER_BYTES (128L * 1024)

static void
name_upstream(struct fetch_transfer *t)
{
    url_redact(t->url, t->fault.upstream, sizeof(t->fault.upstream));
}

/* --- heads --- */

const char *
fetch_header(const struct fetch_head *head, const char *name)
{
    struct curl_header *header;

    if (curl_easy_header(head->transfer->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

bool
fetch_header_joined(const struct fetch_head *head, const char *name, char *buffer, size_t size)
{
    struct curl_header *header;
    size_t used = 0;
    size_t count = 1;

    for (size_t i = 0; i < count; i++) {
        if (curl_easy_header(head->transfer->easy, name, i, CURLH_HEADER, -1, &header) != CURLHE_OK)
            return false;
        int n = snprintf(buffer + used, size - used, "%s%s", i ? ", " : "", header->value);

        if (n < 0 || (size_t) n >= size - used)
            return false;
        used += (size_t) n;
        count = header->amount;
    }
    return true;
}

/* "bytes 100-199/2000", "bytes 100-199/ *" (RFC 9110 §14.4). */
static void
read_content_range(struct fetch_head *head)
{
    const char *text = fetch_header(head, "Content-Range");
    uint64_t first, last, complete = FETCH_LENGTH_UNKNOWN;

    if (!text || strncasecmp(text, "bytes ", 6) != 0)
        return;
    text += 6;
    const char *dash = strchr(text, '-');
    const char *slash = strchr(text, '/');

    if (!dash || !slash || slash < dash ||
        !uint_parse_n(text, (size_t) (dash - text), INT64_MAX, &first) ||
        !uint_parse_n(dash + 1, (size_t) (slash - dash - 1), INT64_MAX, &last) || last < first)
        return;
    if (strcmp(slash + 1, "*") != 0 &&
        (!uint_parse(slash + 1, INT64_MAX, &complete) || last >= complete))
        return;
    head->has_range = true;
    head->range_start = first;
    head->range_complete = complete;
}

static enum mh_code
hand_over_head(struct fetch_transfer *t, long status)
{
    struct fetch_head head = {.status = status, .length = FETCH_LENGTH_UNKNOWN, .transfer = t};
    char codings[256];
    curl_off_t length = -1;

    if (fetch_header(&head, "Content-Encoding")) /* a list beyond all measure is not one of ours */
        head.coding = fetch_header_joined(&head, "Content-Encoding", codings, sizeof(codings))
                          ? coding_of(codings)
                          : CODING_OTHER;
    (void) curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0)
        head.length = (uint64_t) length;
    read_content_range(&head);
    t->has_head = true;
    return t->job->events->on_head(t->job, &head, &t->fault);
}

static bool
is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The blank line after the header fields of one answer. */
static enum mh_code
head_is_complete(struct fetch_transfer *t)
{
    struct curl_header *location;
    long status = 0;

    (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return MH_OK;
    if (is_redirect(status) &&
        curl_easy_header(t->easy, "Location", 0, CURLH_HEADER, -1, &location) == CURLHE_OK) {
        t->location = str_dup(location->value);
        return t->location ? MH_OK : fail(&t->fault, MH_NOMEM, 0, "out of memory");
    }
    return hand_over_head(t, status);
}

static size_t
on_header_line(char *line, size_t size, size_t n, void *arg)
{
    struct fetch_transfer *t = arg;
    long status = 0;

    t->moved_ms = clock_mono_ms();
    if (n * size > 2 || (line[0] != '\r' && line[0] != '\n'))
        return n * size;
    /* A proxy's answer to CONNECT ends in a blank line too. */
    (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->has_head || t->location || status == 0)
        return n * size;
    t->code = head_is_complete(t);
    return t->code == MH_OK ? n * size : 0;
}

static size_t
on_write(char *bytes, size_t size, size_t n, void *arg)
{
    struct fetch_transfer *t = arg;

    t->moved_ms = clock_mono_ms();
    if (t->location) /* a redirect's page: read, so that the connection can be kept, and dropped */
        return n * size;
    t->job->is_dirty = true;
    t->code = t->job->events->on_body(t->job, bytes, n * size, &t->fault);
    return t->code == MH_OK ? n * size : 0;
}

/* --- the address guard --- */

static bool
guard(struct fetch_transfer *t, const struct sockaddr *address, const char *text)
{
    if (t->is_proxied || address_is_allowed(&t->job->policy->permission, address))
        return true;
    t->is_denied = true;
    t->code = fail(&t->fault, MH_DENIED, 0,
                   "'%s' leads to the private address %s, which its mirror does not permit "
                   "(allow_private = on would)",
                   t->parts.host, text);
    return false;
}

static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch_transfer *t = arg;
    char text[INET6_ADDRSTRLEN] = "";

    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (address->family == AF_INET)
        (void) inet_ntop(AF_INET, &((struct sockaddr_in *) (void *) &address->addr)->sin_addr, text,
                         sizeof(text));
    else if (address->family == AF_INET6)
        (void) inet_ntop(AF_INET6, &((struct sockaddr_in6 *) (void *) &address->addr)->sin6_addr,
                         text, sizeof(text));
    if (!guard(t, &address->addr, text))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int
on_before_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct fetch_transfer *t = arg;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t) peer_port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t) peer_port)};
    bool is_fine = false;

    if (t->is_denied) /* one of several addresses was refused: then the name is not to be trusted */
        return CURL_PREREQFUNC_ABORT;
    (void) local;
    (void) local_port;
    if (inet_pton(AF_INET, peer, &v4.sin_addr) == 1)
        is_fine = guard(t, (struct sockaddr *) &v4, peer);
    else if (inet_pton(AF_INET6, peer, &v6.sin6_addr) == 1)
        is_fine = guard(t, (struct sockaddr *) &v6, peer);
    if (!is_fine)
        return CURL_PREREQFUNC_ABORT;
    t->asked_ms = clock_mono_ms();
    if (t->job->events->on_asked)
        t->job->events->on_asked(t->job);
    atomic_fetch_add_explicit(&t->fetcher->requests, 1, memory_order_relaxed);
    return CURL_PREREQFUNC_OK;
}

/* --- setting up a hop --- */

static bool
add_header(struct fetch_transfer *t, const char *line)
{
    struct curl_slist *grown = curl_slist_append(t->headers, line);

    if (grown)
        t->headers = grown;
    return grown != NULL;
}

static bool
add_header_value(struct fetch_transfer *t, const char *name, const char *value)
{
    scoped(mem_freep) char *line = str_printf("%s: %s", name, value);

    return line && add_header(t, line);
}

static bool
make_headers(struct fetch_transfer *t, bool is_own)
{
    const struct fetch_job *job = t->job;
    char range[64];

    curl_slist_free_all(t->headers);
    t->headers = NULL;
    if (!add_header(t, "Accept: */*") ||
        !add_header(t, job->wants_gzip ? "Accept-Encoding: gzip" : "Accept-Encoding: identity"))
        return false;
    if (job->offset > 0) {
        (void) snprintf(range, sizeof(range), "Range: bytes=%llu-",
                        (unsigned long long) job->offset);
        if (!add_header(t, range))
            return false;
        if (job->if_range && !add_header_value(t, "If-Range", job->if_range))
            return false;
    }
    if (job->if_none_match && !add_header_value(t, "If-None-Match", job->if_none_match))
        return false;
    if (job->if_modified_since && !add_header_value(t, "If-Modified-Since", job->if_modified_since))
        return false;
    for (size_t i = 0; is_own && job->headers && job->headers[i]; i++)
        if (!add_header(t, job->headers[i]))
            return false;
    return true;
}

static void
set_options(struct fetch_transfer *t, bool is_own)
{
    CURL *easy = t->easy;
    const struct fetch_policy *policy = t->job->policy;
    bool is_tls = strcmp(t->parts.scheme, "https") == 0;
    const char *proxy = proxy_for(&t->parts, policy->proxy, &t->fetcher->env);

    curl_easy_reset(easy);
    t->is_proxied = proxy != NULL;
    (void) curl_easy_setopt(easy, CURLOPT_URL, t->url);
    (void) curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    /* In the clear there is no HTTP/2 to wait for: libcurl would hold the other transfers until the
     * first answer says so. */
    (void) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                            (long) (is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    (void) curl_easy_setopt(easy, CURLOPT_PIPEWAIT, is_tls ? 1L : 0L);
    (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_USERAGENT, policy->user_agent);
    (void) curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy : "");
    (void) curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) policy->connect_timeout_ms);
    (void) curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
    if (policy->ca_file)
        (void) curl_easy_setopt(easy, CURLOPT_CAINFO, policy->ca_file);
    if (is_own)
        (void) curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_OPTIONAL);
    /* Hashes are of the bytes as they come: whoever takes them decodes them. */
    (void) curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    (void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    (void) curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    (void) curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    (void) curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void) curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    (void) curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    (void) curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
}

/* A literal private address is refused by its name too: a proxy would connect to it unseen. */
static enum mh_code
check_literal(struct fetch_transfer *t)
{
    struct address_permission named;

    address_permission_of(&t->parts, &named);
    if (t->is_proxied && named.has_literal &&
        address_is_private((struct sockaddr *) &named.literal) &&
        !guard(t, (struct sockaddr *) &named.literal, t->parts.host))
        return t->code;
    return MH_OK;
}

static enum mh_code
set_up_hop(struct fetch_transfer *t)
{
    enum mh_code code = url_split(t->url, &t->parts, &t->fault);

    if (code != MH_OK)
        return code;
    bool is_own = url_same_origin(&t->parts, t->job->own);

    if (!make_headers(t, is_own))
        return fail(&t->fault, MH_NOMEM, 0, "out of memory for request headers");
    t->asked_ms = 0;
    t->moved_ms = clock_mono_ms();
    set_options(t, is_own);
    return check_literal(t);
}

void
transfer_free(struct fetch_transfer *t)
{
    if (!t)
        return;
    if (t->easy)
        curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    mem_free(t->url);
    mem_free(t->location);
    mem_free(t);
}

enum mh_code
transfer_new(struct fetcher *fetcher, struct fetch_job *job, struct fetch_transfer **ret,
             struct mh_fault *f)
{
    struct fetch_transfer *t = mem_new(struct fetch_transfer);

    if (!t)
        return fail(f, MH_NOMEM, 0, "out of memory for a transfer");
    t->fetcher = fetcher;
    t->job = job;
    t->url = str_dup(job->url);
    t->easy = curl_easy_init();
    enum mh_code code = t->url && t->easy
                            ? set_up_hop(t)
                            : fail(&t->fault, MH_NOMEM, 0, "out of memory for a transfer");

    if (code != MH_OK) {
        if (f)
            *f = t->fault;
        transfer_free(t);
        return code;
    }
    *ret = t;
    return MH_OK;
}

bool
transfer_wants_next_hop(const struct fetch_transfer *t, CURLcode result)
{
    return result == CURLE_OK && t->location && !t->is_denied;
}

enum mh_code
transfer_next_hop(struct fetch_transfer *t)
{
    scoped(mem_freep) char *next = NULL;

    if (++t->hops > FETCH_MAX_HOPS) {
        (void) fail(&t->fault, MH_UPSTREAM, 0, "'%s' redirects more than %d times", t->job->url,
                    FETCH_MAX_HOPS);
        name_upstream(t);
        return MH_UPSTREAM;
    }
    enum mh_code code = url_resolve(t->url, t->location, &next, &t->fault);

    if (code != MH_OK) {
        fault_prepend(&t->fault, "a redirect of '%s'", t->job->url);
        name_upstream(t);
        return MH_UPSTREAM;
    }
    mem_free(t->location);
    t->location = NULL;
    mem_free(t->url);
    t->url = ptr_take(&next);
    code = set_up_hop(t);
    if (code != MH_OK)
        name_upstream(t);
    return code;
}

/* --- ends --- */

static enum mh_code
code_of_curl(CURLcode result)
{
    switch ((int) result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return MH_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return MH_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return MH_NOMEM;
    default:
        return MH_UPSTREAM;
    }
}

enum mh_code
transfer_result(struct fetch_transfer *t, CURLcode result)
{
    if (t->code != MH_OK) {
        if (!t->fault.upstream[0])
            name_upstream(t);
        return t->code;
    }
    if (result == CURLE_OK && t->has_head)
        return MH_OK;
    enum mh_code code =
        fail(&t->fault, code_of_curl(result), (int) result, "the upstream '%s' failed: %s",
             t->parts.host, t->error[0] ? t->error : curl_easy_strerror(result));

    name_upstream(t);
    return code;
}

uint64_t
transfer_deadline(const struct fetch_transfer *t)
{
    if (!t->asked_ms)
        return UINT64_MAX;
    if (!t->has_head && !t->location)
        return t->asked_ms + t->job->policy->first_byte_timeout_ms;
    return t->moved_ms + t->job->policy->stall_timeout_ms;
}

enum mh_code
transfer_fail_late(struct fetch_transfer *t)
{
    const struct fetch_policy *policy = t->job->policy;
    bool is_first = !t->has_head && !t->location;
    char limit[UNIT_TEXT_SIZE];

    (void) duration_exact(is_first ? policy->first_byte_timeout_ms : policy->stall_timeout_ms,
                          limit);
    (void) fail(&t->fault, MH_TIMEOUT, 0,
                is_first ? "the upstream '%s' did not begin to answer within %s"
                         : "the upstream '%s' sent nothing for %s",
                t->parts.host, limit);
    name_upstream(t);
    return MH_TIMEOUT;
}
