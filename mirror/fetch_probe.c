/* SPDX-License-Identifier: Apache-2.0 */
/* One GET with everything that was answered on the way, for `doctor` and `inspect`.
 *
 * The fetcher of flights hides redirects and failures that can be mended, which is what a flight
 * wants; here they are what is asked for. Each hop is a request of its own, made by an easy handle
 * of its own, so that its head is kept beside its URL. No cookie, no credential, no retry, no
 * range: what a browser's fetch() of a page that was never here would send. Private addresses are
 * allowed: a person names the URL, and it is their own network that they ask about.
 *
 * Blocks the calling thread. It refuses bodies beyond the caller's ceiling, and URLs that are not
 * http or https, also those of redirects. */
#include <modelhost/probe.h>

#include "buf.h"
#include "fault.h"
#include "mem.h"
#include "url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX_BYTES 65536
#define LOCATION_MAX     8192

struct exchange {
    struct buf fields;
    struct buf body;
};

static size_t
on_field(char *bytes, size_t size, size_t n, void *arg)
{
    struct exchange *exchange = arg;
    size_t length = n * size;
    const char *colon = memchr(bytes, ':', length);

    if (length >= 5 && strncmp(bytes, "HTTP/", 5) == 0)
        buf_clear(&exchange->fields); /* a new head: the one before was 1xx */
    while (length > 0 && (bytes[length - 1] == '\r' || bytes[length - 1] == '\n'))
        length--;
    if (colon == NULL || length == 0 || strncmp(bytes, "HTTP/", 5) == 0)
        return n * size;
    for (const char *c = bytes; c < colon; c++)
        buf_add_char(&exchange->fields, (char) tolower((unsigned char) *c));
    buf_add(&exchange->fields, colon, (size_t) (bytes + length - colon));
    buf_add_char(&exchange->fields, '\n');
    return buf_is_ok(&exchange->fields) ? n * size : 0;
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct exchange *exchange = arg;

    buf_add(&exchange->body, bytes, n * size);
    return buf_is_ok(&exchange->body) ? n * size : 0;
}

static void
set_options(CURL *easy, const struct mh_probe_request *request, const char *url,
            struct curl_slist *headers, struct exchange *exchange)
{
    (void) curl_easy_setopt(easy, CURLOPT_URL, url);
    (void) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    (void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(easy, CURLOPT_USERAGENT, "modelhost-doctor/" MODELHOST_VERSION);
    (void) curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) request->connect_timeout_ms);
    (void) curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                            (long) (request->stall_timeout_ms + 999) / 1000);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_field);
    (void) curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    if (request->proxy != NULL)
        (void) curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
    if (request->ca_file != NULL)
        (void) curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
}

static enum mh_code
code_of(CURLcode result, const struct exchange *exchange)
{
    switch ((int) result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return MH_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return MH_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return MH_BAD_INPUT;
    case CURLE_PARTIAL_FILE:
        return MH_CORRUPT;
    case CURLE_RECV_ERROR:
        return exchange->body.length > 0 ? MH_CORRUPT : MH_UPSTREAM;
    case CURLE_WRITE_ERROR:
        return MH_TOO_LARGE;
    default:
        return MH_UPSTREAM;
    }
}

