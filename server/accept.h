/* SPDX-License-Identifier: Apache-2.0 */
/* Content negotiation: Accept and Accept-Encoding with their q-values (RFC 9110 §12). Pure. All
 * fields may be NULL. */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H

#include "attrs.h"

#include <stdbool.h>

/* Does an Accept field name text/html itself, with a q above 0? "text/" and everything, as scripts
 * send it, do not count. */
bool accept_wants_html(const char *accept);

/* In the order of our preference where the client's q-values leave the choice to us. */
enum accept_encoding { ACCEPT_BR, ACCEPT_ZSTD, ACCEPT_GZIP, ACCEPT_IDENTITY };
#define ACCEPT_ENCODING_COUNT 4

/* Bits for accept_encoding_choose(). */
#define ACCEPT_HAS(encoding) (1u << (unsigned) (encoding))

/* Choose a representation.
 *
 * accept_encoding  the field's value
 * available        ACCEPT_HAS() of every coding there is; identity always is
 *
 * The highest q wins, our order among equals; identity wins over a coding only where the client
 * names it with a higher q. Where all is refused the answer is ACCEPT_IDENTITY: sending it is
 * better than sending nothing (§12.5.3). */
enum accept_encoding accept_encoding_choose(const char *accept_encoding, unsigned available);

/* "br", "zstd", "gzip"; NULL for identity, which needs no Content-Encoding. */
const char *accept_encoding_name(enum accept_encoding encoding);

#endif
