/* SPDX-License-Identifier: Apache-2.0 */
/* Error answers.
 *
 * One sentence says it all: the file, what is wrong, what was expected and what came, the cure, the
 * upstream. Every form carries that sentence, the JSON form its parts besides. The texts come from
 * clients and upstreams, so each form escapes them by its own rule: HTML by entities, JSON by the
 * writer, a header field by percent-encoding, and none of them lets a control byte pass.
 *
 * A shard that a script asks for gets no body at all: TF.js reads a body without looking at the
 * status, and one that is long enough loads as weights, while an empty one is always noticed.
 *
 * Refused: deciding what went wrong. The code and the fault come from whoever knows; here they are
 * only put into words.
 *
 * Pure: any thread, no state, no allocation but through buffers. */
#include "problem.h"

#include "accept.h"
#include "json.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sentences take at most this much of a path: the rest of the sentence is wanted too. */
#define FILE_MAX     200
#define SENTENCE_MAX 4096
#define OWN_API      "/-/api/"

unsigned
problem_status_of(enum mh_code code)
{
    static const unsigned short table[] = {
        [MH_OK] = 500,        [MH_NOT_FOUND] = 404,   [MH_DENIED] = 502, /* a policy refuses the
                                                                            upstream, e.g. its
                                                                            redirect to a private
                                                                            address */
        [MH_BAD_INPUT] = 400, [MH_TOO_LARGE] = 502, /* the upstream's file is, not the request */
        [MH_UPSTREAM] = 502,  [MH_UNREACHABLE] = 504, [MH_TIMEOUT] = 504, [MH_CORRUPT] = 502,
        [MH_IO] = 500,        [MH_NO_SPACE] = 507,    [MH_NOMEM] = 503,   [MH_BUSY] = 503,
        [MH_CANCELLED] = 503, [MH_UNSUPPORTED] = 501,
    };

    return (size_t) code < COUNT_OF(table) ? table[code] : 500;
}

const char *
problem_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } table[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (table[i].status == status)
            return table[i].title;
    }
    return status < 500 ? "Bad Request" : "Internal Server Error";
}

enum problem_form
problem_form_choose(const char *user_agent, const char *accept, bool is_shard)
{
    static const char curl[] = "curl/";

    if (accept_wants_html(accept))
        return PROBLEM_HTML;
    if (user_agent != NULL && strncmp(user_agent, curl, sizeof(curl) - 1) == 0)
        return PROBLEM_PLAIN;
    return is_shard ? PROBLEM_EMPTY : PROBLEM_JSON;
}

const char *
problem_content_type(enum problem_form form)
{
    static const char *const types[] = {
        [PROBLEM_EMPTY] = NULL,
        [PROBLEM_PLAIN] = "text/plain; charset=utf-8",
        [PROBLEM_HTML] = "text/html; charset=utf-8",
        [PROBLEM_JSON] = "application/problem+json",
    };

    return types[form];
}

/* --- the sentence --- */

/* What to do about it. The first row that fits: `foreign` is the upstream's HTTP status for
 * MH_UPSTREAM, and 0 in a row fits all. */
static const struct cure {
    enum mh_code code;
    int foreign_first;
    int foreign_last;
    bool is_of_upstream; /* only where an upstream stands behind the file */
    const char *text;
} cures[] = {
    {MH_NOT_FOUND, 0, 0, true, "Check the path, and the mirror's upstream setting"},
    {MH_NOT_FOUND, 0, 0, false, "Check the path"},
    {MH_DENIED, 0, 0, true,
     "If you trust that address, set allow_private = on in the mirror's section"},
    {MH_DENIED, 0, 0, false, "Give the server's user permission to read it"},
    {MH_BAD_INPUT, 0, 0, false, "Correct the request"},
    {MH_TOO_LARGE, 0, 0, true, "If the file is right, raise json_max in the section [cache]"},
    {MH_UPSTREAM, 401, 403, false,
     "If it wants credentials, give them by header = in the mirror's section"},
    {MH_UPSTREAM, 429, 429, false, "Wait a while, then try again"},
    {MH_UPSTREAM, 500, 599, false, "Try again later, or add a fallback = to the mirror's section"},
    {MH_UPSTREAM, 0, 0, false, "Check the mirror's upstream setting"},
    {MH_UNREACHABLE, 0, 0, false, "Check the network, or pull it while online"},
    {MH_TIMEOUT, 0, 0, false, "Check the network, then try again"},
    {MH_CORRUPT, 0, 0, true,
     "Nothing of it was kept; check what the upstream sends, then try again"},
    {MH_CORRUPT, 0, 0, false, "Nothing of it was kept; try again"},
    {MH_IO, 0, 0, false, "Look at the server's disk and its log"},
    {MH_NO_SPACE, EROFS, EROFS, false, NULL}, /* the sentence itself says it */
    {MH_NO_SPACE, EACCES, EACCES, false, NULL},
    {MH_NO_SPACE, EPERM, EPERM, false, NULL},
    {MH_NO_SPACE, EFBIG, EFBIG, false,
     "The cache's file system, or a limit of the process (ulimit -f), allows no file of that size"},
    {MH_NO_SPACE, 0, 0, false, "Free space on the cache's disk, or remove or unpin models"},
    {MH_NOMEM, 0, 0, false, "Try again in a moment"},
    {MH_BUSY, 0, 0, false, "Try again in a moment"},
    {MH_CANCELLED, 0, 0, false, "Try again in a moment"},
};