static enum mh_code
keep(struct exchange *exchange, CURL *easy, struct mh_probe *ret, struct mh_fault *fault)
{
    struct mh_probe_hop *hop = &ret->hops[ret->hop_count - 1];

    (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &hop->status);
    mem_free(ret->body);
    ret->body_bytes = exchange->body.length;
    ret->body = buf_take(&exchange->body);
    hop->fields = buf_take(&exchange->fields);
    if (ret->body == NULL || hop->fields == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out, or the answer is too large");
    return MH_OK;
}

static enum mh_code
ask(const struct mh_probe_request *request, struct mh_probe *ret, struct mh_fault *fault)
{
    const char *url = ret->hops[ret->hop_count - 1].url;
    scoped(mem_freep) char *origin =
        request->origin != NULL ? str_printf("Origin: %s", request->origin) : NULL;
    struct exchange exchange = {BUF_INIT(FIELDS_MAX_BYTES), BUF_INIT((size_t) request->max_bytes)};
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = origin != NULL ? curl_slist_append(NULL, origin) : NULL;
    enum mh_code code = MH_OK;
    CURLcode result;

    if (easy == NULL || (request->origin != NULL && headers == NULL)) {
        code = fail(fault, MH_NOMEM, 0, "memory ran out");
    } else {
        set_options(easy, request, url, headers, &exchange);
        result = curl_easy_perform(easy);
        code = result == CURLE_OK ? MH_OK : code_of(result, &exchange);
        if (code == MH_TOO_LARGE)
            (void) fail(fault, code, (int) result, "'%s' is larger than is looked at", url);
        else if (code != MH_OK)
            (void) fail(fault, code, (int) result, "'%s': %s", url, curl_easy_strerror(result));
        if (keep(&exchange, easy, ret, fault) != MH_OK)
            code = MH_NOMEM;
    }
    buf_done(&exchange.fields);
    buf_done(&exchange.body);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return code;
}

static bool
is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The next hop's URL; NULL where there is none. */
static enum mh_code
next_url(const struct mh_probe *probe, char **ret_url, struct mh_fault *fault)
{
    const struct mh_probe_hop *hop = &probe->hops[probe->hop_count - 1];
    char location[LOCATION_MAX];
    enum mh_code code;

    *ret_url = NULL;
    if (!is_redirect(hop->status) ||
        mh_probe_field(hop, "location", location, sizeof location) == NULL)
        return MH_OK;
    code = url_resolve(hop->url, location, ret_url, fault);
    if (code != MH_OK)
        fault_prepend(fault, "'%s' redirects to '%.200s'", hop->url, location);
    return code;
}

static enum mh_code
follow(const struct mh_probe_request *request, char *url, struct mh_probe *ret,
       struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    while (code == MH_OK && url != NULL) {
        if (ret->hop_count == MH_PROBE_HOPS) {
            mem_free(url);
            return fail(fault, MH_UPSTREAM, 0, "'%s' redirects more than %d times", request->url,
                        MH_PROBE_HOPS - 1);
        }
        ret->hops[ret->hop_count++].url = url;
        code = ask(request, ret, fault);
        if (code == MH_OK)
            code = next_url(ret, &url, fault);
    }
    return code;
}

enum mh_code
mh_probe(const struct mh_probe_request *request, struct mh_probe *ret, struct mh_fault *fault)
{
    struct url_parts parts;
    char *url = NULL;
    enum mh_code code;

    *ret = (struct mh_probe){.hop_count = 0};
    code = url_split(request->url, &parts, fault);
    if (code != MH_OK)
        return code;
    url = str_dup_n(request->url, strcspn(request->url, "#"));
    if (url == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
    code = follow(request, url, ret, fault);
    curl_global_cleanup();
    return code;
}

void
mh_probe_done(struct mh_probe *probe)
{
    for (size_t i = 0; i < probe->hop_count; i++) {
        mem_free(probe->hops[i].url);
        mem_free(probe->hops[i].fields);
    }
    mem_free(probe->body);
    *probe = (struct mh_probe){.hop_count = 0};
}

const char *
mh_probe_field(const struct mh_probe_hop *hop, const char *name, char *value, size_t size)
{
    const size_t name_n = strlen(name);
    size_t n = 0;
    bool is_there = false;

    for (const char *line = hop->fields; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        const char *text = line + name_n + 1;

        if (strncmp(line, name, name_n) == 0 && line[name_n] == ':') {
            if (is_there && n + 2 < size) {
                memcpy(value + n, ", ", 2);
                n += 2;
            }
            while (*text == ' ')
                text++;
            while (text < end && n + 1 < size)
                value[n++] = *text++;
            is_there = true;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    if (!is_there)
        return NULL;
    value[n] = '\0';
    return value;
}
