/* SPDX-License-Identifier: Apache-2.0 */
/* modelhost's own pages, beside those that route.h names. */
#ifndef SERVER_OWN_PAGES_H
#define SERVER_OWN_PAGES_H

#include "attrs.h"
#include "request.h"

/* The page at "/" where no directory is served: it points to /-/. */
MUST_USE enum answer own_page_front(struct request *rq);

#endif
