/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost rm`: models leave the cache. Files that another cached model needs stay.
 *
 * The work is the library's and the telling is action_command.c's; here stands only which action
 * the command is. Main thread. */
#include "action_command.h"

int
cmd_rm(const struct invocation *invocation, const struct config *config)
{
    return action_command(invocation, config, MH_ACTION_REMOVE, "removed", NULL);
}
