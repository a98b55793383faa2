/* SPDX-License-Identifier: Apache-2.0 */
/* The client side of a running server's control socket: <cache>/control, HTTP over a unix socket.
 */
#ifndef MODELHOST_CONTROL_H
#define MODELHOST_CONTROL_H

#include <modelhost/code.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One exchange with the server that holds this cache directory.
 *
 * cache_dir   of any length: the socket is reached through a descriptor, not by its path
 * method      "GET" or "POST"
 * path        e.g. "/-/api/pull"
 * body        JSON text, or NULL
 * ret_status  HTTP status
 * ret_body    owned by the caller, NUL-terminated, freed with free(); at most 64 MiB
 *
 * Returns OK whatever the status; NOT_FOUND (no server runs on this cache), DENIED (it is not ours
 * to talk to), UNREACHABLE, TIMEOUT or NOMEM. Blocks. */
MH_MUST_USE enum mh_code mh_control_call(const char *cache_dir, const char *method,
                                         const char *path, const char *body, long *ret_status,
                                         char **ret_body, struct mh_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
