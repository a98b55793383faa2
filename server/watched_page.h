/* SPDX-License-Identifier: Apache-2.0 */
/* HTML answers while the app is watched: with the script that renews the page (--watch). */
#ifndef SERVER_WATCHED_PAGE_H
#define SERVER_WATCHED_PAGE_H

#include "buf.h"
#include "files.h"
#include "request.h"
#include "watch.h"

#include <stdbool.h>

/* Does a found file get the script? HTML that is text of ASCII's family and no larger than 16 MiB.
 */
bool watched_page_is_for(const struct request *rq, const struct files_answer *found);

/* Answer it. mark: of watch_mark(), from before the file was opened, so that no change is missed.
 * Reads the file; what is said of the length and of the ETag is the answer's own. */
MUST_USE enum answer watched_page_answer(struct request *rq, struct files_answer *found,
                                         const char *mark, int64_t now);

/* Put the script into an HTML text that is not a file's. */
void watched_page_mark(struct buf *page, const char *mark);

#endif
