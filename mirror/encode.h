/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of what is cached (include/modelhost/form.h): which there are, which are wanted, and
 * which have to go. */
#ifndef MIRROR_ENCODE_H
#define MIRROR_ENCODE_H

#include "attrs.h"
#include "encode_job.h"
#include "host_internal.h"

#include <modelhost/form.h>

struct encoder; /* opaque; host->lock guards it */

/* Returns OK or NOMEM. Sets host->encoder; encode_free() after the work threads have ended. */
MUST_USE enum mh_code encode_new(struct mh_host *host, struct mh_fault *f);
void encode_free(struct mh_host *host);

/* Find what an earlier process left, before the index counts as whole: until then nothing is made.
 * Work thread, without locks; blocks on the disk. What cannot be read is told as a warning. */
void encode_scan(struct mh_host *host);
/* The index is whole: what belongs to nothing in it goes. host->lock held. */
void encode_scanned_locked(struct mh_host *host);

/* Once a second: sweep what could not be swept yet. Without locks. */
void encode_tick(struct mh_host *host);

/* The forms of a version; ret has room for MH_ENCODING_COUNT. host->lock held. */
size_t encode_list_locked(const struct version *version, const struct mh_host *host,
                          struct mh_form *ret);
/* The file of a form, if there is just that one. host->lock held. */
MUST_USE bool encode_find_locked(const struct version *version, const struct mh_host *host,
                                 const struct mh_form *wanted, struct encode_file *ret);
/* Its file has gone, or is not what it was. host->lock held. */
void encode_lost_locked(const struct version *version, const struct mh_host *host,
                        enum mh_encoding encoding);
/* Have one made, as mh_view_want_form(). host->lock held. */
void encode_want_locked(struct object *object, struct version *version, enum mh_encoding encoding);

/* A version is not its object's any more: its forms go soon, unless another object has the same
 * bytes. host->lock held. */
void encode_gone_locked(struct mh_host *host, const struct version *version);

/* Forms made since the start. host->lock held. */
uint64_t encode_made_locked(const struct mh_host *host);

/* Bytes of all forms on disk; of one version's. host->lock held. */
uint64_t encode_bytes_locked(const struct mh_host *host);
uint64_t encode_bytes_of_locked(const struct mh_host *host, const struct version *version);

#endif
