/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that manage the cache share: who does the work, and how it is told. */
#ifndef SERVER_ACTION_COMMAND_H
#define SERVER_ACTION_COMMAND_H

#include "attrs.h"
#include "command.h"
#include "json.h"

#include <modelhost/manage.h>

/* Carry out an action on the models that the invocation's words name: by the server that runs on
 * the cache, or else in this process, and tell of it.
 *
 * did         what was done to a model: "removed"
 * ret_answer  {"models": [...]}, owned by the caller, json_free(), NULL after a failure; or NULL
 *
 * Returns the exit status. Main thread; blocks. */
int action_command(const struct invocation *invocation, const struct config *config,
                   enum mh_action action, const char *did, struct json **ret_answer);

/* Print a JSON text, if it is whole. */
MUST_USE bool action_print(struct buf *text);

#endif
