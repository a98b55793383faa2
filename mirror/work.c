/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of work items and the threads that run them, first in, first out.
 *
 * The items are embedded in their owners, so that submitting can neither fail nor allocate: it is
 * done under a flight's lock. The queue's own lock is the innermost of all and held for a few
 * instructions. Stopping runs the queue empty instead of dropping it: an item always holds a
 * reference that only its run gives back. */
#include "work.h"

#include "fault.h"
#include "mem.h"

#include <pthread.h>
#include <stdbool.h>

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t news; /* an item, or stop */
    struct work_item *first;
    struct work_item **last;
    size_t running; /* items being run: they may submit more */
    bool is_stopping;
    pthread_t *threads;
    size_t thread_count;
};

static struct work_item *
next_item_locked(struct work_pool *pool)
{
    while (!pool->first) {
        if (pool->is_stopping && pool->running == 0)
            return NULL;
        (void) pthread_cond_wait(&pool->news, &pool->lock);
    }
    struct work_item *item = pool->first;

    pool->first = item->next;
    if (!pool->first)
        pool->last = &pool->first;
    item->next = NULL;
    return item;
}

static void *
work_thread(void *argument)
{
    struct work_pool *pool = argument;
    struct work_item *item;

    (void) pthread_mutex_lock(&pool->lock);
    while ((item = next_item_locked(pool))) {
        pool->running++;
        (void) pthread_mutex_unlock(&pool->lock);
        item->run(item);
        (void) pthread_mutex_lock(&pool->lock);
        pool->running--;
        if (pool->is_stopping && pool->running == 0)
            (void) pthread_cond_broadcast(&pool->news);
    }
    (void) pthread_mutex_unlock(&pool->lock);
    return NULL;
}

void
work_submit(struct work_pool *pool, struct work_item *item)
{
    (void) pthread_mutex_lock(&pool->lock);
    item->next = NULL;
    *pool->last = item;
    pool->last = &item->next;
    (void) pthread_cond_signal(&pool->news);
    (void) pthread_mutex_unlock(&pool->lock);
}

void
work_stop(struct work_pool *pool)
{
    (void) pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    (void) pthread_cond_broadcast(&pool->news);
    (void) pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        (void) pthread_join(pool->threads[i], NULL);
    pool->thread_count = 0;
}

void
work_free(struct work_pool *pool)
{
    if (!pool)
        return;
    work_stop(pool);
    (void) pthread_mutex_destroy(&pool->lock);
    (void) pthread_cond_destroy(&pool->news);
    mem_free(pool->threads);
    mem_free(pool);
}

enum mh_code
work_new(size_t threads, struct work_pool **ret, struct mh_fault *f)
{
    struct work_pool *pool = mem_new(struct work_pool);

    if (!pool)
        return fail(f, MH_NOMEM, 0, "out of memory for the work threads");
    (void) pthread_mutex_init(&pool->lock, NULL);
    (void) pthread_cond_init(&pool->news, NULL);
    pool->last = &pool->first;
    pool->threads = mem_calloc(threads, sizeof(pthread_t));
    if (!pool->threads) {
        work_free(pool);
        return fail(f, MH_NOMEM, 0, "out of memory for the work threads");
    }
    for (size_t i = 0; i < threads; i++) {
        int error = pthread_create(&pool->threads[i], NULL, work_thread, pool);

        if (error) {
            work_free(pool);
            return fail_errno(f, error, "cannot start a work thread");
        }
        pool->thread_count++;
    }
    *ret = pool;
    return MH_OK;
}
