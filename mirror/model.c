/* SPDX-License-Identifier: Apache-2.0 */
/* Models: the objects that a manifest names, and the sums over their lengths.
 *
 * The arithmetic is the one check that TF.js does not make: a shard that is too long loads
 * silently, one that is too short shifts everything behind it. A sum is compared as soon as every
 * length of its group is known, from heads or from what is cached, and again before the last one
 * completes.
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
#include "recheck.h"

#include <inttypes.h>
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
    for (size_t i = 0; i < model->part_count; i++) {
        if (!model->parts[i].object)
            continue;
        unname(model->parts[i].object, model);
        object_unref_locked(model->parts[i].object);
    }
    if (model->is_rechecking)
        recheck_release_locked(model);
    clear_pulled(model);
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
    model->vouched_at = meta->validated_at;
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
            object_negative_locked(object))
            continue;
        /* Without memory the part is asked for when a client wants it. */
        (void) flight_start_locked(object);
    }
}

/* The object's length as far as it is known, or MANIFEST_BYTES_UNKNOWN. */
static uint64_t
known_bytes(const struct object *object)
{
    const struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);
    uint64_t bytes = MANIFEST_BYTES_UNKNOWN;

    if (version)
        return version->meta.bytes;
    /* What an earlier transfer of the same load had: without it, shards that are asked for one
     * after another would each pass, and a wrong sum would never be seen. */
    if (!object->flight)
        return object->seen_bytes;
    (void) pthread_mutex_lock(&object->flight->lock);
    if (object->flight->state >= FLIGHT_ARRIVING && object->flight->state <= FLIGHT_CHECKED)
        bytes = object->flight->total;
    else
        bytes = object->seen_bytes;
    (void) pthread_mutex_unlock(&object->flight->lock);
    return bytes;
}

struct sum {
    uint64_t bytes; /* of the known ones */
    size_t parts;
    bool is_whole; /* all are known */
};

static struct sum
sum_group(const struct model *model, uint32_t group, const struct object *object, uint64_t bytes)
{
    struct sum sum = {.is_whole = true};

    for (size_t i = 0; i < model->part_count; i++) {
        const struct model_part *part = &model->parts[i];

        if (part->group != group)
            continue;
        uint64_t length = part->object == object ? bytes : known_bytes(part->object);

        sum.parts++;
        if (length == MANIFEST_BYTES_UNKNOWN)
            sum.is_whole = false;
        else if (__builtin_add_overflow(sum.bytes, length, &sum.bytes))
            sum.bytes = UINT64_MAX;
    }
    return sum;
}

static enum mh_code
check_group(const struct model *model, uint32_t group, const struct object *object, uint64_t bytes,
            struct mh_fault *f)
{
    uint64_t wanted = model->group_bytes[group];

    if (wanted == MANIFEST_BYTES_UNKNOWN)
        return MH_OK;
    struct sum sum = sum_group(model, group, object, bytes);

    if (sum.is_whole ? sum.bytes == wanted : sum.bytes <= wanted)
        return MH_OK;
    if (sum.parts == 1)
        (void) fail(f, MH_CORRUPT, 0, "'%s' has a wrong length by its manifest '%s'",
                    object ? object->label : model->manifest->label, model->manifest->label);
    else
        (void) fail(f, MH_CORRUPT, 0,
                    "the %zu shards of weight group %u of '%s' have a wrong length together%s%s%s",
                    sum.parts, group + 1, model->manifest->label, object ? " (last seen: '" : "",
                    object ? object->label : "", object ? "')" : "");
    fault_expected(f, "%" PRIu64 " bytes", wanted);
    fault_found(f, "%s%" PRIu64 " bytes", sum.is_whole ? "" : "at least ", sum.bytes);
    return MH_CORRUPT;
}

static void
revoke(struct object *object)
{
    if (object->flight)
        object->flight->is_revoked = true;
}

void
model_take_back_pulled_locked(struct model *model)
{
    struct list pulled = model->pulled;

    model->pulled = LIST_INIT(0);
    publish_take_back_locked(model->manifest->host, (struct object *const *) pulled.items,
                             pulled.count);
    /* The model itself may go with the last of these references. */
    for (size_t i = 0; i < pulled.count; i++)
        object_unref_locked(pulled.items[i]);
    list_done(&pulled, NULL);
}

void
model_revoke_locked(struct model *model)
{
    revoke(model->manifest);
    for (size_t i = 0; i < model->part_count; i++)
        revoke(model->parts[i].object);
}

void
model_end_flights_locked(struct model *model, enum mh_code code, const struct mh_fault *fault,
                         bool is_followed)
{
    model_revoke_locked(model);
    for (size_t i = 0; i < model->part_count; i++) {
        struct object *object = model->parts[i].object;

        if (!object->flight)
            continue;
        object->flight->is_followed = is_followed;
        flight_fail(object->flight, code, fault);
    }
}

/* The sum of a group is wrong: end what is unfinished, take back what this pull published. */
static void
give_up_group(struct model *model, uint32_t group, const struct object *object,
              const struct mh_fault *fault)
{
    model_revoke_locked(model);
    for (size_t i = 0; i < model->part_count; i++) {
        struct model_part *part = &model->parts[i];

        if (part->group == group && part->object != object && part->object->flight)
            flight_fail(part->object->flight, MH_CORRUPT, fault);
    }
    model_take_back_pulled_locked(model);
}

static enum mh_code
check_in_model(struct model *model, struct object *object, uint64_t bytes, uint32_t *ret_group,
               struct mh_fault *f)
{
    for (size_t i = 0; i < model->part_count; i++) {
        if (model->parts[i].object != object)
            continue;
        enum mh_code code = check_group(model, model->parts[i].group, object, bytes, f);

        if (code != MH_OK) {
            *ret_group = model->parts[i].group;
            return code;
        }
    }
    return MH_OK;
}

enum mh_code
model_check_length_locked(struct object *object, uint64_t bytes, struct mh_fault *f)
{
    object->seen_bytes = bytes;
    for (size_t i = 0; i < object->named_by.count; i++) {
        struct model *model = object->named_by.items[i];
        struct mh_fault fault = {0};
        uint32_t group = 0;
        enum mh_code code = check_in_model(model, object, bytes, &group, &fault);

        if (code == MH_OK)
            continue;
        give_up_group(model, group, object, &fault);
        if (f)
            *f = fault;
        return code;
    }
    return MH_OK;
}

uint64_t
model_max_bytes_locked(const struct object *object)
{
    uint64_t max = UINT64_MAX;

    for (size_t i = 0; i < object->named_by.count; i++) {
        const struct model *model = object->named_by.items[i];

        for (size_t p = 0; p < model->part_count; p++)
            if (model->parts[p].object == object && model->group_bytes[model->parts[p].group] < max)
                max = model->group_bytes[model->parts[p].group];
    }
    return max;
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

enum mh_code
model_check_sums_locked(struct model *model, struct mh_fault *f)
{
    for (uint32_t group = 0; group < model->group_count; group++) {
        enum mh_code code = check_group(model, group, NULL, 0, f);

        if (code != MH_OK)
            return code;
    }
    return MH_OK;
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
