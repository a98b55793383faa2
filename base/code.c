/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the result codes, as they stand in JSON answers and in logs.
 *
 * The names are part of the interface: they may be added to, never changed. A number that is no
 * code (an embedder's mistake) has a name too, so that printing one is always safe. Any thread. */
#include "attrs.h"

#include <modelhost/code.h>

static const char *const names[] = {
    [MH_OK] = "ok",
    [MH_NOT_FOUND] = "not-found",
    [MH_DENIED] = "denied",
    [MH_BAD_INPUT] = "bad-input",
    [MH_TOO_LARGE] = "too-large",
    [MH_UPSTREAM] = "upstream",
    [MH_UNREACHABLE] = "unreachable",
    [MH_TIMEOUT] = "timeout",
    [MH_CORRUPT] = "corrupt",
    [MH_IO] = "io",
    [MH_NO_SPACE] = "no-space",
    [MH_NOMEM] = "out-of-memory",
    [MH_BUSY] = "busy",
    [MH_CANCELLED] = "cancelled",
    [MH_UNSUPPORTED] = "unsupported",
};

const char *
mh_code_name(enum mh_code code)
{
    return (unsigned) code < COUNT_OF(names) ? names[code] : "unknown";
}
