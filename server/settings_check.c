/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What texts in a configuration must look like.
 *
 * Pure functions of their text (expand_variables() of the environment too) that say at start, with
 * the line of the file, what would otherwise come up at the first request: an upstream without a
 * scheme, a mirror path without its slashes, a header that would forge another. The mirror checks
 * URLs once more by the parser that connects; here only what a person gets wrong is told apart.
 *
 * They never show the value of a header. They touch no disk and no network; any thread.
 */
#include "settings_check.h"

#include "fault.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER_LETTERS   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum mh_code
check_mirror_name(const char *name, struct mh_fault *fault)
{
    size_t n = strlen(name);

    if (n == 0 || n > 64 || strchr(NAME_CHARACTERS, name[0]) == NULL ||
        strspn(name, NAME_CHARACTERS "._-") != n)
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' cannot be a mirror's name: up to 64 lower-case letters, digits, '.', '_' "
                    "and '-', beginning with a letter or digit",
                    name);
    return MH_OK;
}

static bool
is_dot_part(const char *part, size_t n)
{
    return n > 0 && part[0] == '.';
}

enum mh_code
check_mirror_path(const char *path, struct mh_fault *fault)
{
    size_t n = strlen(path);

    if (n == 0 || path[0] != '/' || path[n - 1] != '/')
        return fail(fault, MH_BAD_INPUT, 0, "'%s' must begin and end with '/', as in \"/models/\"",
                    path);
    if (strncmp(path, "/-/", 3) == 0)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' lies in /-/, which is modelhost's own", path);
    for (const char *at = path + 1; *at != '\0';) {
        size_t part = strcspn(at, "/");

        if (part == 0)
            return fail(fault, MH_BAD_INPUT, 0, "'%s' has two slashes in a row", path);
        if (is_dot_part(at, part))
            return fail(fault, MH_BAD_INPUT, 0,
                        "'%s' has a part that begins with '.', which is never served", path);
        at += part + 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (path[i] <= ' ' || path[i] == 0x7f || strchr("%?#\\\"<>", path[i]) != NULL)
            return fail(fault, MH_BAD_INPUT, 0,
                        "'%s' may not hold blanks, '%%', '?', '#', '\\', quotes, '<' or '>'", path);
    }
    return MH_OK;
}

/* Where the authority of a URL with one of the schemes (NULL-terminated) begins; NULL: another
 * scheme. */
static const char *
after_scheme(const char *url, const char *const *schemes)
{
    for (; *schemes != NULL; schemes++) {
        size_t n = strlen(*schemes);

        if (strncasecmp(url, *schemes, n) == 0 && strncmp(url + n, "://", 3) == 0)
            return url + n + 3;
    }
    return NULL;
}

static bool
is_port(const char *text, size_t n)
{
    unsigned value = 0;

    if (n == 0 || n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned) (text[i] - '0');
    }
    return value > 0 && value <= 65535;
}

static bool
is_host(const char *text, size_t n)
{
    if (n > 2 && text[0] == '[')
        return text[n - 1] == ']' && strspn(text + 1, "0123456789abcdefABCDEF:.") == n - 2;
    if (n == 0 || n > 255 || text[0] == '.' || text[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strchr(NAME_CHARACTERS UPPER_LETTERS "._-", text[i]) == NULL)
            return false;
    }
    return true;
}

/* host[:port], n bytes. */
static bool
is_authority(const char *text, size_t n)
{
    const char *colon = memrchr(text, ':', n);

    if (colon != NULL && memchr(colon, ']', n - (size_t) (colon - text)) == NULL) {
        size_t host = (size_t) (colon - text);

        return is_host(text, host) && is_port(colon + 1, n - host - 1);
    }
    return is_host(text, n);
}

enum mh_code
check_base_url(const char *url, struct mh_fault *fault)
{
    static const char *const schemes[] = {"https", "http", NULL};
    const char *authority = after_scheme(url, schemes);
    size_t n;

    if (authority == NULL)
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is not a base URL such as https://models.example/tfjs/", url);
    n = strcspn(authority, "/?#");
    if (memchr(authority, '@', n) != NULL)
        return fail(fault, MH_BAD_INPUT, 0,
                    "a base URL holds no user name or password; send them with `header = "
                    "Authorization: ...`");
    if (!is_authority(authority, n))
        return fail(fault, MH_BAD_INPUT, 0, "'%s' has no usable host and port in '%.*s'", url,
                    (int) n, authority);
    if (strpbrk(authority, "?#") != NULL)
        return fail(fault, MH_BAD_INPUT, 0, "'%s' is a base URL and can have no '?' or '#'", url);
    return MH_OK;
}

