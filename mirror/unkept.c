/* SPDX-License-Identifier: Apache-2.0 */
/* What is not to be kept (unkept.h).
 *
 * An object says so for its own last answer, a model for any of its files: with the manifest kept
 * and a shard fetched anew each time, or the other way round, two versions would be mixed as soon
 * as the upstream changes. Such a model is not fetched ahead of its clients either: that would be a
 * download for nobody.
 *
 * Its partial file loses its name when the checks have passed; who reads it has its descriptor. It
 * gets no note before, so that a start removes what a killed server left. */
#include "unkept.h"

#include "fault.h"
#include "map.h"
#include "model.h"

#define MAX_TOLD 1000 /* labels that are remembered, so that each is told of once */

/* Does a model that is kept need it? */
static bool
is_needed(const struct object *object)
{
    for (size_t i = 0; i < object->named_by.count; i++)
        if (!((const struct model *) object->named_by.items[i])->is_unkept)
            return true;
    return false;
}

void
unkept_mark_locked(struct model *model)
{
    struct list objects = LIST_INIT(0);
    bool is_all = true;

    model->is_unkept = true;
    model_revoke_locked(model);
    is_all = list_add(&objects, model->manifest);
    for (size_t i = 0; i < model->part_count; i++)
        if (!is_needed(model->parts[i].object))
            is_all = list_add(&objects, model->parts[i].object) && is_all;
    (void) is_all; /* what there was no memory for is asked about by the next refresh */
    publish_take_back_locked(model->manifest->host, (struct object *const *) objects.items,
                             objects.count);
    list_done(&objects, NULL);
}

/* The label that stands for it: its model's, where it is in one. */
static const char *
label_of(const struct object *object)
{
    const struct model *model = object->named_by.count > 0 ? object->named_by.items[0] : NULL;

    return model ? model->manifest->label : object->label;
}

/* Without memory, or beyond so many, it is told of again. */
static bool
is_first_time(struct mh_host *host, const char *label)
{
    if (map_get(host->told, label))
        return false;
    if (map_count(host->told) < MAX_TOLD)
        (void) !map_set(host->told, label, host);
    return true;
}

bool
unkept_note_head_locked(struct object *object, bool is_no_store)
{
    object->is_unkept = is_no_store;
    if (!is_no_store)
        return false;
    if (object->model)
        unkept_mark_locked(object->model);
    for (size_t i = 0; i < object->named_by.count; i++) {
        struct model *model = object->named_by.items[i];

        if (!model->is_unkept)
            unkept_mark_locked(model);
    }
    return is_first_time(object->host, label_of(object));
}

void
unkept_tell(const struct object *object)
{
    struct mh_fault fault = {0};

    (void) fail(&fault, MH_UNSUPPORTED, 0,
                "it is served, but neither kept nor there offline: the upstream forbids to keep "
                "'%s' (Cache-Control: no-store)",
                object->label);
    host_tell(object->host, MH_EVENT_WARNING, MH_UNSUPPORTED, object, &fault);
}

bool
unkept_is_locked(const struct object *object)
{
    if (object->is_unkept || (object->model && object->model->is_unkept))
        return true;
    return object->named_by.count > 0 && !is_needed(object);
}

void
unkept_conclude(struct flight *flight)
{
    struct mh_host *host = flight->host;

    store_partial_remove(host->store, flight->partial_id);
    (void) pthread_mutex_lock(&host->lock);
    model_note_lost_locked(flight->object);
    (void) pthread_mutex_unlock(&host->lock);
    (void) pthread_mutex_lock(&flight->lock);
    flight->is_unkept = true;
    flight->code = fail(&flight->fault, MH_UNSUPPORTED, 0,
                        "the upstream forbids to keep '%s', or a file of its model "
                        "(Cache-Control: no-store)",
                        flight->object->label);
    (void) pthread_mutex_unlock(&flight->lock);
    flight_conclude(flight, NULL);
}
