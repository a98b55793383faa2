/* SPDX-License-Identifier: Apache-2.0 */
/* Content types by file name, from one table. Pure. */
#ifndef SERVER_MIME_H
#define SERVER_MIME_H

#include "attrs.h"

#include <stdbool.h>

#define MIME_BYTES "application/octet-stream"

/* The type that a path's extension says; texts come with their charset. A name without an extension
 * (a shard, most likely) is MIME_BYTES. NULL: the extension is not in the table. `path` has no
 * query. Static string. */
const char *mime_find(const char *path);
/* The same, MIME_BYTES for what is not in the table. Never NULL. */
const char *mime_of(const char *path);
/* Is a Content-Type, ours or an upstream's, one of text, which shrinks when compressed? Parameters
 * are ignored. NULL is not. */
bool mime_is_text(const char *content_type);
/* Is it worth compressing: text, or WebAssembly? NULL is not. */
bool mime_shrinks(const char *content_type);

#endif
