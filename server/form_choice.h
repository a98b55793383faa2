/* SPDX-License-Identifier: Apache-2.0 */
/* Which representation of a mirror's object answers a request: its own bytes, or a form of them. */
#ifndef SERVER_FORM_CHOICE_H
#define SERVER_FORM_CHOICE_H

#include "accept.h"
#include "request.h"

#include <modelhost/view.h>

#include <stdbool.h>
#include <stdint.h>

struct form_choice {
    enum accept_encoding encoding; /* ACCEPT_IDENTITY: the object's own bytes */
    char etag[68];                 /* of the representation; "" while it is not known */
    uint64_t bytes;                /* of it, or MH_BYTES_UNKNOWN */
    int fd;                        /* of a form's file; owned by the caller; -1 for identity */
    bool varies;                   /* does the answer depend on Accept-Encoding? */
    bool is_named;                 /* it was chosen by a validator in the request */
};

/* Choose for the request's view. Where a better form could be made it is asked for, and what there
 * is answers. The request's own HTTP thread; opens the file of a form.
 *
 * head  the view's
 * type  the answer's Content-Type */
void form_choose(struct request *rq, const struct mh_head *head, const char *type,
                 struct form_choice *ret);

#endif
