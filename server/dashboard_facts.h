/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that several of modelhost's own pages have in common. */
#ifndef SERVER_DASHBOARD_FACTS_H
#define SERVER_DASHBOARD_FACTS_H

#include "attrs.h"
#include "buf.h"
#include "request.h"
#include "settings.h"

#define PAGE_BYTES_MAX ((size_t) 32 << 20)

/* A row of a table for each BodyPix model that exists, with its parameters as data-* attributes:
 * what the pages' forms offer. Nothing where the mirror is switched off. */
void page_write_bodypix(const struct settings *settings, struct buf *page);
/* The local path of the BodyPix model that people try first; nothing where the mirror is off. */
void page_write_first_path(const struct settings *settings, struct buf *page);

void page_write_version(struct buf *page);
/* A badge where the server is offline. */
void page_write_offline(const struct settings *settings, struct buf *page);

/* Send a page with the headers that all of them carry. `csp` is its policy. Empties the buffer. */
MUST_USE enum answer page_send(struct request *rq, struct buf *page, const char *csp);

#endif
