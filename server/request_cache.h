/* SPDX-License-Identifier: Apache-2.0 */
/* What a request's Cache-Control asks of a cache (RFC 9111 §5.2.1). Pure. */
#ifndef SERVER_REQUEST_CACHE_H
#define SERVER_REQUEST_CACHE_H

#include <modelhost/view.h>

/* Read the fields; either may be NULL. no-cache is a max_age_s of 0; Pragma: no-cache counts where
 * there is no Cache-Control (§5.4). Of several ages the smallest holds; what is malformed or of no
 * use here (no-store, max-stale, min-fresh) is passed over. */
struct mh_wish request_cache_wish(const char *cache_control, const char *pragma);

#endif
