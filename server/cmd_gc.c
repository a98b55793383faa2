/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost gc`: evict models down to max_size and min_free, as the server does by itself.
 *
 * The work is the library's and the telling is action_command.c's; here stands only which action
 * the command is. Main thread. */
#include "action_command.h"

int
cmd_gc(const struct invocation *invocation, const struct config *config)
{
    return action_command(invocation, config, MH_ACTION_GC, "evicted", NULL);
}
