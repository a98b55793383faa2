/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of web/ with places to fill in: "<!--@name-->" stands for what a function writes. */
#ifndef SERVER_PAGE_TEMPLATE_H
#define SERVER_PAGE_TEMPLATE_H

#include "buf.h"

#include <stddef.h>

struct page_place {
    const char *name;
    void (*write)(const void *facts, struct buf *page); /* escapes what it writes */
};

/* Append a page. A place that is not among `places` stays empty.
 *
 * text   the embedded page
 * facts  handed to every writer; borrowed */
void page_fill(const char *text, const struct page_place *places, size_t n, const void *facts,
               struct buf *page);

#endif
