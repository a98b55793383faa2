/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's UTF-8 locale, there and back again.
 *
 * libarchive writes names into pax headers as UTF-8, and asks the locale what they were before; in
 * the C locale it marks them as raw bytes, which GNU tar warns of, and given nothing but UTF-8 it
 * crashes (3.6.2). Where the system has no such locale, the raw bytes it is. Only the calling
 * thread's locale is touched. */
#include "utf8_locale.h"

void
utf8_locale_begin(struct utf8_locale *ret)
{
    *ret = (struct utf8_locale){.ours = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0)};
    if (ret->ours != (locale_t) 0)
        ret->before = uselocale(ret->ours);
}

void
utf8_locale_end(struct utf8_locale *locale)
{
    if (locale->ours == (locale_t) 0)
        return;
    (void) uselocale(locale->before);
    freelocale(locale->ours);
    *locale = (struct utf8_locale){0};
}
