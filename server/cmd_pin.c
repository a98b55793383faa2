/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost pin` and `unpin`: models that are never evicted, with all that share their files.
 *
 * The work is the library's and the telling is action_command.c's; here stands only which action
 * the command is. Main thread. */
#include "action_command.h"

int
cmd_pin(const struct invocation *invocation, const struct config *config)
{
    return action_command(invocation, config, MH_ACTION_PIN, "pinned", NULL);
}

int
cmd_unpin(const struct invocation *invocation, const struct config *config)
{
    return action_command(invocation, config, MH_ACTION_UNPIN, "unpinned", NULL);
}
