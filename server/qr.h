/* SPDX-License-Identifier: Apache-2.0 */
/* A QR code as text for a terminal. Pure. */
#ifndef SERVER_QR_H
#define SERVER_QR_H

#include "buf.h"

#include <stdbool.h>

/* Append a text's code in half blocks, dark on light whatever the terminal's own colours are.
 *
 * columns  of the terminal; 0: not known
 *
 * Returns whether it was: not where it is wider than the terminal, or the text too long. */
MUST_USE bool qr_write(const char *text, unsigned columns, struct buf *out);

#endif
