/* SPDX-License-Identifier: Apache-2.0 */
/* What texts in a configuration must look like. Pure; sentences say what was meant. */
#ifndef SERVER_SETTINGS_CHECK_H
#define SERVER_SETTINGS_CHECK_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

/* All return OK or BAD_INPUT. */
MUST_USE enum mh_code check_mirror_name(const char *name, struct mh_fault *fault);
/* "/models/": begins and ends with '/', holds no empty, dot or escaped part, and is not in /-/. */
MUST_USE enum mh_code check_mirror_path(const char *path, struct mh_fault *fault);
/* An http or https URL without credentials, query or fragment. */
MUST_USE enum mh_code check_base_url(const char *url, struct mh_fault *fault);
MUST_USE enum mh_code check_proxy(const char *url, struct mh_fault *fault);
/* A name or address, without a port. */
MUST_USE enum mh_code check_host(const char *host, struct mh_fault *fault);
/* "*", or scheme://host[:port] without a path. */
MUST_USE enum mh_code check_origin(const char *origin, struct mh_fault *fault);
/* "Name: value" that may be sent to an upstream. The sentence never shows the value. */
MUST_USE enum mh_code check_header(const char *header, struct mh_fault *fault);

/* "Name: value" that an answer may carry. */
MUST_USE enum mh_code check_field(const char *field, struct mh_fault *fault);

/* Append `text` with every ${NAME} replaced by that environment variable. BAD_INPUT where one is
 * not set or a brace is missing. */
MUST_USE enum mh_code expand_variables(const char *text, struct buf *out, struct mh_fault *fault);

#endif
