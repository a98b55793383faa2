/* SPDX-License-Identifier: Apache-2.0 */
/* Forms: what a cached object looks like in a content coding (RFC 9110 §8.4).
 *
 * A form is made once, by a work thread, when it is first wanted; it is kept in the cache beside
 * the object's own bytes and goes with them. It is a representation of its own, with its own length
 * and its own strong ETag. Whether an object should have forms is for the caller to say: text
 * shrinks, weights do not. */
#ifndef MODELHOST_FORM_H
#define MODELHOST_FORM_H

#include <modelhost/code.h>
#include <modelhost/view.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mh_encoding { MH_ENCODING_BR, MH_ENCODING_ZSTD, MH_ENCODING_GZIP };
#define MH_ENCODING_COUNT 3

/* A form that is there. */
struct mh_form {
    enum mh_encoding encoding;
    uint64_t bytes;
    char etag[68]; /* strong, quoted, from the sha256 of the form's own bytes */
};

/* Which encodings can be made: bits of 1 << encoding. br and zstd may be left out of a build. */
unsigned mh_encodings(void);

/* The forms that there are of a view's bytes, none while they are arriving.
 *
 * ret  room for MH_ENCODING_COUNT
 *
 * Returns their number. Any thread; takes the index lock; does not block. */
size_t mh_view_forms(struct mh_view *view, struct mh_form *ret);

/* Have a form made, unless it is there, being made, not worth it, or failed lately. Returns at
 * once; it is found by mh_view_forms() when it is done. Nothing is made of bytes that are arriving.
 * Any thread; takes the index lock. */
void mh_view_want_form(struct mh_view *view, enum mh_encoding encoding);

/* A descriptor of a form's file.
 *
 * form    from mh_view_forms(); borrowed
 * ret_fd  read-only, close-on-exec, owned by the caller; its file holds exactly form->bytes bytes,
 *         the ones that form->etag stands for, and is never written again
 *
 * Returns OK; NOT_FOUND (it has gone, or was changed from outside, and is forgotten), or a failure:
 * send the object's own bytes then. Any thread; may block on disk. */
MH_MUST_USE enum mh_code mh_view_open_form(struct mh_view *view, const struct mh_form *form,
                                           int *ret_fd, struct mh_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
