/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a script into a page. Pure. */
#ifndef SERVER_INJECT_H
#define SERVER_INJECT_H

#include <stddef.h>

/* Where in an HTML text something that belongs at the body's end is put: before the last </body>,
 * else before the last </html>, else at the end. n is the
 * text's length; it need not be terminated. */
size_t inject_place(const char *html, size_t n);

#endif
