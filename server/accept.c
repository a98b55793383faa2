/* SPDX-License-Identifier: Apache-2.0 */
/* Content negotiation (RFC 9110 §12).
 *
 * Both fields are lists of a name with parameters, of which only q matters. One reader walks either
 * list and hands out name and q in thousandths; an element whose q is malformed is passed over, as
 * if the client had not named it. Quoted strings in parameters are stepped over as a whole, so that
 * a comma within one does not begin a new element.
 *
 * Refused: answering 406 or 415. A client that refuses everything gets the plain form: §12.5.3
 * leaves that to the server, and no client in the field is served better by an error.
 *
 * Pure: any thread, no state. */
#include "accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define Q_FULL 1000 /* q=1 in thousandths */

/* One element of a list. */
struct element {
    const char *name; /* not NUL-terminated */
    size_t name_n;
    int q; /* 0 to Q_FULL */
};

static bool
is_named(const struct element *element, const char *name)
{
    return strlen(name) == element->name_n &&
           strncasecmp(element->name, name, element->name_n) == 0;
}

/* Past a parameter's or an element's text, up to the next separator outside of quotes. */
static const char *
skip_text(const char *at)
{
    bool is_quoted = false;

    for (; *at != '\0'; at++) {
        if (is_quoted && at[0] == '\\' && at[1] != '\0')
            at++;
        else if (*at == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (*at == ',' || *at == ';'))
            break;
    }
    return at;
}

/* qvalue (§12.4.2): "0" or "1" with at most three decimals, up to `end`. -1: it is none. */
static int
read_q(const char *at, const char *end)
{
    int q, unit = Q_FULL;

    if (at == end || (*at != '0' && *at != '1'))
        return -1;
    q = (*at++ - '0') * unit;
    if (at < end && *at == '.')
        at++;
    else if (at < end)
        return -1;
    for (; at < end && *at >= '0' && *at <= '9' && unit > 1; at++) {
        unit /= 10;
        q += (*at - '0') * unit;
    }
    return at == end && q <= Q_FULL ? q : -1;
}

static const char *
trim_end(const char *begin, const char *end)
{
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return end;
}

/* Read the element at `at`, which is not the end. Its q is -1 where it is malformed. Returns what
 * follows it. */
static const char *
read_element(const char *at, struct element *ret)
{
    const char *end = skip_text(at);

    ret->name = at;
    ret->name_n = (size_t) (trim_end(at, end) - at);
    ret->q = Q_FULL;
    while (*end == ';') {
        const char *parameter = end + 1 + strspn(end + 1, " \t");

        end = skip_text(parameter);
        if ((parameter[0] == 'q' || parameter[0] == 'Q') && parameter[1] == '=')
            ret->q = read_q(parameter + 2, trim_end(parameter, end));
    }
    return end;
}

/* The next well-formed element of a list. false: there is no more. */
static bool
next_element(const char **at, struct element *ret)
{
    for (;;) {
        *at += strspn(*at, " \t,");
        if (**at == '\0')
            return false;
        *at = read_element(*at, ret);
        if (ret->name_n > 0 && ret->q >= 0)
            return true;
    }
}

bool
accept_wants_html(const char *accept)
{
    const char *at = accept != NULL ? accept : "";
    struct element element;

    while (next_element(&at, &element)) {
        if (is_named(&element, "text/html"))
            return element.q > 0;
    }
    return false;
}

static const char *const names[ACCEPT_ENCODING_COUNT] = {
    [ACCEPT_BR] = "br",
    [ACCEPT_ZSTD] = "zstd",
    [ACCEPT_GZIP] = "gzip",
    [ACCEPT_IDENTITY] = "identity",
};

/* What a client said of each coding: a q, or that it did not name it. */
struct wishes {
    int q[ACCEPT_ENCODING_COUNT];
    int q_others; /* "*" */
};
#define NOT_NAMED (-1)

static void
note_wish(struct wishes *wishes, const struct element *element)
{
    if (is_named(element, "*"))
        wishes->q_others = element->q;
    if (is_named(element, "x-gzip")) /* §8.4.1.3: the same */
        wishes->q[ACCEPT_GZIP] = element->q;
    for (size_t i = 0; i < ACCEPT_ENCODING_COUNT; i++) {
        if (is_named(element, names[i]))
            wishes->q[i] = element->q;
    }
}

/* The weight of a coding that has to be named, by itself or by "*". */
static int
weight_of(const struct wishes *wishes, enum accept_encoding encoding)
{
    const int q = wishes->q[encoding];

    if (q != NOT_NAMED)
        return q;
    return wishes->q_others != NOT_NAMED ? wishes->q_others : 0;
}

enum accept_encoding
accept_encoding_choose(const char *accept_encoding, unsigned available)
{
    struct wishes wishes = {.q = {NOT_NAMED, NOT_NAMED, NOT_NAMED, NOT_NAMED},
                            .q_others = NOT_NAMED};
    const char *at = accept_encoding != NULL ? accept_encoding : "";
    enum accept_encoding best = ACCEPT_IDENTITY;
    struct element element;
    int best_q;

    while (next_element(&at, &element))
        note_wish(&wishes, &element);

    /* Identity that is not named is acceptable, and less wanted than what is. */
    best_q = weight_of(&wishes, ACCEPT_IDENTITY);
    for (enum accept_encoding i = ACCEPT_IDENTITY; i-- > 0;) {
        const int q = weight_of(&wishes, i);

        if ((available & ACCEPT_HAS(i)) == 0 || q == 0 || q < best_q)
            continue;
        best = i;
        best_q = q;
    }
    return best;
}

const char *
accept_encoding_name(enum accept_encoding encoding)
{
    return encoding == ACCEPT_IDENTITY ? NULL : names[encoding];
}
