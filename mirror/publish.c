/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing: checked flights become cached objects, by one journal entry for all that are ready.
 *
 * The work thread that finds nobody publishing does it for all until the queue is empty, so that
 * the 24 files of a model that arrive together cost a few syncs and not a few each. The clients do
 * not wait for it: they have their bytes when the checks have passed. A commit that fails
 * loses the cached copy, and the flight says so.
 *
 * Taking back runs the other way: the objects leave the index at once, under the lock, and the disk
 * soon after. */
#include "flight.h"

#include "fault.h"
#include "manage.h"
#include "mem.h"
#include "model.h"
#include "room.h"

#include <stddef.h>
#include <string.h>

#define PUBLISH_MAX_STEPS 256

static size_t
take_queued(struct mh_host *host, struct flight *flights[PUBLISH_MAX_STEPS])
{
    size_t n = 0;

    (void) pthread_mutex_lock(&host->lock);
    while (host->to_publish && n < PUBLISH_MAX_STEPS) {
        flights[n] = host->to_publish;
        host->to_publish = flights[n]->next_waiting;
        n++;
    }
    if (n == 0)
        host->is_publishing = false;
    (void) pthread_mutex_unlock(&host->lock);
    return n;
}

static void
conclude_unpublished(struct flight *flight, enum mh_code code, const struct mh_fault *fault)
{
    (void) pthread_mutex_lock(&flight->lock);
    flight->code = code; /* its clients keep what they have; only the cached copy is lost */
    flight->fault = *fault;
    (void) pthread_mutex_unlock(&flight->lock);
    store_partial_remove(flight->host->store, flight->partial_id);
    flight_conclude(flight, NULL);
}

static void
commit_batch(struct mh_host *host, struct flight **flights, size_t n)
{
    struct store_step steps[PUBLISH_MAX_STEPS];
    struct mh_fault fault = {0};
    enum mh_code code = MH_OK;

    for (size_t i = 0; i < n; i++)
        steps[i] = (struct store_step){.action = STORE_PUBLISH,
                                       .url = object_store_url(flights[i]->object),
                                       .mirror = flights[i]->object->mirror->name,
                                       .partial_id = flights[i]->partial_id,
                                       .meta = &flights[i]->meta};
    for (size_t i = 0; i < n && code == MH_OK; i++)
        if (!steps[i].url)
            code = fail(&fault, MH_NOMEM, 0, "out of memory for a commit");
    if (code == MH_OK)
        code = room_commit(host, steps, n, &fault);
    for (size_t i = 0; i < n; i++) {
        struct version *version =
            code == MH_OK ? version_new(&flights[i]->meta, steps[i].place) : NULL;

        if (code == MH_OK && !version)
            (void) fail(&fault, MH_NOMEM, 0, "out of memory for the index");
        if (code != MH_OK || !version)
            conclude_unpublished(flights[i], code == MH_OK ? MH_NOMEM : code, &fault);
        else
            flight_conclude(flights[i], version);
        mem_free((char *) steps[i].url);
    }
}

void
publish_flight(struct flight *flight)
{
    struct mh_host *host = flight->host;
    struct flight *batch[PUBLISH_MAX_STEPS];
    size_t n;

    (void) pthread_mutex_lock(&host->lock);
    flight->next_waiting = host->to_publish;
    host->to_publish = flight;
    bool is_mine = !host->is_publishing;

    host->is_publishing = true;
    (void) pthread_mutex_unlock(&host->lock);
    if (!is_mine)
        return;
    while ((n = take_queued(host, batch)) > 0)
        commit_batch(host, batch, n);
    manage_make_room(host);
}

/* --- taking back --- */

struct take_back {
    struct work_item work;
    struct mh_host *host;
    struct version **versions;
    struct object **objects; /* counted */
    size_t count;
};

static void
take_back_free_locked(struct take_back *job)
{
    if (!job)
        return;
    for (size_t i = 0; i < job->count; i++) {
        version_unref(job->versions[i]);
        job->objects[i]->leaving--;
        object_unref_locked(job->objects[i]);
    }
    mem_free(job->versions);
    mem_free(job->objects);
    mem_free(job);
}

static void
take_back_run(struct work_item *item)
{
    struct take_back *job =
        (struct take_back *) (void *) ((char *) item - offsetof(struct take_back, work));
    struct mh_host *host = job->host;
    struct mh_fault fault = {0};
    struct store_step *steps = mem_calloc(job->count + 1, sizeof(*steps));
    enum mh_code code = steps ? MH_OK : fail(&fault, MH_NOMEM, 0, "out of memory");

    for (size_t i = 0; code == MH_OK && i < job->count; i++)
        steps[i] = (struct store_step){.action = STORE_REMOVE,
                                       .mirror = job->objects[i]->mirror->name,
                                       .meta = &job->versions[i]->meta,
                                       .place = job->versions[i]->place};
    if (code == MH_OK)
        code = store_commit(host->store, steps, job->count, &fault);
    if (code != MH_OK)
        host_tell(host, MH_EVENT_WARNING, code, NULL, &fault);
    mem_free(steps);
    (void) pthread_mutex_lock(&host->lock);
    take_back_free_locked(job);
    host_unpark_locked(host);
    (void) pthread_mutex_unlock(&host->lock);
}

/* Room for `count` objects, or NULL. */
static struct take_back *
take_back_new(struct mh_host *host, size_t count)
{
    struct take_back *job = mem_new(struct take_back);

    if (!job)
        return NULL;
    job->host = host;
    job->work.run = take_back_run;
    job->versions = mem_calloc(count + 1, sizeof(*job->versions));
    job->objects = mem_calloc(count + 1, sizeof(struct object *));
    if (job->versions && job->objects)
        return job;
    take_back_free_locked(job);
    return NULL;
}

void
publish_take_back_locked(struct mh_host *host, struct object *const *objects, size_t count)
{
    /* Without memory the objects leave the index only: the next start finds their sums wrong. */
    struct take_back *job = host->is_read_only ? NULL : take_back_new(host, count);

    for (size_t i = 0; i < count; i++) {
        struct object *object = objects[i];
        struct version *version = object_version_locked(object);

        if (!version)
            continue;
        /* What its manifest says stays known: a client that has it will ask for the shards. */
        object_set_version_locked(object, NULL);
        if (host->is_read_only) { /* for good, as it stays on disk */
            object->is_barred = true;
            (void) object_ref_locked(object);
        }
        if (!job) {
            version_unref(version);
            continue;
        }
        object->leaving++;
        job->versions[job->count] = version;
        job->objects[job->count++] = object_ref_locked(object);
    }
    if (job && job->count > 0)
        work_submit(host->work, &job->work);
    else
        take_back_free_locked(job);
}
