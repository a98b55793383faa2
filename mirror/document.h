/* SPDX-License-Identifier: Apache-2.0 */
/* From a JSON document to what its metadata says of it. Pure. */
#ifndef MIRROR_DOCUMENT_H
#define MIRROR_DOCUMENT_H

#include "attrs.h"
#include "json.h"
#include "meta.h"

#include <modelhost/code.h>

/* Read a scanned document: the format, parts and groups of `ret`, where it is a manifest.
 *
 * scan          has been fed all of it (manifest_scan_new()); it is ended here; borrowed
 * target        the document's raw target below its mirror: by its path some names must be
 *               manifests, and the parts' targets follow from it
 * query_ignore  the mirror's, or NULL: the parts' names are without them
 * ret           those members are NULL and 0 before, also after OK of a plain document. After a
 *               failure some may be filled: meta_done() in any case
 *
 * Returns OK; BAD_INPUT (no JSON; a path that must be a manifest is none, or it is one and is
 * broken; a part's path leads elsewhere); TOO_LARGE; NOMEM. */
MUST_USE enum mh_code document_read(struct json_scan *scan, const char *target,
                                    const char *const *query_ignore, struct meta *ret,
                                    struct mh_fault *f);

#endif
