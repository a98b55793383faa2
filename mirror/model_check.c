/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the files of a model go together: by the sums of their lengths, and by the times at which
 * the upstream had them.
 *
 * The sums are the one check that TF.js does not make: a shard that is too long loads silently, one
 * that is too short shifts everything behind it. A sum is compared as soon as every length of its
 * group is known, from heads or from what is cached, and again before the last one completes.
 *
 * Where it fails, what is unfinished is ended, and what the pull published is taken back. Where the
 * upstream has changed meanwhile, the model rests: a client may have some of its files, and would
 * get what is right by itself, and wrong beside what it has. What was cached before is asked again
 * as a whole.
 *
 * Everything here runs with host->lock held and touches no file. */
#include "model.h"

#include "clocks.h"
#include "fault.h"
#include "flight.h"
#include "manifest.h"
#include "mem.h"
#include "moment.h"
#include "refresh.h"

#include <inttypes.h>

#define EVERY_GROUP UINT32_MAX

/* --- lengths --- */

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

/* --- rests --- */

bool
model_rest_locked(struct model *model, uint64_t until_ms, enum mh_code code,
                  const struct mh_fault *fault)
{
    if (!model->rest)
        model->rest = mem_new(struct model_rest);
    if (!model->rest)
        return false;
    *model->rest = (struct model_rest){.until_ms = until_ms, .code = code, .fault = *fault};
    return true;
}

static const struct model_rest *
rest_of(const struct model *model)
{
    return model && model->rest && clock_mono_ms() < model->rest->until_ms ? model->rest : NULL;
}

const struct model_rest *
model_rest_of_locked(const struct object *object)
{
    const struct model_rest *rest = rest_of(object->model);

    for (size_t i = 0; !rest && i < object->named_by.count; i++)
        rest = rest_of(object->named_by.items[i]);
    return rest;
}

bool
model_connects_locked(const struct object *manifest)
{
    return atomic_load_explicit(&manifest->current, memory_order_relaxed) || !manifest->model ||
           manifest->model->is_awaited;
}

static void
refresh_if_needed(struct model *model)
{
    if (!model || !model->needs_refresh || !model_connects_locked(model->manifest))
        return;
    refresh_start_locked(model->manifest, true);
    if (model->manifest->refresh) /* else another flight of the group will be over later */
        model->needs_refresh = false;
}

void
model_refresh_if_needed_locked(struct object *object)
{
    refresh_if_needed(object->model);
    for (size_t i = 0; i < object->named_by.count; i++)
        refresh_if_needed(object->named_by.items[i]);
}

/* --- a manifest beside shards that another one brought --- */

/* Of an object that may have been given out whole: its length, and when it was the upstream's. */
static bool
find_settled(const struct object *object, uint64_t *ret_bytes, struct moment *ret_moment)
{
    const struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);
    struct flight *flight = object->flight;

    if (version) {
        *ret_bytes = version->meta.bytes;
        *ret_moment = moment_of(&version->meta);
        return true;
    }
    if (!flight)
        return false;
    (void) pthread_mutex_lock(&flight->lock);
    bool is_checked = flight->state == FLIGHT_CHECKED;

    if (is_checked) {
        *ret_bytes = flight->total;
        *ret_moment = flight->moment;
    }
    (void) pthread_mutex_unlock(&flight->lock);
    return is_checked;
}

static bool
has_cached_sum(const struct model *model, uint32_t group)
{
    uint64_t wanted = model->group_bytes[group];
    uint64_t sum = 0;
    bool is_whole = true;

    for (size_t i = 0; i < model->part_count; i++) {
        struct moment moment;
        uint64_t bytes = 0;

        if (model->parts[i].group != group)
            continue;
        if (!find_settled(model->parts[i].object, &bytes, &moment))
            is_whole = false;
        else if (__builtin_add_overflow(sum, bytes, &sum))
            return false;
    }
    return wanted == MANIFEST_BYTES_UNKNOWN || (is_whole ? sum == wanted : sum <= wanted);
}

/* `object` is what has just arrived, and `meta` its own. */
static bool
is_of_one_moment(const struct model *model, const struct object *object, const struct meta *meta)
{
    scoped(mem_freep) struct moment *moments = mem_calloc(model->part_count + 2, sizeof(*moments));
    uint64_t bytes = 0;
    size_t n = 1;

    if (!moments) /* the sums alone have to tell */
        return true;
    moments[0] = moment_of(meta);
    for (size_t i = 0; i < model->part_count; i++)
        if (model->parts[i].object != object &&
            find_settled(model->parts[i].object, &bytes, &moments[n]))
            n++;
    return moments_meet(moments, n);
}

enum mh_code
model_check_cached_locked(struct model *model, const struct meta *meta, struct mh_fault *f)
{
    bool fits = is_of_one_moment(model, model->manifest, meta);

    for (uint32_t group = 0; fits && group < model->group_count; group++)
        fits = has_cached_sum(model, group);
    if (fits)
        return MH_OK;
    model->is_awaited = true;
    model->needs_refresh = true;
    if (!model->lost_ms)
        model->lost_ms = clock_mono_ms();
    return fail(f, MH_UPSTREAM, 0,
                "shards of '%s' are cached in another version; all of it is asked for again",
                model->manifest->label);
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

/* Is the object newer than the answer that named it? Then a wrong sum is that of two sets, and not
 * of a broken transfer, which the next request may well get right. */
static bool
is_of_another_set(const struct model *model, const struct object *object)
{
    return object->flight && object->flight->changed_at > 0 && model->vouched_at > 0 &&
           object->flight->changed_at >= model->vouched_at;
}

/* The sum of a group is wrong, or EVERY_GROUP is in doubt: end what is unfinished, take back what
 * this pull published. */
static void
give_up_group(struct model *model, uint32_t group, const struct object *object,
              const struct mh_fault *fault)
{
    revoke(model->manifest);
    if (group == EVERY_GROUP || is_of_another_set(model, object))
        (void) model_rest_locked(model, clock_mono_ms() + model->manifest->host->settle_ms,
                                 MH_CORRUPT, fault);
    model->needs_refresh = true;
    for (size_t i = 0; i < model->part_count; i++) {
        struct model_part *part = &model->parts[i];

        revoke(part->object);
        if ((group == EVERY_GROUP || part->group == group) && part->object != object &&
            part->object->flight)
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

enum mh_code
model_check_moment_locked(struct object *object, const struct meta *meta, struct mh_fault *f)
{
    for (size_t i = 0; i < object->named_by.count; i++) {
        struct model *model = object->named_by.items[i];
        struct mh_fault fault = {0};

        if (model->is_trusted || is_of_one_moment(model, object, meta))
            continue;
        enum mh_code code =
            fail(&fault, MH_UPSTREAM, 0, "the upstream changed '%s' while it was being fetched",
                 model->manifest->label);
        model->is_unsure = true;
        give_up_group(model, EVERY_GROUP, object, &fault);
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
