/* SPDX-License-Identifier: Apache-2.0 */
/* Models: the objects that a manifest names, which of them are there, and what a pull has to take
 * back. Whether they go together is judged in model_check.c.
 *
 * Everything here runs with host->lock held and touches no file: what is to leave the disk is
 * handed to a work thread. It refuses to know any format; groups and lengths come from the
 * metadata. */
#include "model.h"

#include "clocks.h"
#include "fault.h"
#include "flight.h"
#include "manifest.h"
#include "mem.h"
#include "moment.h"
#include "recheck.h"

#include <string.h>

#define FORGET_AFTER_MS (10u * 60 * 1000)

static void
clear_pulled(struct model *model)
{
    for (size_t i = 0; i < model->pulled.count; i++)
        object_unref_locked(model->pulled.items[i]);
    list_done(&model->pulled, NULL);
    model->pulled = LIST_INIT(0);
}

static void
unname(struct object *object, const struct model *model)
{
    for (size_t i = object->named_by.count; i > 0; i--)
        if (object->named_by.items[i - 1] == model)
            list_remove_at(&object->named_by, i - 1);
}

static void
model_free(struct model *model)
{
    /* First: the parts may go with the references that are given back here. */
    if (model->is_rechecking)
        recheck_release_locked(model);
    for (size_t i = 0; i < model->part_count; i++) {
        if (!model->parts[i].object)
            continue;
        unname(model->parts[i].object, model);
        object_unref_locked(model->parts[i].object);
    }
    clear_pulled(model);
    mem_free(model->rest);
    mem_free(model->parts);
    mem_free(model->group_bytes);
    mem_free(model);
}

void
model_forget_locked(struct object *manifest)
{
    struct model *model = manifest->model;

    manifest->model = NULL;
    if (model)
        model_free(model);
}

void
model_forget_old_locked(struct object *manifest)
{
    const struct model *model = manifest->model;

    if (model && model->lost_ms && !manifest->flight &&
        clock_mono_ms() - model->lost_ms > FORGET_AFTER_MS)
        model_forget_locked(manifest);
}

static bool
is_named_by(const struct object *object, const struct model *model)
{
    for (size_t i = 0; i < object->named_by.count; i++)
        if (object->named_by.items[i] == model)
            return true;
    return false;
}

static enum mh_code
add_part(struct model *model, const struct meta_part *part, struct mh_fault *f)
{
    struct object *manifest = model->manifest;
    struct object *object =
        object_get_locked(manifest->host, manifest->mirror, part->name, part->target);

    if (!object)
        return fail(f, MH_NOMEM, 0, "out of memory for a model of %zu parts", model->part_count);
    if (object == manifest)
        return fail(f, MH_CORRUPT, 0, "the manifest '%s' names itself as a shard", manifest->label);
    model->parts[model->part_count++] =
        (struct model_part){.object = object_ref_locked(object), .group = part->group};
    if (!is_named_by(object, model) && !list_add(&object->named_by, model))
        return fail(f, MH_NOMEM, 0, "out of memory for a model");
    return MH_OK;
}

static bool
compute_complete(const struct model *model)
{
    if (!atomic_load_explicit(&model->manifest->current, memory_order_relaxed))
        return false;
    for (size_t i = 0; i < model->part_count; i++)
        if (!atomic_load_explicit(&model->parts[i].object->current, memory_order_relaxed))
            return false;
    return true;
}

/* What is known of the model from before its manifest was asked for again. */
static void
inherit(struct model *model, struct model *old)
{
    model->rest = ptr_take(&old->rest);
    /* Some upstreams give every answer the time of its making. Compared with those, no pull would
     * ever end: the first that is given up shows it. */
    bool is_same = memcmp(model->sha256, old->sha256, sizeof(model->sha256)) == 0;

    model->is_trusted =
        is_same && (old->is_trusted || (old->is_unsure && model->since != old->since));
}

