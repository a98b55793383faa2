/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost verify`: every file is hashed again; what is bad is told, and leaves the cache.
 *
 * The work is the library's and the telling is action_command.c's; here stands only which action
 * the command is. Main thread. */
#include "action_command.h"

int
cmd_verify(const struct invocation *invocation, const struct config *config)
{
    return action_command(invocation, config, MH_ACTION_VERIFY, "checked");
}
