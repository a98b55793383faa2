/* SPDX-License-Identifier: Apache-2.0 */
/* Noticing what others do to the files of objects/, within 2 s and without a look per request. */
#ifndef MIRROR_OUTSIDE_H
#define MIRROR_OUTSIDE_H

#include "host_internal.h"

struct outside;

/* Sets host->outside. Returns OK or NOMEM; a system without inotify is not an error. */
MUST_USE enum mh_code outside_new(struct mh_host *host, struct mh_fault *f);
void outside_free(struct outside *watch); /* NULL is accepted; the threads are gone */

/* An object has a version: its file is looked after from now on. host->lock held. */
void outside_add_locked(const struct object *object, const struct version *version);
/* Once a second, on the fetch thread: have a work thread look, if there is anything to look at. */
void outside_tick(struct mh_host *host);

#endif
