/* SPDX-License-Identifier: Apache-2.0 */
/* Where other machines of the network find this one. */
#ifndef SERVER_LAN_H
#define SERVER_LAN_H

#include "attrs.h"
#include "settings.h"

#include <stdbool.h>

/* Add this machine's numeric addresses that others may reach it at: the one of the default route
 * first, IPv4 before IPv6. None of loopback, of one link alone, or that change by themselves (the
 * temporary ones of IPv6). Returns whether memory sufficed; a machine without a network has none.
 */
MUST_USE bool lan_addresses(struct strings *ret);

/* Add what else this machine is called: its host name, and as NAME.local, which the network's own
 * name service may know. Nothing where the name is none that a URL could hold. */
MUST_USE bool lan_names(struct strings *ret);

#endif
