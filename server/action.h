/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on what is cached, as the API takes them and answers: JSON in, JSON out. */
#ifndef SERVER_ACTION_H
#define SERVER_ACTION_H

#include "attrs.h"
#include "buf.h"
#include "json.h"
#include "list.h"

#include <modelhost/manage.h>

#include <stdbool.h>

#define ACTION_PREFIX   "/-/api/"
#define ACTION_WHAT_MAX 1000
#define ACTION_JSON_MAX ((size_t) 64 << 20)
#define ACTION_MAX_SIZE "max_size" /* members of gc's body */
#define ACTION_MIN_FREE "min_free"

/* The action of a path, e.g. "/-/api/rm". */
MUST_USE bool action_of_path(const char *path, enum mh_action *ret);
/* "rm", "pin", "unpin", "verify", "gc". */
const char *action_name(enum mh_action action);

/* Resolve the names of a JSON array to local paths, of which `paths` gets a char * each, in their
 * order; freed by list_done(..., mem_free) in any case. One that leads nowhere stops all. The codes
 * of mh_host_resolve(), or BAD_INPUT. */
MUST_USE enum mh_code action_resolve(const struct mh_host *host, const struct json *what,
                                     struct list *paths, struct mh_fault *fault);

/* Write the member "models" of an answer: [{path, files, bytes, failure?}]. */
void action_write_done(struct jsonw *w, const struct mh_done *done, size_t n);

/* Carry out an action.
 *
 * body  {"what": [...]} with upstream URLs and local paths, each of a model; borrowed. Of gc it may
 *       have "max_size" and "min_free", which hold for this once
 * json  on OK it gets {"models": [{path, files, bytes, failure?}]}; of verify with an entry more
 *       for each bad file, which has "failure"
 *
 * Returns as mh_manage(), or BAD_INPUT (the body, or a name in it). Blocks on the disk. */
MUST_USE enum mh_code action_run(struct mh_host *host, enum mh_action action,
                                 const struct json *body, struct buf *json, struct mh_fault *fault);

#endif
