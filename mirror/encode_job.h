/* SPDX-License-Identifier: Apache-2.0 */
/* Making one form of one version, in steps, and the files in encoded/.
 *
 *   encoded/<sha256 of the object's bytes>.<sha256 of the form's own>.<br|zst|gz>
 *
 * So a file's name says what it is a form of, and what it must hold. */
#ifndef MIRROR_ENCODE_JOB_H
#define MIRROR_ENCODE_JOB_H

#include "attrs.h"
#include "store.h"
#include "version.h"

#include <modelhost/form.h>

#include <stdbool.h>
#include <stdint.h>

#define ENCODE_KEY_SIZE 65 /* 64 hex digits: the sha256 of the object's bytes */

/* A form's file. */
struct encode_file {
    uint8_t sha256[32]; /* of what it holds */
    uint64_t bytes;
    int64_t mtime_ns;
};

/* "encoded/..."; mem_free(). NULL: no memory. */
char *encode_path(const char *key, const uint8_t sha256[32], enum mh_encoding encoding);
/* The other way, from a name in encoded/. false: it is no form's. */
MUST_USE bool encode_parse(const char *name, char ret_key[ENCODE_KEY_SIZE], uint8_t ret_sha256[32],
                           enum mh_encoding *ret_encoding);

struct encode_job; /* opaque; belongs to one work thread at a time */

/* Returns OK or NOMEM.
 *
 * store, mirror, version  borrowed; they outlive the job
 * found  a file that an earlier process left, to be looked at first; or NULL; copied */
MUST_USE enum mh_code encode_job_new(const struct store *store, const char *mirror,
                                     const struct version *version, enum mh_encoding encoding,
                                     const struct encode_file *found, struct encode_job **ret,
                                     struct mh_fault *fault);

/* Do a part of it: a few tenths of a second at most.
 *
 * Returns BUSY: there is more to do; OK: *ret_made is there under its name; TOO_LARGE: a form is
 * not worth it; CORRUPT: the object's bytes are not what they were; else a failure of disk or
 * memory. After anything but BUSY the job is over. Blocks on the disk. */
MUST_USE enum mh_code encode_job_step(struct encode_job *job, struct encode_file *ret_made,
                                      struct mh_fault *fault);

/* Ends it, and removes what was not finished. NULL is accepted. */
void encode_job_free(struct encode_job *job);

#endif
