/* SPDX-License-Identifier: Apache-2.0 */
/* The index: every object of which something is known, by its key.
 *
 * All functions want host->lock. An object's address is stable while it is counted, so that views
 * and kept answers may compare object->current without the lock. Remembered failures are bounded:
 * beyond OBJECT_MAX_FAILED objects of which nothing but a failure is known, one that is let go is
 * not kept. */
#include "host_internal.h"

#include "buf.h"
#include "clocks.h"
#include "encode.h"
#include "mem.h"
#include "model.h"
#include "name.h"
#include "outside.h"

#include <modelhost/view.h>

#include <string.h>

#define OBJECT_MAX_FAILED 20000

static char *
make_key(const struct mirror *mirror, const char *name)
{
    return str_printf("%s/%s", mirror->name, name);
}

static char *
make_label(const struct mirror *mirror, const char *target)
{
    int n = (int) strcspn(target, "?#");

    return str_printf("%s%.*s", mirror->path, n, target);
}

static bool
target_is_json(const char *target)
{
    size_t n = strcspn(target, "?#");

    return n >= 5 && strncmp(target + n - 5, ".json", 5) == 0;
}

static void
object_free(struct object *object)
{
    model_forget_locked(object);
    version_unref(atomic_load_explicit(&object->current, memory_order_relaxed));
    list_done(&object->named_by, NULL);
    mem_free(object->failure);
    mem_free(object->refresh_failure);
    mem_free(object->key);
    mem_free(object->target);
    mem_free(object->label);
    mem_free(object);
}

struct object *
object_find_locked(struct mh_host *host, const struct mirror *mirror, const char *name)
{
    scoped(mem_freep) char *key = make_key(mirror, name);

    return key ? map_get(host->index, key) : NULL;
}

struct object *
object_get_locked(struct mh_host *host, const struct mirror *mirror, const char *name,
                  const char *target)
{
    scoped(mem_freep) char *key = make_key(mirror, name);
    struct object *object = key ? map_get(host->index, key) : NULL;

    if (object || !key)
        return object;
    object = mem_new(struct object);
    if (!object)
        return NULL;
    object->host = host;
    object->mirror = mirror;
    object->key = ptr_take(&key);
    object->name = object->key + strlen(mirror->name) + 1;
    object->target = str_dup(target);
    object->is_json = target_is_json(target);
    object->label = make_label(mirror, target);
    object->named_by = LIST_INIT(0);
    object->seen_bytes = MH_BYTES_UNKNOWN;
    if (!object->target || !object->label || !map_set(host->index, object->key, object)) {
        object_free(object);
        return NULL;
    }
    return object;
}

struct object *
object_ref_locked(struct object *object)
{
    object->refs++;
    return object;
}

void
object_sweep_locked(struct object *object)
{
    struct mh_host *host = object->host;

    /* A part may be a manifest that names this one, and be its last reference. */
    object->refs++;
    model_forget_old_locked(object);
    object->refs--;
    if (object->refs > 0 || object->flight || object->model ||
        atomic_load_explicit(&object->current, memory_order_relaxed))
        return;
    if (object->failure && map_count(host->index) < host->objects + OBJECT_MAX_FAILED &&
        clock_mono_ms() - object->failure->at_ms < (uint64_t) object->mirror->negative_ttl_s * 1000)
        return;
    (void) map_remove(host->index, object->key);
    object_free(object);
}

void
object_unref_locked(struct object *object)
{
    object->refs--;
    object_sweep_locked(object);
}

void
object_sweep_all_locked(struct mh_host *host)
{
    struct map_entry *next;

    /* A model's parts go with it, and they stand right behind its manifest: the next one is held
     * until it has its turn. */
    for (struct map_entry *e = map_first(host->index); e; e = next) {
        struct object *held = NULL;

        next = map_next(e);
        if (next)
            held = object_ref_locked(map_value(next));
        object_sweep_locked(map_value(e));
        if (held)
            held->refs--;
    }
}

void
object_set_version_locked(struct object *object, struct version *version)
{
    struct mh_host *host = object->host;
    struct version *old = atomic_load_explicit(&object->current, memory_order_relaxed);

    if (old) {
        host->objects--;
        host->object_bytes -= old->meta.bytes;
    }
    if (version) {
        host->objects++;
        host->object_bytes += version->meta.bytes;
    }
    atomic_store_explicit(&object->current, version, memory_order_release);
    if (old && (!version || memcmp(old->meta.sha256, version->meta.sha256, 32) != 0))
        encode_gone_locked(host, old);
    version_unref(old);
    if (version)
        outside_add_locked(object, version);
    else
        model_note_lost_locked(object);
}

struct version *
object_version_locked(struct object *object)
{
    struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);

    return version ? version_ref(version) : NULL;
}

void
object_set_failure_locked(struct object *object, enum mh_code code, const struct mh_fault *fault)
{
    mem_free(object->failure);
    object->failure = NULL;
    if (code == MH_OK)
        return;
    /* Without memory it is forgotten, and the next request asks the upstream again. */
    struct failure *failure = mem_new(struct failure);

    if (!failure)
        return;
    failure->code = code;
    failure->at_ms = clock_mono_ms();
    failure->fault = *fault;
    object->failure = failure;
}

const struct failure *
object_negative_locked(const struct object *object)
{
    const struct failure *failure = object->failure;

    if (!failure || failure->code != MH_NOT_FOUND)
        return NULL;
    uint64_t age_ms = clock_mono_ms() - failure->at_ms;

    return age_ms < (uint64_t) object->mirror->negative_ttl_s * 1000 ? failure : NULL;
}

void
object_free_all(struct mh_host *host)
{
    struct map_entry *next;

    if (!host->index)
        return;
    /* Models first: they hold references to other objects. */
    for (struct map_entry *e = map_first(host->index); e; e = map_next(e)) {
        ((struct object *) map_value(e))->refs++;
        model_forget_locked(map_value(e));
    }
    for (struct map_entry *e = map_first(host->index); e; e = next) {
        next = map_next(e);
        object_free(map_value(e));
    }
    map_free(host->index);
    host->index = NULL;
}

char *
object_path(const struct object *object)
{
    return str_printf("%s%s", object->mirror->path, object->target);
}

char *
object_store_url(const struct object *object)
{
    struct buf target = BUF_INIT(16384);

    name_to_target(object->name, &target);
    char *url = buf_is_ok(&target) ? mirror_url(object->mirror, 0, buf_text(&target)) : NULL;

    buf_done(&target);
    return url;
}