enum mh_code
model_learn_locked(struct object *manifest, const struct meta *meta, struct mh_fault *f)
{
    struct model *model = mem_new(struct model);

    if (!model)
        return fail(f, MH_NOMEM, 0, "out of memory for a model");
    model->manifest = manifest;
    model->pulled = LIST_INIT(0);
    model->parts = mem_calloc(meta->part_count + 1, sizeof(struct model_part));
    model->group_bytes = mem_calloc(meta->group_count + 1, sizeof(uint64_t));
    if (!model->parts || !model->group_bytes) {
        model_free(model);
        return fail(f, MH_NOMEM, 0, "out of memory for a model of %zu parts", meta->part_count);
    }
    memcpy(model->sha256, meta->sha256, sizeof(model->sha256));
    model->vouched_at = meta->vouched_at ? meta->vouched_at : meta->validated_at;
    model->group_count = meta->group_count;
    for (size_t i = 0; i < meta->group_count; i++)
        model->group_bytes[i] = meta->group_bytes[i];
    for (size_t i = 0; i < meta->part_count; i++) {
        enum mh_code code = add_part(model, &meta->parts[i], f);

        if (code != MH_OK) {
            model_free(model);
            return code;
        }
    }
    model->is_unkept = manifest->is_unkept;
    for (size_t i = 0; i < model->part_count; i++)
        model->is_unkept = model->is_unkept || model->parts[i].object->is_unkept;
    for (size_t i = 0; i < model->part_count; i++)
        model->parts[i].object->seen_bytes = MANIFEST_BYTES_UNKNOWN;
    model->since = moment_of(meta).since;
    model->asked_about = INT64_MIN;
    if (manifest->model)
        inherit(model, manifest->model);
    model_forget_locked(manifest);
    manifest->model = model;
    model->is_complete = compute_complete(model);
    return MH_OK;
}

void
model_ensure_locked(struct model *model)
{
    if (model->is_complete || model->is_unkept || model->manifest->host->is_stopping)
        return;
    for (size_t i = 0; i < model->part_count; i++) {
        struct object *object = model->parts[i].object;

        if (object->flight)
            (void) flight_detach_failed_locked(object);
        if (object->flight || atomic_load_explicit(&object->current, memory_order_relaxed) ||
            object_negative_locked(object) || model_rest_of_locked(object))
            continue;
        /* Without memory the part is asked for when a client wants it. */
        (void) flight_start_locked(object);
    }
}

static void
note_present(struct model *model, struct object *object, bool is_new)
{
    if (model->is_complete)
        return;
    model->is_complete = compute_complete(model);
    if (model->is_complete)
        clear_pulled(model);
    else if (is_new && list_add(&model->pulled, object)) /* else it cannot be taken back later */
        (void) object_ref_locked(object);
}

void
model_note_present_locked(struct object *object, bool is_new)
{
    if (object->model) {
        object->model->lost_ms = 0;
        note_present(object->model, object, is_new);
    }
    for (size_t i = 0; i < object->named_by.count; i++)
        note_present(object->named_by.items[i], object, is_new);
}

void
model_note_lost_locked(struct object *object)
{
    if (object->model) {
        object->model->is_complete = false;
        object->model->lost_ms = clock_mono_ms();
    }
    for (size_t i = 0; i < object->named_by.count; i++)
        ((struct model *) object->named_by.items[i])->is_complete = false;
}

void
model_take_back_locked(struct model *model)
{
    struct mh_host *host = model->manifest->host;
    struct list objects = LIST_INIT(0);
    bool is_all = list_add(&objects, model->manifest);

    for (size_t i = 0; i < model->part_count; i++)
        is_all = list_add(&objects, model->parts[i].object) && is_all;
    for (size_t i = 0; i < objects.count; i++)
        (void) object_ref_locked(objects.items[i]);
    (void) is_all; /* what there was no memory for is found again at the next start */
    publish_take_back_locked(host, (struct object *const *) objects.items, objects.count);
    for (size_t i = 0; i < objects.count; i++)
        object_unref_locked(objects.items[i]);
    list_done(&objects, NULL);
}
