/* SPDX-License-Identifier: Apache-2.0 */
/* The app's own files: from a path to an open file beneath the root, or to the reason why not. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "attrs.h"
#include "buf.h"
#include "target.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stdint.h>

#define FILES_ETAG_SIZE 80

/* What a path leads to. Ended by files_answer_done(). */
struct files_answer {
    unsigned status; /* 200: fd is open; 308: location says where to; else an error, with fault */
    int fd; /* read-only, close-on-exec, of a regular file; owned; -1 where there is none */
    uint64_t bytes;
    int64_t modified_at;        /* seconds since the epoch */
    const char *content_type;   /* static string */
    const char *encoding;       /* Content-Encoding of what fd holds; static string or NULL */
    char etag[FILES_ETAG_SIZE]; /* quoted; weak while the file may still change within one tick of
                                   its clock */
    char *location;             /* path and query, still encoded; owned; NULL but for 308 */
};

#define FILES_ANSWER_INIT ((struct files_answer){.fd = -1})

/* Find the file behind a request.
 *
 * root_fd  the root directory; borrowed
 * target   of the request
 * path     its path as target_decode() gives it; borrowed
 * now      seconds since the epoch
 * ret      filled whatever is returned; begins as FILES_ANSWER_INIT
 * fault    names the path as the client wrote it, unless OK
 *
 * A directory gives its index.html; without the last slash, a 308 to the path with it and the same
 * query. Dotfiles but .well-known, symbolic links that lead out of the root, and what is no regular
 * file are answered as what is not there.
 * Returns OK (200 or 308), NOT_FOUND (404), DENIED (403: the process may not read it), BUSY (503:
 * no descriptor left), IO (500) or NOMEM (503), with ret->status to match. Any thread; may block on
 * the disk. */
MUST_USE enum mh_code files_open(int root_fd, const struct target *target, const char *path,
                                 int64_t now, struct files_answer *ret, struct mh_fault *fault);
/* Take a file's precompressed sibling in its place, where there is one that the client likes
 * better: NAME.br, NAME.zst or NAME.gz beside a text NAME, and not older than it. What a found 200
 * says of bytes, time and ETag is then the sibling's; otherwise it is left as it is.
 *
 * accept_encoding  the field's value, or NULL
 * found            of files_open() for the same target
 *
 * Any thread; may block on the disk. */
void files_prefer_encoded(int root_fd, const struct target *target, const char *path, int64_t now,
                          const char *accept_encoding, struct files_answer *found);
/* May a file have such a sibling at all? Then its answers vary with Accept-Encoding. */
bool files_may_be_encoded(const struct files_answer *found);
/* The name beneath the root of a decoded path: "" or with a '/' at its end where it is a
 * directory's.
 *
 * Returns false where no file can have it, or it is hidden. */
MUST_USE bool files_name(const char *path, struct buf *name);

/* Closes what was not taken. */
void files_answer_done(struct files_answer *answer);

#endif
