/* SPDX-License-Identifier: Apache-2.0 */
/* Names of objects: the one translation between what a client asks for, what a manifest says, what
 * the upstream is asked for, and where the bytes lie.
 *
 * Invariants: in a name '%' stands only in "%2F" (a slash that was escaped), "%25" (a percent sign)
 * and one "%3F" (where the query begins), so a name can be taken apart again without guessing, and
 * name_from_target(name_to_target(n)) is n. A name never holds a dot segment, a NUL, a backslash in
 * its path, or a control byte, because urlpath_decode() lets none through; so its path is safe to
 * use beneath a directory.
 *
 * A manifest's entries are judged as a browser would read them: it leaves escapes alone, takes
 * "%2e" for a dot and '\' for a slash. What a browser would turn into a path elsewhere is refused
 * here, not repaired: a manifest that needs it works nowhere else either.
 *
 * Pure; any thread. */
#include "name.h"

#include "fault.h"
#include "hash.h"
#include "mem.h"
#include "urlpath.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define QUERY_MARK      "%3F"
#define QUERY_MARK_SIZE 3
#define ENTRY_MAX_BYTES 1024

static bool
is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* --- from a target --- */

static enum mh_code
decode_path(const char *below, size_t n, struct buf *name, struct mh_fault *fault)
{
    scoped(buf_done) struct buf raw = BUF_INIT(n + 1);
    scoped(buf_done) struct buf decoded = BUF_INIT(2 * n + 2);

    buf_add_char(&raw, '/');
    buf_add(&raw, below, n);
    if (!buf_is_ok(&raw))
        return fail(fault, MH_NOMEM, 0, "out of memory for a path");
    enum urlpath_verdict verdict = urlpath_decode(buf_text(&raw), raw.length, &decoded);

    if (verdict == URLPATH_DOTFILE)
        return fail(fault, MH_NOT_FOUND, 0, "'%s' is a dotfile; those are never served", below);
    if (verdict != URLPATH_OK)
        return fail(fault, MH_BAD_INPUT, 0, "the path '%s' %s", below,
                    urlpath_verdict_text(verdict));
    if (!buf_is_ok(&decoded))
        return fail(fault, MH_NOMEM, 0, "out of memory for a path");
    buf_add(name, buf_text(&decoded) + 1, decoded.length - 1);
    return MH_OK;
}

static bool
is_ignored(const char *parameter, size_t n, const char *const *query_ignore)
{
    const char *equals = memchr(parameter, '=', n);
    size_t name_length = equals ? (size_t) (equals - parameter) : n;

    for (; query_ignore && *query_ignore; query_ignore++) {
        if (strlen(*query_ignore) == name_length &&
            memcmp(*query_ignore, parameter, name_length) == 0)
            return true;
    }
    return false;
}

/* '%' and '/' are what a name keeps escaped; everything else of a query stays as it was sent. */
static void
add_query_text(struct buf *name, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '%')
            buf_add_str(name, "%25");
        else if (text[i] == '/')
            buf_add_str(name, "%2F");
        else
            buf_add_char(name, text[i]);
    }
}

/* Append the query without its ignored parameters, and the mark in front if anything is left. */
static void
add_query(struct buf *name, const char *query, size_t n, const char *const *query_ignore)
{
    scoped(buf_done) struct buf kept = BUF_INIT(n + 1);
    const char *end = query + n;
    bool is_first = true;

    for (const char *at = query; at <= end;) {
        const char *ampersand = memchr(at, '&', (size_t) (end - at));
        const char *stop = ampersand ? ampersand : end;

        if (!is_ignored(at, (size_t) (stop - at), query_ignore)) {
            if (!is_first)
                buf_add_char(&kept, '&');
            buf_add(&kept, at, (size_t) (stop - at));
            is_first = false;
        }
        at = stop + 1;
    }
    if (!buf_is_ok(&kept))
        name->has_failed = true;
    if (kept.length == 0)
        return;
    buf_add_str(name, QUERY_MARK);
    add_query_text(name, buf_text(&kept), kept.length);
}

