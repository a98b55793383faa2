/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the server that runs on a cache. */
#ifndef SERVER_CONTROL_ASK_H
#define SERVER_CONTROL_ASK_H

#include "attrs.h"
#include "json.h"

#include <modelhost/code.h>

/* One exchange over the control socket; a status other than `wanted` is a failure.
 *
 * body        JSON text, or NULL
 * ret_answer  on OK, owned by the caller, json_free()
 *
 * Returns OK; NOT_FOUND (no server runs on this cache, or, with foreign 404, it has no such thing);
 * or what its status stands for; CORRUPT (its answer cannot be read). */
MUST_USE enum mh_code control_ask(const char *cache_dir, const char *method, const char *path,
                                  const char *body, long wanted, struct json **ret_answer,
                                  struct mh_fault *fault);

#endif
