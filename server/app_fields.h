/* SPDX-License-Identifier: Apache-2.0 */
/* What answers for the app's files carry because their owner wants it. */
#ifndef SERVER_APP_FIELDS_H
#define SERVER_APP_FIELDS_H

#include "reply.h"
#include "settings.h"

/* Add the fields of `isolate` and `header` to an answer of the app's room that has all its own.
 *
 * reply  whose fields are sound; one that is an error stays as it is. HTTP threads; pure but for
 *        the reply. */
void app_fields_apply(const struct settings_server *settings, struct reply *reply);

#endif