/* NULL and "" are the same: absent. */
static bool
is_present(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *
upstream_of(const struct problem *problem)
{
    if (problem->fault != NULL && is_present(problem->fault->upstream))
        return problem->fault->upstream;
    return is_present(problem->upstream) ? problem->upstream : NULL;
}

static const char *
cure_of(const struct problem *problem)
{
    const int foreign = problem->fault != NULL ? problem->fault->foreign : 0;

    for (size_t i = 0; i < COUNT_OF(cures); i++) {
        const struct cure *cure = &cures[i];

        if (cure->code != problem->code || (cure->is_of_upstream && upstream_of(problem) == NULL))
            continue;
        if (cure->foreign_first == 0 ||
            (foreign >= cure->foreign_first && foreign <= cure->foreign_last))
            return cure->text;
    }
    return NULL;
}

/* "/path: ", unless the sentence names the path itself, or it is an action's: that sentence is
 * about what the action was asked to do. Of a long path the end is shown: that is where its name
 * stands. */
static void
add_file(const struct problem *problem, const char *sentence, struct buf *out)
{
    size_t n;

    if (!is_present(problem->file) || strstr(sentence, problem->file) != NULL ||
        strncmp(problem->file, OWN_API, sizeof(OWN_API) - 1) == 0)
        return;
    n = strlen(problem->file);
    if (n > FILE_MAX)
        buf_add_str(out, "...");
    buf_add_str(out, n > FILE_MAX ? problem->file + n - FILE_MAX : problem->file);
    buf_add_str(out, ": ");
}

/* "; expected 4 bytes, found 3 bytes", less what the sentence says itself. */
static void
add_finding(const struct mh_fault *fault, const char *sentence, struct buf *out)
{
    const bool has_expected =
        is_present(fault->expected) && strstr(sentence, fault->expected) == NULL;
    const bool has_found = is_present(fault->found) && strstr(sentence, fault->found) == NULL;

    if (has_expected)
        buf_printf(out, "; expected %s", fault->expected);
    if (has_found)
        buf_printf(out, "%s found %s", has_expected ? "," : ";", fault->found);
}

static void
compose(const struct problem *problem, struct buf *out)
{
    const bool has_sentence = problem->fault != NULL && is_present(problem->fault->sentence);
    const char *sentence = has_sentence ? problem->fault->sentence : problem_title(problem->status);
    const char *upstream = upstream_of(problem);
    const char *cure = cure_of(problem);
    size_t n = strlen(sentence);

    add_file(problem, sentence, out);
    while (n > 0 && (sentence[n - 1] == '.' || sentence[n - 1] == ' '))
        n--;
    buf_add(out, sentence, n);
    if (problem->fault != NULL)
        add_finding(problem->fault, sentence, out);
    buf_add_char(out, '.');
    if (cure != NULL)
        buf_printf(out, " %s.", cure);
    if (is_present(problem->exist))
        buf_printf(out, " These exist: %s.", problem->exist);
    if (upstream != NULL && strstr(sentence, upstream) == NULL)
        buf_printf(out, " Upstream: %s", upstream);
}

void
problem_sentence(const struct problem *problem, struct buf *out)
{
    struct buf raw = BUF_INIT(SENTENCE_MAX);

    compose(problem, &raw);
    /* A buffer that ran full, or out of memory, still holds the sentence's beginning. */
    for (const char *p = buf_text(&raw); *p != '\0'; p++) {
        const unsigned char c = (unsigned char) *p;

        buf_add_char(out, c < 0x20 || c == 0x7F ? ' ' : *p);
    }
    buf_done(&raw);
}

/* --- the forms --- */

void
html_escape(struct buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        switch (*p) {
        case '&':
            buf_add_str(out, "&amp;");
            break;
        case '<':
            buf_add_str(out, "&lt;");
            break;
        case '>':
            buf_add_str(out, "&gt;");
            break;
        case '"':
            buf_add_str(out, "&quot;");
            break;
        case '\'':
            buf_add_str(out, "&#39;");
            break;
        default:
            buf_add_char(out, *p);
        }
    }
}

