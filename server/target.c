/* SPDX-License-Identifier: Apache-2.0 */
/* The request target (RFC 9112 §3.2).
 *
 * The target is taken apart as it came, and its path decoded once, by urlpath_decode(); nobody
 * decodes it again. Origin-form is the rule. Absolute-form, which every server must take, is
 * reduced to its path and query, and its host replaces the Host field.
 *
 * Refused: targets that no correct client sends and that another parser could read differently:
 * blanks, control bytes, fragments, other schemes, user names in a URL, CONNECT's form. Bytes above
 * 0x7F are let through: they are not valid either, but clients send them and they have one reading.
 *
 * Pure: any thread, no state, no allocation but into the caller's buffer. */
#include "target.h"

#include "fault.h"
#include "urlpath.h"

#include <string.h>
#include <strings.h>

/* The first byte that does not belong, over the whole target. */
static enum target_verdict
check_bytes(const char *raw)
{
    size_t n = 0;

    for (; raw[n] != '\0'; n++) {
        const unsigned char c = (unsigned char) raw[n];

        if (n == TARGET_MAX_BYTES)
            return TARGET_TOO_LONG;
        if (c < 0x20 || c == 0x7F)
            return TARGET_CONTROL;
        if (c == ' ')
            return TARGET_SPACE;
        if (c == '#')
            return TARGET_FRAGMENT;
    }
    return n == 0 ? TARGET_EMPTY : TARGET_OK;
}

static void
split_query(const char *text, struct target *target)
{
    const char *question = strchr(text, '?');

    target->text = text;
    target->path = text;
    target->path_n = question != NULL ? (size_t) (question - text) : strlen(text);
    if (question != NULL) {
        target->query = question + 1;
        target->query_n = strlen(question + 1);
    }
}

/* Past "http://" or "https://", or NULL. */
static const char *
after_scheme(const char *raw)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (strncasecmp(raw, schemes[i], strlen(schemes[i])) == 0)
            return raw + strlen(schemes[i]);
    }
    return NULL;
}

static enum target_verdict
split_absolute(const char *raw, struct target *target)
{
    const char *host = after_scheme(raw);

    if (host == NULL)
        return TARGET_FORM;
    target->host = host;
    target->host_n = strcspn(host, "/?");
    if (target->host_n == 0 || memchr(host, '@', target->host_n) != NULL)
        return TARGET_FORM;

    const char *rest = host + target->host_n;

    split_query(rest, target);
    if (*rest != '/') { /* no path: it is "/" (RFC 9110 §4.2.3) */
        target->text = "/";
        target->path = "/";
        target->path_n = 1;
    }
    return TARGET_OK;
}

enum target_verdict
target_split(const char *raw, struct target *ret)
{
    struct target target = {0};
    enum target_verdict verdict = check_bytes(raw);

    if (verdict != TARGET_OK)
        return verdict;
    if (strcmp(raw, "*") == 0)
        return TARGET_ASTERISK;
    if (raw[0] == '/')
        split_query(raw, &target);
    else
        verdict = split_absolute(raw, &target);
    if (verdict == TARGET_OK)
        *ret = target;
    return verdict;
}

unsigned
target_status_of(enum target_verdict verdict)
{
    return verdict == TARGET_TOO_LONG ? 414 : 400;
}

const char *
target_verdict_text(enum target_verdict verdict)
{
    static const char *const texts[] = {
        [TARGET_OK] = "The request target is in order.",
        [TARGET_ASTERISK] = "The request target '*' is for OPTIONS only; name a path.",
        [TARGET_EMPTY] = "The request target is empty; it must begin with '/'.",
        [TARGET_TOO_LONG] = "The request target is longer than 8192 bytes.",
        [TARGET_CONTROL] = "The request target holds a control byte; send it as %XX.",
        [TARGET_SPACE] = "The request target holds a blank; send it as %20.",
        [TARGET_FRAGMENT] = "The request target holds a '#'; send it as %23 where it is part of a "
                            "name, and leave a fragment out.",
        [TARGET_FORM] = "The request target is neither a path that begins with '/' nor an http URL "
                        "without a user name.",
    };

    return texts[verdict];
}
_Static_assert(TARGET_MAX_BYTES == 8192, "target_verdict_text() says so");

enum mh_code
target_decode(const struct target *target, struct buf *decoded, struct mh_fault *fault)
{
    const enum urlpath_verdict verdict = urlpath_decode(target->path, target->path_n, decoded);
    const int n = (int) target->path_n; /* TARGET_MAX_BYTES at most */

    if (!buf_is_ok(decoded))
        return fail(fault, MH_NOMEM, 0, "memory ran out while the path '%.*s' was decoded", n,
                    target->path);
    if (verdict == URLPATH_OK)
        return MH_OK;
    if (verdict == URLPATH_DOTFILE)
        return fail(fault, MH_NOT_FOUND, 0, "there is no file '%.*s'", n, target->path);
    return fail(fault, MH_BAD_INPUT, 0, "the path '%.*s' %s", n, target->path,
                urlpath_verdict_text(verdict));
}
