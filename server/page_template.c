/* SPDX-License-Identifier: Apache-2.0 */
/* Filling the places of a page.
 *
 * Pages stand in web/ as HTML, where people can read and check them; what the server knows goes
 * into marked places. There is no language here: no conditions, no loops. A writer appends what it
 * likes, and escapes it. Pure; any thread. */
#include "page_template.h"

#include <string.h>

#define BEGIN "<!--@"
#define END   "-->"

static const struct page_place *
find(const struct page_place *places, size_t n, const char *name, size_t name_n)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(places[i].name) == name_n && strncmp(places[i].name, name, name_n) == 0)
            return &places[i];
    }
    return NULL;
}

void
page_fill(const char *text, const struct page_place *places, size_t n, const void *facts,
          struct buf *page)
{
    for (;;) {
        const char *begin = strstr(text, BEGIN);
        const char *end = begin != NULL ? strstr(begin, END) : NULL;
        const struct page_place *place;

        if (end == NULL)
            break;
        buf_add(page, text, (size_t) (begin - text));
        text = end + strlen(END);
        begin += strlen(BEGIN);
        place = find(places, n, begin, (size_t) (end - begin));
        if (place != NULL)
            place->write(facts, page);
    }
    buf_add_str(page, text);
}
