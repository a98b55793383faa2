/* SPDX-License-Identifier: Apache-2.0 */
/* Who may act through /-/api/: the defence against foreign pages and against names that a foreign
 * DNS server points at us. Pure. */
#ifndef SERVER_HOST_CHECK_H
#define SERVER_HOST_CHECK_H

#include "attrs.h"

#include <stdbool.h>

/* Is a Host field's value one of our names? Ours are localhost and everything under it,
 * 127.0.0.0/8,
 * [::1], `address`, and `names`. A port must be a port, and is otherwise ignored: whoever reached
 * us by a port has reached us.
 *
 * host     the value
 * address  numeric address (without brackets) at which the connection arrived, or NULL
 * names    NULL-terminated configured names or addresses, or NULL */
bool host_is_ours(const char *host, const char *address, const char *const *names);

/* Is an Origin that of the page which this very Host serves? Scheme http or https, the same name in
 * any case, the same port, with the scheme's own port where none is said. "null" never is. */
bool origin_is_host(const char *origin, const char *host);

enum host_verdict {
    HOST_OK,
    HOST_FOREIGN,       /* 403 */
    HOST_ORIGIN_FOREIGN /* 403; also "null" */
};

/* What is known of a request to /-/api/. Texts are borrowed, and may be NULL. */
struct host_request {
    const char *host;   /* of an absolute-form target, else the Host field; NULL: HTTP/1.0 without
                           one, which no browser sends */
    const char *origin; /* the Origin field */
    const char *address;
    const char *const *names;
};

/* May a request act? A client without an Origin is no page's script; its Host must be ours all the
 * same. */
enum host_verdict host_check(const struct host_request *request);
/* What is wrong, as a whole sentence with its cure. Static string. */
const char *host_verdict_text(enum host_verdict verdict);

#endif
