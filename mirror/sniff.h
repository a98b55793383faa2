/* SPDX-License-Identifier: Apache-2.0 */
/* What the first bytes of a body give away. Pure.
 *
 * A wrong body with status 200 (an error page, a captive portal, a git-lfs pointer) is the
 * commonest way for a model to break. Weights are arbitrary bytes, so a verdict of text wants the
 * whole window to look like text, and one of gzip a plausible header. */
#ifndef MIRROR_SNIFF_H
#define MIRROR_SNIFF_H

#include "attrs.h"

#include <stdbool.h>
#include <stddef.h>

#define SNIFF_BYTES 512

enum sniff_verdict { SNIFF_FINE, SNIFF_HTML, SNIFF_XML, SNIFF_LFS_POINTER, SNIFF_GZIP };

/* What a path may hold, by its extension and by whether a manifest names it. */
enum sniff_kind {
    SNIFF_KIND_JSON,   /* *.json: read by the strict reader; sniffed for a better sentence */
    SNIFF_KIND_BINARY, /* weights, wasm, images, no extension: no HTML, XML, pointer or gzip */
    SNIFF_KIND_TEXT,   /* js, css, txt, map, yaml ...: no HTML page, XML, pointer or gzip */
    SNIFF_KIND_MARKUP, /* html, xhtml, xml, svg, md ...: no pointer or gzip */
    SNIFF_KIND_ARCHIVE /* gz, tgz, zip ...: no HTML, XML or pointer */
};

/* path: a name or URL path without query. is_shard: a manifest names it; then BINARY always. */
enum sniff_kind sniff_kind_of(const char *path, bool is_shard);

/* bytes: the first n of the body, n = SNIFF_BYTES or, if the body is shorter, all of it. */
enum sniff_verdict sniff(enum sniff_kind kind, const void *bytes, size_t n);

/* "an HTML page", "an XML document", "a git-lfs pointer", "gzip data". */
const char *sniff_text(enum sniff_verdict verdict);

#endif
