/* SPDX-License-Identifier: Apache-2.0 */
/* Transient or final, and how long to wait: the one place that decides. Pure. */
#ifndef MIRROR_RETRY_H
#define MIRROR_RETRY_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stdint.h>

struct retry_input {
    enum mh_code code;     /* of the failed attempt */
    long http_status;      /* or 0 */
    uint32_t attempt;      /* 1: the first attempt has failed */
    uint32_t retries;      /* further attempts allowed */
    bool has_progressed;   /* the attempt added bytes: attempts are counted anew */
    int64_t retry_after_s; /* Retry-After, or -1 */
    uint32_t random;       /* any 32 bits: jitter */
};

/* Should it be tried again? 408, 425, 429, 500, 502, 503, 504, unreachable, timeouts and broken
 * transfers may pass; other statuses, wrong bytes, local failures and cancellation are final; so is
 * a Retry-After beyond 60 s. On true *ret_delay_ms is the wait: 0.5 s doubling to 30 s, half of it
 * jitter, at least Retry-After. */
MUST_USE bool retry_after_failure(const struct retry_input *input, uint32_t *ret_delay_ms);

/* May another upstream of the mirror do better, once this one is not tried again? Where it could
 * not be reached, was refused or failed: yes. Not where it has answered (404, wrong bytes), nor
 * where the failure is ours: the same disk and memory would fail again. */
bool retry_elsewhere(enum mh_code code);

/* HTTP status of an upstream's answer to a code: 404 and 410 NOT_FOUND, all others UPSTREAM; 200,
 * 206 and 304 OK. */
enum mh_code retry_code_of_status(long http_status);

#endif
