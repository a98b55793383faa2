/* SPDX-License-Identifier: Apache-2.0 */
/* The API under /-/api/: who may use it, and its token. Its answers are named in route.h. */
#ifndef SERVER_API_H
#define SERVER_API_H

#include "attrs.h"
#include "httpd.h"
#include "request.h"

#include <modelhost/code.h>

#include <stdbool.h>

/* May this routed request go on? The rules of the API's room, and of the control socket; requests
 * outside both are admitted. If not, *ret_answer is set: the refusal is queued. */
MUST_USE bool api_admits(struct request *rq, enum answer *ret_answer);

/* Get the token for actions from beyond loopback: the configured one, else that of the file `token`
 * in the cache directory, which is made (0600) if it does not exist. Sets server->token. Main
 * thread, before requests come. */
MUST_USE enum mh_code api_token_init(struct server *server, struct mh_fault *fault);

/* Answer with a JSON text; `json` is given away. */
enum answer api_send_json(struct request *rq, unsigned status, struct buf *json);

/* What /-/api/rm and its like wait for (api_action.c). NULL is accepted. The work must be over. */
void action_job_free(struct action_job *job);

#endif
