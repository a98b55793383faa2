/* SPDX-License-Identifier: Apache-2.0 */
/* Watching the app's directory, for pages that renew themselves (--watch). */
#ifndef SERVER_WATCH_H
#define SERVER_WATCH_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* Begin to watch a directory and all below it.
 *
 * root_fd    the directory; borrowed for the watch's life
 * on_change  called by the watch's own thread, some milliseconds after something changed and all
 *            has been quiet; it may ask watch_write()
 * ret        on OK, owned by the caller, watch_free()
 *
 * What lies in node_modules or begins with a dot is not looked at. When all cannot be watched, for
 * the system's limit of watches or our own, a warning says so, and the rest is watched.
 * Returns OK, UNSUPPORTED (no inotify), NOMEM or IO. Main thread; walks the directory. */
MUST_USE enum mh_code watch_start(int root_fd, void (*on_change)(void *arg), void *arg,
                                  struct watch **ret, struct mh_fault *fault);
/* Ends the thread. NULL is accepted. Main thread. */
void watch_free(struct watch *watch);

/* Append what a page must know, as JSON on one line:
 * {"start":"...","page":7,"styles":{"/a.css":3}}.
 *
 * `start` is another one for every server, `page` grows with every change that a page shows only
 * after it was loaded anew, and a style sheet's number with every change of it alone. Paths are as
 * in a URL. Any thread. */
void watch_write(struct watch *watch, struct buf *out);

/* The number of the last change of any kind, and the start, as "START-NUMBER": what a page was made
 * of. Any thread. */
#define WATCH_MARK_SIZE 48
void watch_mark(struct watch *watch, char ret[WATCH_MARK_SIZE]);

#endif
