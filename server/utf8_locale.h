/* SPDX-License-Identifier: Apache-2.0 */
/* A UTF-8 locale for one thread, for a library that asks the locale what bytes in names are. The
 * program itself stays in the C locale. */
#ifndef SERVER_UTF8_LOCALE_H
#define SERVER_UTF8_LOCALE_H

#include <locale.h>

struct utf8_locale {
    locale_t ours; /* 0: this system has none */
    locale_t before;
};

void utf8_locale_begin(struct utf8_locale *ret);
void utf8_locale_end(struct utf8_locale *locale);

#endif
