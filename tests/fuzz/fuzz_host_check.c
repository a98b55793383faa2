/* SPDX-License-Identifier: Apache-2.0 */
/* host_check.c: lines are Host, Origin, the address of the connection, a configured name. An Origin
 * that passes names the Host, and a Host that passes without help from the settings is local. */
#include "host_check.h"

#include "fuzz.h"
#include "fuzz_lines.h"

#include <strings.h>

/* Every byte that a local name or a numeric address may hold. */
static bool
is_plain(const char *host)
{
    return host[strspn(host,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]")] ==
           '\0';
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    const char *host = fuzz_line(&lines, 0), *origin = fuzz_line(&lines, 1);
    const char *const names[] = {fuzz_line(&lines, 3), NULL};
    const struct host_request request = {host, origin, fuzz_line(&lines, 2), names};

    if (host_is_ours(host, NULL, NULL))
        fuzz_check(is_plain(host) && host_is_ours(host, fuzz_line(&lines, 2), names));
    if (host_check(&request) == HOST_OK)
        fuzz_check(origin_is_host(origin, host) && strncasecmp(origin, "http", 4) == 0 &&
                   strcmp(origin, "null") != 0);
    fuzz_lines_done(&lines);
    return 0;
}
