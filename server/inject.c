/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a page's body.
 *
 * HTML lets both end tags be left out, so their absence is no mistake; and a script may hold one in
 * a text, so it is the last one that counts. A tag's name may be followed by blanks (HTML
 * §13.1.2.2). Nothing is parsed: whoever writes "</body>" into a comment behind the real one finds
 * the script inside the comment, and the page as it was.
 *
 * Pure; any thread. */
#include "inject.h"

#include "mem.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool
is_tag(const char *at, size_t n, const char *name)
{
    const size_t name_n = strlen(name);

    if (n < name_n + 3 || at[0] != '<' || at[1] != '/' || strncasecmp(at + 2, name, name_n) != 0)
        return false;
    return strchr("> \t\r\n\f", at[name_n + 2]) != NULL && at[name_n + 2] != '\0';
}

size_t
inject_place(const char *html, size_t n)
{
    static const char *const names[] = {"body", "html"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t at = n; at-- > 0;) {
            if (is_tag(html + at, n - at, names[i]))
                return at;
        }
    }
    return n;
}
