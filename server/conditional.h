/* SPDX-License-Identifier: Apache-2.0 */
/* Conditional requests (RFC 9110 §13), in the order of precedence of §13.2.2. Pure. */
#ifndef SERVER_CONDITIONAL_H
#define SERVER_CONDITIONAL_H

#include "attrs.h"

#include <stdbool.h>
#include <stdint.h>

enum conditional_method { CONDITIONAL_GET, CONDITIONAL_HEAD, CONDITIONAL_OTHER };

/* What the client said. NULL where it said nothing. A field that came in several lines must be
 * joined by ", " first. All texts are borrowed. */
struct conditional_fields {
    enum conditional_method method;
    const char *if_match;
    const char *if_unmodified_since;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_range;
};

/* The representation that would be sent. */
struct conditional_object {
    const char *etag;    /* quoted, with W/ in front where it is weak; "" while it is not known */
    int64_t modified_at; /* seconds since the epoch; -1 unknown */
    bool is_arriving;    /* its bytes have not passed their checks yet */
};

enum conditional_verdict {
    CONDITIONAL_PROCEED,
    CONDITIONAL_NOT_MODIFIED,       /* 304 */
    CONDITIONAL_PRECONDITION_FAILED /* 412 */
};

/* Judge a request for a representation that exists and would be answered by 200 without conditions.
 *
 * now            seconds since the epoch
 * ret_may_range  always set: may a Range field be honoured? Never for another method than GET
 *                (§14.2), nor where If-Range does not hold
 *
 * While an object arrives its ETag is only what the upstream declared: no 304 is given on its
 * strength, nor on a date's, and an If-Range gets the whole. */
enum conditional_verdict conditional_judge(const struct conditional_fields *fields,
                                           const struct conditional_object *object, int64_t now,
                                           bool *ret_may_range);

#endif
