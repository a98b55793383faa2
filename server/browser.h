/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a URL in the user's browser. */
#ifndef SERVER_BROWSER_H
#define SERVER_BROWSER_H

/* Start $BROWSER, or xdg-open where there is a display. What cannot be done is told by a note with
 * the URL. Does not wait. Main thread. */
void browser_open(const char *url);

#endif
