/* SPDX-License-Identifier: Apache-2.0 */
/* Where a manifest's text comes from: a file, the cache, or a URL. */
#ifndef SERVER_MANIFEST_SOURCE_H
#define SERVER_MANIFEST_SOURCE_H

#include "attrs.h"
#include "settings.h"

#include <modelhost/code.h>
#include <modelhost/probe.h>

#include <stddef.h>

/* What mh_probe() asks with, by the settings of the mirror above the URL, or of [upstream]. */
void probe_request(const struct settings *settings, const char *url, struct mh_probe_request *ret);

/* Read the text of a manifest.
 *
 * what      a file's name, a local path ("/tfjs-models/..."), or a URL; one of a mirror's upstream
 *           is taken from the cache if it is there
 * ret_text  owned by the caller, mem_free(); at most json_max bytes
 *
 * Returns OK, NOT_FOUND (with the cure), BAD_INPUT, TOO_LARGE, or the codes of mh_probe(); an HTTP
 * status of 400 and more is NOT_FOUND or UPSTREAM. May block on the network. */
MUST_USE enum mh_code manifest_source_read(const struct settings *settings, const char *what,
                                           char **ret_text, size_t *ret_n, struct mh_fault *fault);

#endif
