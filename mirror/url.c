/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of upstreams, taken apart by libcurl's own parser: whatever a URL with two readings may
 * mean, the host that is checked is then the host that is connected to.
 *
 * Invariants: what url_split() accepts has the scheme http or https, "//", a host, and no byte that
 * two parsers are known to read differently (blanks, control bytes, '\'). A URL that url_resolve()
 * gives back has passed url_split(), so a redirect is held to the same rules as a configured base.
 *
 * url_redact() works on the text alone, because it is also there for URLs that do not parse.
 *
 * Pure but for libcurl's allocations; any thread. It refuses to fetch anything. */
#include "url.h"

#include "fault.h"
#include "mem.h"
#include "units.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define URL_MAX_BYTES 8192

static void
handle_freep(CURLU **handle)
{
    curl_url_cleanup(*handle);
}

static void
part_freep(char **part)
{
    curl_free(*part);
}

static const char *
complaint_about_text(const char *url)
{
    if (!*url)
        return "is empty";
    if (strlen(url) > URL_MAX_BYTES)
        return "is longer than 8 KiB";
    for (const char *at = url; *at; at++) {
        if ((unsigned char) *at <= 0x20 || *at == 0x7F)
            return "has a blank or a control byte in it";
        if (*at == '\\')
            return "has a backslash in it";
    }
    return NULL;
}

/* libcurl takes one to three slashes after the scheme; browsers and RFC 3986 do not agree with it.
 */
static bool
is_http_with_authority(const char *url)
{
    const char *rest = NULL;

    if (strncasecmp(url, "http://", 7) == 0)
        rest = url + 7;
    else if (strncasecmp(url, "https://", 8) == 0)
        rest = url + 8;
    return rest && *rest && !strchr("/?#", *rest);
}

static enum mh_code
open_url(const char *url, CURLU **ret, struct mh_fault *fault)
{
    const char *complaint = complaint_about_text(url);

    if (complaint)
        return fail(fault, MH_BAD_INPUT, 0, "the URL '%.200s' %s", url, complaint);
    if (!is_http_with_authority(url))
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%.200s' is not an absolute http:// or https:// URL with a host", url);

    scoped(handle_freep) CURLU *handle = curl_url();

    if (!handle)
        return fail(fault, MH_NOMEM, 0, "out of memory for a URL");
    CURLUcode result = curl_url_set(handle, CURLUPART_URL, url, 0);

    if (result != CURLUE_OK)
        return fail(fault, result == CURLUE_OUT_OF_MEMORY ? MH_NOMEM : MH_BAD_INPUT, (int) result,
                    "the URL '%.200s' cannot be read: %s", url, curl_url_strerror(result));
    *ret = ptr_take(&handle);
    return MH_OK;
}

static bool
copy_lower(const char *text, size_t n, char *ret, size_t size)
{
    if (n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        ret[i] = (char) (text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    ret[n] = '\0';
    return true;
}

static bool
split_host(CURLU *handle, struct url_parts *parts)
{
    scoped(part_freep) char *host = NULL;
    scoped(part_freep) char *zone = NULL;

    if (curl_url_get(handle, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host)
        return false;
    /* A zone would have to be part of every comparison of hosts; nothing that serves models has
     * one. */
    if (curl_url_get(handle, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK)
        return false;
    size_t n = strlen(host);

    if (host[0] == '[' && host[n - 1] == ']')
        return copy_lower(host + 1, n - 2, parts->host, sizeof(parts->host));
    return copy_lower(host, n, parts->host, sizeof(parts->host));
}

static bool
split_parts(CURLU *handle, struct url_parts *parts)
{
    scoped(part_freep) char *scheme = NULL;
    scoped(part_freep) char *port = NULL;
    scoped(part_freep) char *user = NULL;
    scoped(part_freep) char *password = NULL;
    uint64_t number = 0;

    if (curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        !copy_lower(scheme, strlen(scheme), parts->scheme, sizeof(parts->scheme)))
        return false;
    if (!split_host(handle, parts))
        return false;
    if (curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        !uint_parse(port, UINT16_MAX, &number) || number == 0)
        return false;
    parts->port = (uint16_t) number;
    parts->has_userinfo = curl_url_get(handle, CURLUPART_USER, &user, 0) == CURLUE_OK ||
                          curl_url_get(handle, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;
    return true;
}

enum mh_code
url_split(const char *url, struct url_parts *ret, struct mh_fault *fault)
{
    scoped(handle_freep) CURLU *handle = NULL;
    struct url_parts parts = {.port = 0};
    enum mh_code code = open_url(url, &handle, fault);

    if (code != MH_OK)
        return code;
    if (!split_parts(handle, &parts))
        return fail(fault, MH_BAD_INPUT, 0,
                    "the URL '%.200s' has no usable host (an IPv6 zone is not supported) or port",
                    url);
    *ret = parts;
    return MH_OK;
}

enum mh_code
url_check_base(const char *url, struct buf *normal, struct mh_fault *fault)
{
    scoped(handle_freep) CURLU *handle = NULL;
    scoped(part_freep) char *text = NULL;
    struct url_parts parts;
    enum mh_code code = url_split(url, &parts, fault);

    if (code == MH_OK)
        code = open_url(url, &handle, fault);
    if (code != MH_OK)
        return code;
    if (strpbrk(url, "?#"))
        return fail(fault, MH_BAD_INPUT, 0,
                    "the base URL '%.200s' has a query or a fragment: end it with the folder's '/'",
                    url);
    if (curl_url_get(handle, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT) != CURLUE_OK)
        return fail(fault, MH_NOMEM, 0, "out of memory for a URL");
    buf_add_str(normal, text);
    if (text[strlen(text) - 1] != '/')
        buf_add_char(normal, '/');
    return buf_is_ok(normal) ? MH_OK : fail(fault, MH_NOMEM, 0, "out of memory for a URL");
}

static enum mh_code
resolve(CURLU *handle, const char *location, char **ret, struct mh_fault *fault)
{
    scoped(part_freep) char *text = NULL;
    /* As libcurl itself follows redirects: raw blanks and bytes beyond ASCII get escaped, existing
     * escapes stay (a signed URL must not change). */
    CURLUcode result =
        curl_url_set(handle, CURLUPART_URL, location, CURLU_URLENCODE | CURLU_ALLOW_SPACE);

    if (result == CURLUE_OK)
        result = curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    if (result == CURLUE_OK)
        result = curl_url_get(handle, CURLUPART_URL, &text, 0);
    if (result != CURLUE_OK)
        return fail(fault, result == CURLUE_OUT_OF_MEMORY ? MH_NOMEM : MH_BAD_INPUT, (int) result,
                    "the location '%.200s' cannot be read: %s", location,
                    curl_url_strerror(result));
    *ret = str_dup(text);
    return *ret ? MH_OK : fail(fault, MH_NOMEM, 0, "out of memory for a URL");
}

static bool
has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char) *text < 0x20 || *text == 0x7F)
            return true;
    }
    return false;
}

enum mh_code
url_resolve(const char *base, const char *location, char **ret, struct mh_fault *fault)
{
    scoped(handle_freep) CURLU *handle = NULL;
    scoped(mem_freep) char *resolved = NULL;
    struct url_parts parts;
    enum mh_code code = open_url(base, &handle, fault);

    if (code != MH_OK)
        return code;
    if (!*location || has_control(location))
        return fail(fault, MH_BAD_INPUT, 0, "the location '%.200s' is %s", location,
                    *location ? "malformed: it has a control byte in it" : "empty");
    code = resolve(handle, location, &resolved, fault);
    if (code == MH_OK)
        code = url_split(resolved, &parts, fault);
    if (code == MH_OK)
        *ret = ptr_take(&resolved);
    return code;
}

bool
url_same_origin(const struct url_parts *a, const struct url_parts *b)
{
    return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0;
}

/* --- redaction --- */

static bool
looks_secret(const char *name, size_t n)
{
    static const char *const marks[] = {"sig",      "token",      "key", "secret",
                                        "password", "credential", "auth"};

    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        size_t length = strlen(marks[i]);

        for (size_t at = 0; at + length <= n; at++) {
            if (strncasecmp(name + at, marks[i], length) == 0)
                return true;
        }
    }
    return false;
}

/* Where the authority's user and password end, or `authority` if it has none. */
static const char *
skip_userinfo(const char *authority)
{
    size_t n = strcspn(authority, "/?#");

    for (size_t i = n; i > 0; i--) {
        if (authority[i - 1] == '@')
            return authority + i;
    }
    return authority;
}

static void
redact_parameter(struct buf *out, const char *parameter, size_t n)
{
    const char *equals = memchr(parameter, '=', n);
    size_t name_length = equals ? (size_t) (equals - parameter) : n;

    if (equals && looks_secret(parameter, name_length)) {
        buf_add(out, parameter, name_length);
        buf_add_str(out, "=***");
    } else {
        buf_add(out, parameter, n);
    }
}

static void
redact_to(struct buf *out, const char *url)
{
    const char *slashes = strstr(url, "://");
    const char *rest = url;

    if (slashes) {
        buf_add(out, url, (size_t) (slashes - url) + 3);
        rest = skip_userinfo(slashes + 3);
    }
    size_t n = strcspn(rest, "?");

    buf_add(out, rest, n);
    while (rest[n]) {
        buf_add_char(out, rest[n]); /* '?' first, then each '&' or '#' */
        rest += n + 1;
        n = strcspn(rest, "&#");
        redact_parameter(out, rest, n);
    }
}

/* Cut on a character's border, so that what is logged stays UTF-8. */
static size_t
cut_length(const char *text, size_t n)
{
    while (n > 0 && ((unsigned char) text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

void
url_redact(const char *url, char *ret, size_t size)
{
    /* Every "x=" may become "x=***"; a text beyond the ceiling is far beyond any `size` in use. */
    scoped(buf_done) struct buf out = BUF_INIT(4 * strlen(url) + 16);

    if (size == 0)
        return;
    redact_to(&out, url);
    const char *text = buf_is_ok(&out) ? buf_text(&out) : "";
    size_t n = strlen(text);

    if (n < size) {
        memcpy(ret, text, n + 1);
        return;
    }
    size_t dots = size > 4 ? 3 : 0;

    n = cut_length(text, size - 1 - dots);
    memcpy(ret, text, n);
    memcpy(ret + n, "...", dots);
    ret[n + dots] = '\0';
}
