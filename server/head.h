/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a request's head amount to, before anything is routed. */
#ifndef SERVER_HEAD_H
#define SERVER_HEAD_H

#include "attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the head says that picks an answer among those that are kept ready (ready.h). Borrowed from
 * the connection; NULL where the client said nothing. */
struct request_hints {
    bool is_plain; /* nothing in the head but these fields could change the answer */
    const char *if_none_match;
    const char *if_modified_since;
    const char *accept_encoding;
    const char *origin;
};

/* What a head's framing and identity fields amount to. Begins as HEAD_FACTS_INIT. */
struct head_facts {
    size_t hosts;
    size_t lengths;
    size_t encodings;
    uint64_t body_bytes; /* by Content-Length */
    bool has_bad_length;
    bool has_two_lengths;      /* that differ */
    bool has_bad_encoding;     /* one after which nobody knows where the body ends */
    bool has_strange_encoding; /* one besides chunked, which comes last */
    bool has_nul;
    bool has_strange_expectation;
    struct request_hints hints;
};

#define HEAD_FACTS_INIT ((struct head_facts){.hints.is_plain = true})

/* Take one field, of those that came. The value is kept, not copied. */
void head_see(struct head_facts *facts, const char *name, size_t name_n, const char *value,
              size_t value_n);

/* Why the connection cannot be trusted after this head (RFC 9112 §3.2, §6.1, §6.3), or NULL. */
const char *head_distrust(const struct head_facts *facts, bool is_http10);

bool head_has_body(const struct head_facts *facts);

#endif