static bool
has_blank_or_control(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char) text[i] <= 0x20 || text[i] == 0x7F)
            return true;
    }
    return false;
}

enum mh_code
name_from_target(const char *below, const char *const *query_ignore, struct buf *name,
                 struct mh_fault *fault)
{
    size_t path_length = urlpath_length(below);

    if (path_length == 0)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the path names no file: add the file's path below the mirror");
    enum mh_code code = decode_path(below, path_length, name, fault);

    if (code != MH_OK)
        return code;
    if (below[path_length] == '?') {
        const char *query = below + path_length + 1;
        size_t n = strcspn(query, "#");

        if (has_blank_or_control(query, n))
            return fail(fault, MH_BAD_INPUT, 0,
                        "the query of '%s' has a blank or a control byte in it: escape it as %%20",
                        below);
        add_query(name, query, n, query_ignore);
    }
    return buf_is_ok(name) ? MH_OK : fail(fault, MH_NOMEM, 0, "out of memory for a name");
}

/* --- and back --- */

size_t
name_path_length(const char *name)
{
    const char *mark = strstr(name, QUERY_MARK);

    return mark ? (size_t) (mark - name) : strlen(name);
}

/* How many bytes at `at` are one of the two escapes that a name keeps; 0: none. */
static size_t
kept_escape(const char *at, char *ret_meaning)
{
    if (strncmp(at, "%2F", 3) == 0)
        *ret_meaning = '/';
    else if (strncmp(at, "%25", 3) == 0)
        *ret_meaning = '%';
    else
        return 0;
    return 3;
}

void
name_to_target(const char *name, struct buf *target)
{
    const char *end = name + name_path_length(name);
    char meaning = 0;

    for (const char *at = name; at < end;) {
        size_t escape = kept_escape(at, &meaning);

        if (escape > 0)
            buf_add(target, at, escape);
        else
            urlpath_encode(target, at, 1);
        at += escape > 0 ? escape : 1;
    }
    if (!*end)
        return;
    buf_add_char(target, '?');
    for (const char *at = end + QUERY_MARK_SIZE; *at;) {
        size_t escape = kept_escape(at, &meaning);

        buf_add_char(target, escape > 0 ? meaning : *at);
        at += escape > 0 ? escape : 1;
    }
}

/* --- as text --- */

/* Length of the UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates), or 0. The text
 * ends with a NUL, which is no continuation byte, so nothing is read beyond it. */
static size_t
utf8_length(const unsigned char *at)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        unsigned char length;
    } forms[] = {
        {0x01, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max)
            continue;
        if (forms[i].length > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++) {
            if ((at[k] & 0xC0) != 0x80)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

void
name_to_text(const char *name, struct buf *text)
{
    const unsigned char *at = (const unsigned char *) name;

    while (*at) {
        size_t n = utf8_length(at);

        if (n > 0)
            buf_add(text, at, n);
        else
            buf_printf(text, "%%%02X", *at);
        at += n > 0 ? n : 1;
    }
}

void
name_from_text(const char *text, struct buf *name)
{
    while (*text) {
        uint8_t byte = 0;
        char digits[3] = "";

        if (text[0] == '%' && is_hex_digit(text[1]) && is_hex_digit(text[2])) {
            memcpy(digits, text + 1, 2);
            /* Below 0x80 it is one of the name's own escapes. */
            if (hex_decode(digits, &byte, 1) && byte >= 0x80) {
                buf_add(name, &byte, 1);
                text += 3;
                continue;
            }
        }
        buf_add_char(name, *text++);
    }
}

/* --- places --- */

static bool
is_plain_component(const char *component, size_t n)
{
    if (n == 0 || n > NAME_MAX_BYTES)
        return false;
    if (component[0] == '.' && (n == 1 || (n == 2 && component[1] == '.')))
        return false;
    /* The directory of the hashed places. */
    return !(n == 1 && component[0] == '%');
}

bool
name_is_plain(const char *name)
{
    if (strlen(name) > NAME_MAX_TOTAL)
        return false;
    for (;;) {
        size_t n = strcspn(name, "/");

        if (!is_plain_component(name, n))
            return false;
        if (!name[n])
            return true;
        name += n + 1;
    }
}

void
name_hashed_place(const char *url, char ret[NAME_PLACE_SIZE])
{
    uint8_t digest[32];

    hash_sha256(url, strlen(url), digest);
    memcpy(ret, "%/", 2);
    hex_encode(digest, sizeof(digest), ret + 2);
}

/* --- joining --- */

/* "https:" and its like at the front mean another place wherever entries are resolved as URLs. Only
 * known ones and those followed by a slash: "conv1:0.bin" is a file name. */
static bool
begins_with_scheme(const char *entry)
{
    static const char *const known[] = {"http", "https", "ftp", "file",      "data",
                                        "blob", "ws",    "wss", "javascript"};
    size_t n = strcspn(entry, ":/");

    if (entry[n] != ':' || n == 0)
        return false;
    if (entry[n + 1] == '/')
        return true;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strlen(known[i]) == n && strncasecmp(known[i], entry, n) == 0)
            return true;
    }
    return false;
}

