/* SPDX-License-Identifier: Apache-2.0 */
/* How near a URL's host is, as browsers see it. Pure: nothing is resolved. */
#ifndef SERVER_PLACE_H
#define SERVER_PLACE_H

/* What Local Network Access calls address spaces. */
enum place {
    PLACE_HERE,  /* this machine: loopback addresses, localhost and what is under it */
    PLACE_LOCAL, /* private and link-local addresses, and names that only a local network knows */
    PLACE_PUBLIC /* everything else; a name may lead to a private address all the same */
};

/* Of a URL or an origin; PLACE_PUBLIC for what is neither. */
enum place place_of_url(const char *url);

#endif
