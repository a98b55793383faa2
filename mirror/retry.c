/* SPDX-License-Identifier: Apache-2.0 */
/* Transient or final: the one place that decides whether a failed attempt is made again, and when.
 *
 * The table of statuses is short on purpose. A 401, 403 or 404 is an answer, and asking again only
 * delays the sentence that tells the user so; a 429 or 503 asks for patience. A transfer that broke
 * off has the code UPSTREAM and no status of failure. Wrong bytes are final: the upstream vouches
 * for them, and a second download would bring the same. An attempt that added bytes counts as the
 * first one again, so that a large file gets through a connection that breaks every few minutes.
 *
 * The wait grows from half a second to half a minute, and half of it is chance, so that many
 * clients of an upstream that comes back do not all return at once.
 *
 * Pure; any thread. It refuses to wait. */
#include "retry.h"

#include <stddef.h>

#define FIRST_DELAY_MS    500u
#define MAX_DELAY_MS      30000u
#define MAX_RETRY_AFTER_S 60

static bool
is_transient_status(long status)
{
    static const long transient[] = {408, 425, 429, 500, 502, 503, 504};

    for (size_t i = 0; i < COUNT_OF(transient); i++) {
        if (transient[i] == status)
            return true;
    }
    /* The head was fine, or there was none: the transfer itself broke. */
    return status == 0 || status == 200 || status == 206;
}

static bool
is_transient(const struct retry_input *input)
{
    if (input->code == MH_UNREACHABLE || input->code == MH_TIMEOUT)
        return true;
    return input->code == MH_UPSTREAM && is_transient_status(input->http_status);
}

static uint32_t
backoff_ms(uint32_t attempt, uint32_t random)
{
    uint32_t doublings = attempt > 1 ? attempt - 1 : 0;
    /* 2^6 half seconds are beyond the ceiling. */
    uint32_t full = FIRST_DELAY_MS << (doublings < 6 ? doublings : 6);

    if (full > MAX_DELAY_MS)
        full = MAX_DELAY_MS;
    return full / 2 + random % (full / 2 + 1);
}

bool
retry_after_failure(const struct retry_input *input, uint32_t *ret_delay_ms)
{
    uint32_t attempt = input->has_progressed ? 1 : input->attempt;

    if (!is_transient(input) || attempt > input->retries)
        return false;
    if (input->retry_after_s > MAX_RETRY_AFTER_S)
        return false;
    uint32_t delay_ms = backoff_ms(attempt, input->random);

    if (input->retry_after_s > 0 && delay_ms < (uint32_t) input->retry_after_s * 1000)
        delay_ms = (uint32_t) input->retry_after_s * 1000;
    *ret_delay_ms = delay_ms;
    return true;
}

bool
retry_elsewhere(enum mh_code code)
{
    return code == MH_UNREACHABLE || code == MH_TIMEOUT || code == MH_UPSTREAM || code == MH_DENIED;
}

enum mh_code
retry_code_of_status(long http_status)
{
    switch (http_status) {
    case 200:
    case 206:
    case 304:
        return MH_OK;
    case 404:
    case 410:
        return MH_NOT_FOUND;
    default:
        return MH_UPSTREAM;
    }
}
