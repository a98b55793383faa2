/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads that do what may block on the disk or take long: settle, hash, verify, commit. */
#ifndef MIRROR_WORK_H
#define MIRROR_WORK_H

#include "attrs.h"

#include <modelhost/code.h>

#include <stddef.h>

struct work_pool;

/* Embedded in what is worked on, which must stay alive until `run` has begun. */
struct work_item {
    void (*run)(struct work_item *item); /* on a work thread, without locks; may submit it again */
    struct work_item *next;              /* the pool's */
};

/* Returns OK, NOMEM or IO (no thread). *ret is owned by the caller, work_free(). */
MUST_USE enum mh_code work_new(size_t threads, struct work_pool **ret, struct mh_fault *f);
/* Any thread. An item that is submitted already must not be submitted again before it runs. After
 * work_stop() items still run, so that whoever waits for one is never left alone. */
void work_submit(struct work_pool *pool, struct work_item *item);
/* Run what is queued, and join the threads. Items submitted meanwhile run too. */
void work_stop(struct work_pool *pool);
void work_free(struct work_pool *pool); /* stops first; NULL is accepted */

#endif
