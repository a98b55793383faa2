/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a head that matter before routing.
 *
 * Every request is walked through once for all of them: the framing, by which smuggling works where
 * two programs read it differently, and what picks among the answers that are kept ready. Framing
 * that RFC 9112 leaves to be mended is refused here: whoever means well sends none of it.
 *
 * The HTTP library reads a body by chunks where Transfer-Encoding is "chunked" and nothing else,
 * and else waits for the connection's end, so that every other value is refused before it does.
 *
 * Pure; any thread. */
#include "head.h"

#include "mem.h"
#include "units.h"

#include <string.h>
#include <strings.h>

static void
see_length(struct head_facts *facts, const char *value)
{
    uint64_t bytes = 0;

    facts->hints.is_plain = false;
    if (!uint_parse(value, UINT64_MAX, &bytes))
        facts->has_bad_length = true;
    if (facts->lengths > 0 && bytes != facts->body_bytes)
        facts->has_two_lengths = true;
    facts->lengths++;
    facts->body_bytes = bytes;
}

/* RFC 9112 §6.1, §7: chunked comes last and once; other codings before it may be unknown to us. */
static void
see_encoding(struct head_facts *facts, const char *value)
{
    static const char chunked[] = "chunked";
    const size_t n = strlen(value), chunked_n = sizeof(chunked) - 1;
    const bool is_last = n >= chunked_n && strcasecmp(value + n - chunked_n, chunked) == 0;

    facts->hints.is_plain = false;
    facts->encodings++;
    if (!is_last || (n > chunked_n && strchr(", \t", value[n - chunked_n - 1]) == NULL))
        facts->has_bad_encoding = true;
    else if (n > chunked_n)
        facts->has_strange_encoding = true;
}

static void
see_host(struct head_facts *facts, const char *value)
{
    (void) value;
    facts->hosts++;
}

static void
see_ruling(struct head_facts *facts, const char *value)
{
    (void) value;
    facts->hints.is_plain = false;
}

/* RFC 9110 §10.1.1: the library answers the only one that there is, where a body follows. */
static void
see_expect(struct head_facts *facts, const char *value)
{
    if (strcasecmp(value, "100-continue") != 0)
        facts->has_strange_expectation = true;
}

/* A field that picks among kept answers. In several lines it is left to the full rules. */
static void
see_hint(struct request_hints *hints, const char **hint, const char *value)
{
    if (*hint != NULL)
        hints->is_plain = false;
    *hint = value;
}

static void
see_none_match(struct head_facts *facts, const char *value)
{
    see_hint(&facts->hints, &facts->hints.if_none_match, value);
}

static void
see_modified_since(struct head_facts *facts, const char *value)
{
    see_hint(&facts->hints, &facts->hints.if_modified_since, value);
}

static void
see_accept_encoding(struct head_facts *facts, const char *value)
{
    see_hint(&facts->hints, &facts->hints.accept_encoding, value);
}

static void
see_origin(struct head_facts *facts, const char *value)
{
    see_hint(&facts->hints, &facts->hints.origin, value);
}

static const struct {
    const char *name;
    size_t name_n;
    void (*see)(struct head_facts *facts, const char *value);
} fields[] = {
    {"Host", 4, see_host},
    {"Range", 5, see_ruling},
    {"Origin", 6, see_origin},
    {"Expect", 6, see_expect},
    {"Pragma", 6, see_ruling},
    {"If-Match", 8, see_ruling},
    {"If-Range", 8, see_ruling},
    {"Cache-Control", 13, see_ruling},
    {"If-None-Match", 13, see_none_match},
    {"Content-Length", 14, see_length},
    {"Accept-Encoding", 15, see_accept_encoding},
    {"If-Modified-Since", 17, see_modified_since},
    {"Transfer-Encoding", 17, see_encoding},
    {"If-Unmodified-Since", 19, see_ruling},
};

void
head_see(struct head_facts *facts, const char *name, size_t name_n, const char *value,
         size_t value_n)
{
    if (memchr(name, '\0', name_n) != NULL || memchr(value, '\0', value_n) != NULL)
        facts->has_nul = true;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].name_n == name_n && strcasecmp(name, fields[i].name) == 0) {
            fields[i].see(facts, value);
            break;
        }
    }
}

const char *
head_distrust(const struct head_facts *facts, bool is_http10)
{
    if (facts->has_nul)
        return "A header field holds a NUL byte.";
    if (facts->hosts > 1)
        return "The request has several Host fields; send one.";
    if (facts->hosts == 0 && !is_http10)
        return "The request has no Host field; HTTP/1.1 wants one.";
    if (facts->lengths > 0 && facts->encodings > 0)
        return "The request has both Content-Length and Transfer-Encoding; send one of them.";
    if (facts->encodings > 0 && is_http10)
        return "The request is of HTTP/1.0 and has a Transfer-Encoding, which that has not; send a "
               "Content-Length.";
    if (facts->encodings > 1)
        return "The request has several Transfer-Encoding fields; send one.";
    if (facts->has_bad_encoding)
        return "The Transfer-Encoding does not end with 'chunked', so that nobody knows where the "
               "body ends; send it in chunks, or with a Content-Length.";
    if (facts->has_bad_length)
        return "The Content-Length is not a number.";
    if (facts->has_two_lengths)
        return "The request has two Content-Lengths that differ.";
    return NULL;
}

bool
head_has_body(const struct head_facts *facts)
{
    return facts->body_bytes > 0 || facts->encodings > 0;
}
