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

/* Tell of models that something was done to, or of their failures; as JSON where that is wanted.
 *
 * models  [{path, files, bytes, failure?}]
 *
 * Returns the exit status that they ask for. */
int action_tell_all(const struct invocation *invocation, const struct json *models,
                    const char *did);

/* Tell of a failure on standard error, with what was expected and found. */
void action_tell_failure(const struct mh_fault *fault);

/* Print a JSON text, if it is whole. */
MUST_USE bool action_print(struct buf *text);

#endif
