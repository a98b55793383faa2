/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells of its models, its downloads and itself: the JSON of GET /-/api/models,
 * flights and status. */
#ifndef SERVER_API_TEXT_H
#define SERVER_API_TEXT_H

#include "attrs.h"
#include "buf.h"
#include "httpd.h"

#include <modelhost/code.h>

/* Append one JSON object and a newline. Sizes are bytes.
 *
 * json  gets {"models": [...]}, {"flights": [...]}, or the counters; on failure it holds nothing of
 *       use
 *
 * Returns OK or NOMEM. Any thread; takes the host's locks for as long as copying takes. */
MUST_USE enum mh_code api_text_models(const struct server *server, struct buf *json,
                                      struct mh_fault *fault);
MUST_USE enum mh_code api_text_flights(const struct server *server, struct buf *json,
                                       struct mh_fault *fault);
MUST_USE enum mh_code api_text_status(const struct server *server, struct buf *json,
                                      struct mh_fault *fault);

#endif