static void
write_plain(const struct problem *problem, const char *sentence, struct buf *out)
{
    buf_printf(out, "%u %s\n%s\n", problem->status, problem_title(problem->status), sentence);
}

static void
write_html(const struct problem *problem, const char *sentence, struct buf *out)
{
    const char *title = problem_title(problem->status);

    buf_printf(out,
               "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
               "<title>%u %s</title>\n<h1>%u %s</h1>\n<p>",
               problem->status, title, problem->status, title);
    html_escape(out, sentence);
    buf_add_str(out, "</p>\n<p><a href=\"/-/\">modelhost</a></p>\n</html>\n");
}

static void
write_member(struct jsonw *w, const char *name, const char *text)
{
    if (is_present(text))
        jsonw_string(w, name, text);
}

static void
write_json(const struct problem *problem, const char *sentence, struct buf *out)
{
    struct jsonw w = JSONW_INIT(out);

    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "type", "about:blank"); /* the status says it all (RFC 9457 §4.2.1) */
    jsonw_string(&w, "title", problem_title(problem->status));
    jsonw_uint(&w, "status", problem->status);
    jsonw_string(&w, "detail", sentence);
    if (problem->code != MH_OK)
        jsonw_string(&w, "code", mh_code_name(problem->code));
    write_member(&w, "file", problem->file);
    write_member(&w, "upstream", upstream_of(problem));
    if (problem->fault != NULL) {
        write_member(&w, "expected", problem->fault->expected);
        write_member(&w, "found", problem->fault->found);
    }
    jsonw_object_end(&w);
    buf_add_char(out, '\n');
}

void
problem_body(const struct problem *problem, enum problem_form form, struct buf *out)
{
    typedef void writer(const struct problem *problem, const char *sentence, struct buf *out);
    static writer *const writers[] = {
        [PROBLEM_EMPTY] = NULL,
        [PROBLEM_PLAIN] = write_plain,
        [PROBLEM_HTML] = write_html,
        [PROBLEM_JSON] = write_json,
    };
    struct buf sentence = BUF_INIT(SENTENCE_MAX);

    if (writers[form] == NULL)
        return;
    problem_sentence(problem, &sentence);
    writers[form](problem, buf_text(&sentence), out);
    buf_done(&sentence);
}

/* Bytes that the character at p takes in a field; a stray byte counts as one of its own. */
static size_t
field_bytes(const char *p)
{
    const unsigned char c = (unsigned char) *p;

    if (c < 0x80)
        return 1;
    return 3 * (c >= 0xF0 ? 4u : c >= 0xE0 ? 3u : c >= 0xC0 ? 2u : 1u);
}

const char *
problem_header(const struct problem *problem, char ret[PROBLEM_HEADER_MAX + 1])
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf sentence = BUF_INIT(SENTENCE_MAX);
    size_t n = 0;

    problem_sentence(problem, &sentence);
    for (const char *p = buf_text(&sentence); *p != '\0'; p++) {
        const unsigned char c = (unsigned char) *p;

        /* Whole characters only: half of one would not decode. */
        if (n + field_bytes(p) > PROBLEM_HEADER_MAX)
            break;
        if (c < 0x80) {
            ret[n++] = *p;
            continue;
        }
        ret[n++] = '%';
        ret[n++] = hex[c >> 4];
        ret[n++] = hex[c & 0xF];
    }
    ret[n] = '\0';
    buf_done(&sentence);
    return ret;
}
