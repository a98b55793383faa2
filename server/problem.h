/* SPDX-License-Identifier: Apache-2.0 */
/* Error answers: which form, which status, which words. Pure. */
#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>

/* The one table from a failure to an HTTP status. Handlers that know better (405, 412, 413, 414,
 * 416, 403 of a local file) say so in struct problem. MH_OK gives 500: asking is a bug. */
unsigned problem_status_of(enum mh_code code);
/* The reason phrase: "Bad Gateway". Never NULL. */
const char *problem_title(unsigned status);

enum problem_form {
    PROBLEM_EMPTY, /* no body; the sentence stands in the header Modelhost-Error */
    PROBLEM_PLAIN,
    PROBLEM_HTML,
    PROBLEM_JSON /* application/problem+json, RFC 9457 */
};

/* Choose the form.
 *
 * user_agent, accept  the fields' values, or NULL
 * is_shard            is it a shard of a known manifest? TF.js takes the body of any answer for
 *                     weights, so a script gets none for it */
enum problem_form problem_form_choose(const char *user_agent, const char *accept, bool is_shard);
/* The form's Content-Type; NULL for PROBLEM_EMPTY. Static string. */
const char *problem_content_type(enum problem_form form);

/* One error. Texts are borrowed, and may be NULL or "". */
struct problem {
    unsigned status;   /* 400 to 599 */
    enum mh_code code; /* MH_OK where none of the library's codes fits: no cure is added */
    const struct mh_fault *fault; /* or NULL */
    const char *file;             /* the request's path, without query, as the client wrote it */
    const char *upstream;         /* the upstream URL; fault->upstream goes before it */
    const char *exist;            /* files that exist in its place, with ", " between them */
};

/* Append the sentence: the file, what is wrong, and the cure. One line; whatever is in the fault,
 * no control bytes. */
void problem_sentence(const struct problem *problem, struct buf *out);
/* Append the body in a form; nothing for PROBLEM_EMPTY. */
void problem_body(const struct problem *problem, enum problem_form form, struct buf *out);

#define PROBLEM_HEADER     "Modelhost-Error"
#define PROBLEM_HEADER_MAX 512
/* The sentence as a field value: printable ASCII, other bytes percent-encoded, at most
 * PROBLEM_HEADER_MAX bytes. Returns ret. Every error answer may carry it. */
const char *problem_header(const struct problem *problem, char ret[PROBLEM_HEADER_MAX + 1]);

/* Append text with the five characters escaped that mean something in HTML. */
void html_escape(struct buf *out, const char *text);

#endif
