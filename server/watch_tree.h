/* SPDX-License-Identifier: Apache-2.0 */
/* inotify over a directory and all below it. */
#ifndef SERVER_WATCH_TREE_H
#define SERVER_WATCH_TREE_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stdbool.h>

struct watch_tree;

enum watch_kind {
    WATCH_MADE,    /* a file appeared, and may not be written yet */
    WATCH_MOVED,   /* a file appeared whole, perhaps in another's place */
    WATCH_WRITTEN, /* a file was written and closed */
    WATCH_GONE,    /* a file or a directory is no more */
    WATCH_LOST     /* too much happened at once; `path` is "" */
};

/* Told of each change. path: relative to the root, borrowed for the call. */
typedef void watch_see(void *arg, const char *path, enum watch_kind kind);

/* root_fd is borrowed for the tree's life. Returns OK; UNSUPPORTED (no inotify); IO; NOMEM. Walks
 * the directory. */
MUST_USE enum mh_code watch_tree_open(int root_fd, struct watch_tree **ret, struct mh_fault *fault);
void watch_tree_free(struct watch_tree *tree); /* NULL is accepted */

/* Readable when there is news. Borrowed. */
int watch_tree_fd(const struct watch_tree *tree);
/* Read what has happened; does not wait. New directories are watched from here on, and the files
 * that they came with are told as WATCH_MOVED. */
void watch_tree_read(struct watch_tree *tree, watch_see *see, void *arg);
/* Is there a directory that could not be watched? */
bool watch_tree_is_partial(const struct watch_tree *tree);

/* Is a name nothing that a page is made of: hidden, or node_modules? */
bool watch_is_skipped(const char *name);

#endif