static const char *
skip_dot_slash(const char *entry)
{
    while (entry[0] == '.' && entry[1] == '/')
        entry += 2;
    return entry;
}

/* What is wrong with an entry as the end of a sentence, or NULL. */
static const char *
entry_complaint(const char *entry)
{
    if (!*entry)
        return "is empty";
    if (strlen(entry) > ENTRY_MAX_BYTES)
        return "is longer than 1024 bytes";
    if (entry[0] == '/')
        return "is absolute; shards must lie beside or below the manifest";
    if (begins_with_scheme(entry))
        return "names another place; shards must lie beside or below the manifest";
    if (strpbrk(entry, "?#"))
        return "has a '?' or '#' in it, where a browser would end the path";

    scoped(buf_done) struct buf path = BUF_INIT(ENTRY_MAX_BYTES + 1);

    buf_add_char(&path, '/');
    buf_add_str(&path, skip_dot_slash(entry));
    if (path.length == 1)
        return "names no file";
    enum urlpath_verdict verdict = urlpath_decode(buf_text(&path), path.length, NULL);

    return verdict == URLPATH_OK ? NULL : urlpath_verdict_text(verdict);
}

/* The path percent-encode set of the URL standard, without '?', '#' and control bytes, which are
 * refused before. Escapes in the entry stay as they are, as in a browser. */
static void
add_escaped_as_browsers_do(struct buf *target, const char *entry)
{
    for (; *entry; entry++) {
        unsigned char c = (unsigned char) *entry;

        if (c <= 0x20 || c >= 0x7F || strchr("\"<>^`{}", c))
            buf_printf(target, "%%%02X", c);
        else
            buf_add_char(target, (char) c);
    }
}

enum mh_code
name_join(const char *manifest, const char *entry, struct buf *target, struct mh_fault *fault)
{
    const char *complaint = entry_complaint(entry);

    if (complaint)
        return fail(fault, MH_BAD_INPUT, 0, "the manifest's path '%s' %s", entry, complaint);

    size_t path_length = urlpath_length(manifest);
    size_t folder = path_length;

    while (folder > 0 && manifest[folder - 1] != '/')
        folder--;
    buf_add(target, manifest, folder);
    add_escaped_as_browsers_do(target, skip_dot_slash(entry));
    if (manifest[path_length] == '?') {
        size_t end = path_length + strcspn(manifest + path_length, "#");
        size_t query = end - 1;

        while (manifest[query] != '?')
            query--;
        buf_add(target, manifest + query, end - query);
    }
    return buf_is_ok(target) ? MH_OK : fail(fault, MH_NOMEM, 0, "out of memory for a path");
}