enum mh_code
check_proxy(const char *url, struct mh_fault *fault)
{
    static const char *const schemes[] = {"http",   "https",   "socks4", "socks4a",
                                          "socks5", "socks5h", NULL};
    const char *authority = after_scheme(url, schemes);
    const char *at, *host;
    size_t n;

    /* Not shown: it may hold a password. */
    if (authority == NULL)
        return fail(
            fault, MH_BAD_INPUT, 0,
            "a proxy is a URL such as http://proxy.example:3128 or socks5h://127.0.0.1:1080");
    n = strcspn(authority, "/?#");
    at = memrchr(authority, '@', n);
    host = at != NULL ? at + 1 : authority;
    if (!is_authority(host, n - (size_t) (host - authority)))
        return fail(fault, MH_BAD_INPUT, 0, "the proxy's URL has no usable host and port in '%.*s'",
                    (int) (n - (size_t) (host - authority)), host);
    return MH_OK;
}

enum mh_code
check_host(const char *host, struct mh_fault *fault)
{
    size_t n = strlen(host);

    if (!is_host(host, n))
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is not a host name such as models.example (without a port or scheme)",
                    host);
    return MH_OK;
}

enum mh_code
check_origin(const char *origin, struct mh_fault *fault)
{
    static const char *const schemes[] = {"https", "http", NULL};
    const char *authority;

    if (strcmp(origin, "*") == 0)
        return MH_OK;
    authority = after_scheme(origin, schemes);
    if (authority == NULL || !is_authority(authority, strlen(authority)))
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is not an origin such as https://app.example or http://localhost:3000 "
                    "(no path, no '/' at the end), nor *",
                    origin);
    return MH_OK;
}

/* Headers that frame or choose the upstream's answer: the mirror's own business. */
static const char *const reserved_headers[] = {
    "accept-encoding", "connection",        "content-length",    "expect",     "host",  "if-match",
    "if-none-match",   "if-range",          "if-modified-since", "keep-alive", "range", "te",
    "trailer",         "transfer-encoding", "upgrade",           NULL,
};

/* Fields that frame an answer or say what its bytes are: a wrong one breaks the answer. */
static const char *const reserved_fields[] = {
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "location",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    NULL,
};

static bool
is_reserved(const char *const *reserved, const char *name, size_t n)
{
    for (size_t i = 0; reserved[i] != NULL; i++) {
        if (strlen(reserved[i]) == n && strncasecmp(reserved[i], name, n) == 0)
            return true;
    }
    return false;
}

static enum mh_code
check_named(const char *header, const char *const *reserved, const char *example,
            struct mh_fault *fault)
{
    size_t name = strspn(header, NAME_CHARACTERS UPPER_LETTERS "!#$%&'*+-.^_`|~");

    if (name == 0 || header[name] != ':')
        return fail(fault, MH_BAD_INPUT, 0, "a header is \"Name: value\", as in \"%s\"", example);
    if (is_reserved(reserved, header, name))
        return fail(fault, MH_BAD_INPUT, 0, "the header '%.*s' is set by modelhost itself",
                    (int) name, header);
    for (const char *at = header + name + 1; *at != '\0'; at++) {
        if (((unsigned char) *at < ' ' && *at != '\t') || *at == 0x7f)
            return fail(fault, MH_BAD_INPUT, 0,
                        "the value of the header '%.*s' holds a line break or control byte",
                        (int) name, header);
    }
    return MH_OK;
}

enum mh_code
check_header(const char *header, struct mh_fault *fault)
{
    return check_named(header, reserved_headers, "Authorization: Bearer ${TOKEN}", fault);
}

enum mh_code
check_field(const char *field, struct mh_fault *fault)
{
    return check_named(field, reserved_fields, "Cache-Control: max-age=60", fault);
}

enum mh_code
expand_variables(const char *text, struct buf *out, struct mh_fault *fault)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "$");
        size_t n;
        char name[128];
        const char *value;

        buf_add(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        if (text[1] != '{') {
            buf_add_char(out, *text++);
            continue;
        }
        n = strspn(text + 2, NAME_CHARACTERS UPPER_LETTERS "_");
        if (n == 0 || n >= sizeof name || text[2 + n] != '}')
            return fail(fault, MH_BAD_INPUT, 0,
                        "\"${\" must be followed by a variable's name and '}', as in ${HF_TOKEN}");
        memcpy(name, text + 2, n);
        name[n] = '\0';
        value = getenv(name);
        if (value == NULL)
            return fail(fault, MH_BAD_INPUT, 0, "the environment variable '%s' is not set", name);
        buf_add_str(out, value);
        text += n + 3;
    }
    return buf_is_ok(out) ? MH_OK : fail(fault, MH_NOMEM, 0, "the value is too long");
}
