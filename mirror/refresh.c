/* SPDX-License-Identifier: Apache-2.0 */
/* Refreshing groups (refresh.h draws the way).
 *
 * A refresh owns a list of files, each with a flight of its own that asks conditionally and writes
 * to a partial file of its own, so that it meets neither the cached bytes nor a client's first
 * pull. The flight hands over what it found: the same, new bytes (staged), gone, or a failure. A
 * staged manifest brings the parts that it names into the set.
 *
 * Everything here runs under host->lock but for the commit, which a work thread does. The set of
 * files only grows while `pending` is above zero, and nothing but the commit looks at it
 * afterwards. */
#include "refresh_internal.h"

#include "clocks.h"
#include "fault.h"
#include "freshness.h"
#include "manifest.h"
#include "mem.h"
#include "model.h"
#include "moment.h"
#include "room.h"
#include "waiter.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define RETRY_REFRESH_MS 5000
#define UNSURE_MS        1000 /* later it can be told apart by the upstream's clock */

/* --- the set --- */

struct refresh_file *
refresh_file_of(const struct refresh *refresh, const struct object *object)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        if (file->object == object)
            return file;
    }
    return NULL;
}

struct refresh_file *
refresh_add_file_locked(struct refresh *refresh, struct object *object)
{
    struct refresh_file *file = mem_new(struct refresh_file);

    if (file)
        file->store_url = object_store_url(object);
    if (!file || !file->store_url || !list_add(&refresh->files, file)) {
        mem_free(file ? file->store_url : NULL);
        mem_free(file);
        return NULL;
    }
    file->object = object_ref_locked(object);
    object->refresh = refresh;
    return file;
}

static void
free_file(void *item)
{
    struct refresh_file *file = item;

    meta_done(&file->meta);
    mem_free(file->store_url);
    version_unref(file->old);
    mem_free(file);
}

void
refresh_free_locked(struct refresh *refresh)
{
    struct refresh **link = &refresh->host->refreshes;

    while (*link && *link != refresh)
        link = &(*link)->next;
    if (*link)
        *link = refresh->next;
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->object->refresh = NULL;
        object_unref_locked(file->object);
    }
    list_done(&refresh->files, free_file);
    waiter_wake_all(&refresh->waiters);
    mem_free(refresh);
}

/* Add what the object is connected with. false: no memory, or a part is arriving just now. */
static bool
add_group(struct refresh *refresh, struct object *object)
{
    if (object->flight || object->leaving)
        return false;
    if (!refresh_add_file_locked(refresh, object))
        return false;
    /* The list grows while it is walked: every file's neighbours are looked at once. */
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct object *at = ((struct refresh_file *) refresh->files.items[i])->object;
        struct model *model = at->model;

        for (size_t n = 0; n < at->named_by.count + (model ? model->part_count : 0); n++) {
            struct object *next = n < at->named_by.count
                                      ? ((struct model *) at->named_by.items[n])->manifest
                                      : model->parts[n - at->named_by.count].object;

            if (next->refresh == refresh || !model_connects_locked(next))
                continue;
            if (next->refresh || next->flight || next->leaving ||
                !refresh_add_file_locked(refresh, next))
                return false;
        }
    }
    return true;
}

static void
fail_refresh(struct refresh *refresh, enum mh_code code, const struct mh_fault *fault)
{
    if (refresh->code != MH_OK)
        return;
    refresh->code = code;
    refresh->fault = *fault;
}

static void
ask_file(struct refresh *refresh, struct refresh_file *file)
{
    struct flight *flight = flight_start_refresh_locked(file->object, refresh);
    struct mh_fault fault = {0};

    if (!flight) {
        fail_refresh(refresh, fail(&fault, MH_NOMEM, 0, "out of memory for a refresh"), &fault);
        return;
    }
    memcpy(file->partial_id, flight->partial_id, sizeof(file->partial_id));
    refresh->pending++;
}

bool
refresh_has_failed_locked(const struct object *object)
{
    return object->refresh_failed_ms != 0;
}

void
refresh_start_locked(struct object *object, bool force)
{
    struct mh_host *host = object->host;

    if (object->refresh || object->flight || host->is_stopping || host->is_offline ||
        host->is_read_only || !host->has_scanned)
        return;
    if (!force && object->refresh_failed_ms &&
        clock_mono_ms() - object->refresh_failed_ms < RETRY_REFRESH_MS)
        return;
    struct refresh *refresh = mem_new(struct refresh);

    if (!refresh)
        return;
    refresh->host = host;
    refresh->serial = ++host->refresh_serial;
    refresh->files = LIST_INIT(0);
    refresh->next = host->refreshes;
    host->refreshes = refresh;
    if (!add_group(refresh, object)) {
        refresh_free_locked(refresh);
        return;
    }
    size_t count = refresh->files.count;

    for (size_t i = 0; i < count; i++)
        ask_file(refresh, refresh->files.items[i]);
    if (refresh->pending == 0)
        refresh_free_locked(refresh);
}

bool
refresh_if_stale_locked(struct object *object, const struct version *version)
{
    const struct freshness_input input = {
        .is_immutable = version->is_immutable,
        .validated_at = version->meta.validated_at,
        .now = clock_wall_s(),
        .revalidate_s = object->mirror->revalidate_s,
    };

    if (object->host->is_offline || freshness_of(&input) != FRESHNESS_STALE)
        return false;
    refresh_start_locked(object, false);
    return true;
}

/* --- what the flights found --- */

/* The parts of a staged manifest that are not in the set yet. */
static void
add_parts(struct refresh *refresh, const struct object *manifest, const struct meta *meta)
{
    struct mh_fault fault = {0};

    for (size_t i = 0; i < meta->part_count; i++) {
        struct object *part = object_get_locked(refresh->host, manifest->mirror,
                                                meta->parts[i].name, meta->parts[i].target);
        struct refresh_file *file = NULL;

        if (part && part->refresh == refresh)
            continue;
        if (part && !part->refresh && !part->flight && !part->leaving)
            file = refresh_add_file_locked(refresh, part);
        if (file) {
            ask_file(refresh, file);
            continue;
        }
        if (part)
            object_sweep_locked(part);
        fail_refresh(refresh,
                     fail(&fault, MH_BUSY, 0, "'%s', which the new '%s' names, is in use elsewhere",
                          meta->parts[i].name, manifest->label),
                     &fault);
    }
}

/* Are the staged bytes what is cached already? Then only what is known of them is renewed. */
static bool
renew(struct refresh_file *file, struct meta *found)
{
    const struct version *current =
        atomic_load_explicit(&file->object->current, memory_order_relaxed);

    if (!current)
        return false;
    found->is_pinned = current->meta.is_pinned;
    if (memcmp(current->meta.sha256, found->sha256, 32) != 0)
        return false;
    found->mtime_ns = current->meta.mtime_ns;
    return true;
}

static void
take_result(struct refresh *refresh, struct refresh_file *file, struct flight *flight)
{
    if (flight->state != FLIGHT_CHECKED) {
        if (flight->code == MH_NOT_FOUND)
            file->outcome = OUTCOME_GONE;
        else
            fail_refresh(refresh, flight->code, &flight->fault);
        return;
    }
    file->meta = flight->meta;
    flight->meta = (struct meta){0};
    if (flight->is_unchanged || renew(file, &file->meta)) {
        file->outcome = OUTCOME_SAME;
        return;
    }
    if (flight->head.is_no_store) {
        struct mh_fault fault = {0};

        fail_refresh(refresh,
                     fail(&fault, MH_UNSUPPORTED, 0,
                          "the upstream forbids to keep the new '%s' (Cache-Control: no-store)",
                          file->object->label),
                     &fault);
        return;
    }
    file->outcome = OUTCOME_STAGED;
    /* A flight that begins after the stop would never hear of it, nor be asked. */
    if (refresh->host->is_stopping) {
        struct mh_fault fault = {0};

        fail_refresh(refresh, fail(&fault, MH_CANCELLED, 0, "the server is stopping"), &fault);
        return;
    }
    if (file->meta.format && refresh->code == MH_OK)
        add_parts(refresh, file->object, &file->meta);
}

/* --- the sums of the new set --- */

static bool
bytes_of(const struct refresh *refresh, const struct mirror *mirror, const char *name,
         uint64_t *ret)
{
    struct object *object = object_find_locked(refresh->host, mirror, name);
    const struct refresh_file *file = object ? refresh_file_of(refresh, object) : NULL;

    if (!file || (file->outcome != OUTCOME_SAME && file->outcome != OUTCOME_STAGED))
        return false;
    *ret = file->meta.bytes;
    return true;
}

static enum mh_code
check_manifest(const struct refresh *refresh, const struct refresh_file *manifest,
               struct mh_fault *f)
{
    const struct meta *meta = &manifest->meta;
    uint64_t *sums = mem_calloc(meta->group_count + 1, sizeof(uint64_t));
    enum mh_code code = sums ? MH_OK : fail(f, MH_NOMEM, 0, "out of memory for a refresh");

    for (size_t i = 0; code == MH_OK && i < meta->part_count; i++) {
        uint64_t bytes = 0;

        if (!bytes_of(refresh, manifest->object->mirror, meta->parts[i].name, &bytes))
            code = fail(f, MH_NOT_FOUND, 0, "the upstream has '%s' no more, which '%s' names",
                        meta->parts[i].name, manifest->object->label);
        else if (__builtin_add_overflow(sums[meta->parts[i].group], bytes,
                                        &sums[meta->parts[i].group]))
            code = fail(f, MH_CORRUPT, 0, "the shards of '%s' are absurdly large",
                        manifest->object->label);
    }
    for (size_t g = 0; code == MH_OK && g < meta->group_count; g++) {
        if (meta->group_bytes[g] == MANIFEST_BYTES_UNKNOWN || sums[g] == meta->group_bytes[g])
            continue;
        code = fail(f, MH_CORRUPT, 0,
                    "the new shards of weight group %zu of '%s' have a wrong "
                    "length together",
                    g + 1, manifest->object->label);
        fault_expected(f, "%" PRIu64 " bytes", meta->group_bytes[g]);
        fault_found(f, "%" PRIu64 " bytes", sums[g]);
    }
    mem_free(sums);
    return code;
}

static void
check_set(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count && refresh->code == MH_OK; i++) {
        const struct refresh_file *file = refresh->files.items[i];
        struct mh_fault fault = {0};

        if (file->outcome == OUTCOME_GONE || !file->meta.format)
            continue;
        enum mh_code code = check_manifest(refresh, file, &fault);

        if (code != MH_OK)
            fail_refresh(refresh, code, &fault);
    }
}

/* Which bytes the set would be of: the same number for the same bytes, in whatever order. */
static uint64_t
mark_of_set(const struct refresh *refresh)
{
    uint64_t mark = 0;

    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];
        uint64_t one = 0;

        memcpy(&one, file->meta.sha256, sizeof(one));
        mark ^= one;
    }
    return mark | 1;
}

/* Was there a moment at which the upstream had all of this? The files were asked one by one, and it
 * may have changed in between. Where its clock cannot exclude that, a second refresh that finds the
 * very same does: all of it was there between the two. */
static void
check_moment(struct refresh *refresh)
{
    size_t count = refresh->files.count;
    scoped(mem_freep) struct moment *moments = mem_calloc(count, sizeof(*moments));
    uint64_t mark = mark_of_set(refresh);
    struct mh_fault fault = {0};
    size_t n = 0;
    bool is_known = false;

    for (size_t i = 0; moments && i < count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        is_known = is_known || file->object->unsure_set == mark;
        file->object->unsure_set = 0;
        if (file->outcome == OUTCOME_SAME || file->outcome == OUTCOME_STAGED)
            moments[n++] = moment_of(&file->meta);
    }
    if (is_known || (moments && moments_meet(moments, n)))
        return;
    for (size_t i = 0; i < count; i++)
        ((struct refresh_file *) refresh->files.items[i])->object->unsure_set = mark;
    refresh->is_unsure = true;
    fail_refresh(
        refresh,
        fail(&fault, MH_BUSY, 0, "the upstream changed it while it was asked, or just before"),
        &fault);
}

/* Does a manifest of the new set name the object? */
static bool
is_named(const struct refresh *refresh, const struct object *object)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        for (size_t p = 0; file->outcome != OUTCOME_GONE && p < file->meta.part_count; p++)
            if (strcmp(file->meta.parts[p].name, object->name) == 0)
                return true;
    }
    return false;
}

/* What the old set's manifests named and the new one's do not, goes. */
static void
drop_orphans(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        if (file->object->named_by.count > 0 && !file->meta.format &&
            !is_named(refresh, file->object))
            file->outcome = OUTCOME_GONE;
    }
}

/* --- ends --- */

static bool
has_changes(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        if (file->outcome != OUTCOME_SAME)
            return true;
    }
    return false;
}

static void
remove_partials(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        store_partial_remove(refresh->host->store, file->partial_id);
    }
}

/* For those who ask about models. Without memory nobody is told. */
static void
note_failure_locked(const struct refresh *refresh, struct object *object, uint64_t now)
{
    mem_free(object->refresh_failure);
    object->refresh_failure = NULL;
    if (refresh->code == MH_OK || (!object->model && object->named_by.count > 0))
        return;
    object->refresh_failure = mem_new(struct failure);
    if (object->refresh_failure)
        *object->refresh_failure =
            (struct failure){.code = refresh->code, .at_ms = now, .fault = refresh->fault};
}

static void
mark_failure_locked(struct refresh *refresh)
{
    uint64_t now = clock_mono_ms();

    if (refresh->is_unsure && now > RETRY_REFRESH_MS)
        now -= RETRY_REFRESH_MS - UNSURE_MS;
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct object *object = ((struct refresh_file *) refresh->files.items[i])->object;

        object->refresh_failed_ms = refresh->code == MH_OK ? 0 : now + (now == 0);
        note_failure_locked(refresh, object, now);
    }
}

static void
end_refresh(struct refresh *refresh)
{
    struct mh_host *host = refresh->host;
    struct object *first = ((struct refresh_file *) refresh->files.items[0])->object;

    remove_partials(refresh);
    if (!refresh->import && refresh->code != MH_OK && refresh->code != MH_CANCELLED) {
        fault_prepend(&refresh->fault, "the cached copy stays as it is");
        host_tell(host, MH_EVENT_WARNING, refresh->code, first, &refresh->fault);
    }
    (void) pthread_mutex_lock(&host->lock);
    if (refresh->import)
        refresh_import_over_locked(refresh);
    else
        mark_failure_locked(refresh);
    refresh_free_locked(refresh);
    (void) pthread_mutex_unlock(&host->lock);
}

static struct store_step
step_of(struct refresh_file *file)
{
    struct object *object = file->object;
    struct store_step step = {.mirror = object->mirror->name, .meta = &file->meta};

    if (file->outcome == OUTCOME_STAGED) {
        step.action = STORE_PUBLISH;
        step.partial_id = file->partial_id;
        step.url = file->store_url;
    } else {
        /* Held: a view that finds the file changed from outside lets the object's own go. */
        file->old = object_version_locked(object);
        step.action = file->outcome == OUTCOME_GONE ? STORE_REMOVE : STORE_META;
        step.meta = file->outcome == OUTCOME_GONE ? &file->old->meta : &file->meta;
        step.place = file->old->place;
    }
    return step;
}

/* Park the requests for the set while it is switched. */
static void
hold_all_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++)
        ((struct refresh_file *) refresh->files.items[i])->object->leaving++;
}

static void
hold_manifests_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->is_held = file->object->model != NULL;
        file->object->leaving += file->is_held;
    }
}

static void
release_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        file->object->leaving -= file->is_held ? 2 : 1;
        file->is_held = false;
    }
    host_unpark_locked(refresh->host);
}

static void
install_file_locked(struct refresh_file *file, struct store_step *step, struct mh_fault *f)
{
    struct object *object = file->object;
    char *place = file->outcome == OUTCOME_STAGED ? ptr_take(&step->place) : str_dup(step->place);

    if (file->outcome == OUTCOME_GONE) {
        mem_free(place);
        object_set_version_locked(object, NULL);
        model_forget_locked(object);
        return;
    }
    struct version *version = version_new(&file->meta, place);

    if (!version) /* the next request finds it on disk */
        (void) fail(f, MH_NOMEM, 0, "out of memory for the index");
    object_set_version_locked(object, version);
}

/* Manifests after their parts have versions, so that completeness is known. */
static enum mh_code
learn_locked(struct refresh_file *file, struct mh_fault *f)
{
    struct object *object = file->object;
    enum mh_code code = MH_OK;
    struct version *version = atomic_load_explicit(&object->current, memory_order_relaxed);

    if (!version)
        return MH_OK;
    if (!version->meta.format)
        model_forget_locked(object);
    else if (file->outcome == OUTCOME_STAGED)
        code = model_learn_locked(object, &version->meta, f);
    model_note_present_locked(object, false);
    return code;
}

/* A new set holds objects with no current version that nothing was staged for? Those are not steps.
 */
static bool
is_step(const struct refresh_file *file)
{
    return file->outcome == OUTCOME_STAGED ||
           atomic_load_explicit(&file->object->current, memory_order_relaxed);
}

static bool
is_named_elsewhere_locked(const struct refresh *refresh, const struct object *object)
{
    for (size_t n = 0; n < object->named_by.count; n++) {
        const struct object *manifest = ((struct model *) object->named_by.items[n])->manifest;

        if (manifest->refresh != refresh && model_connects_locked(manifest))
            return true;
    }
    return false;
}

/* Has another manifest been learned that names a file of the set? It was checked with the old
 * files, and its sums are not those of the new ones: the next refresh asks about it too. */
static bool
has_grown_locked(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        if (refresh->import ? refresh_import_conflict_locked(refresh, file) != NULL
                            : is_named_elsewhere_locked(refresh, file->object))
            return true;
    }
    return false;
}

static void
switch_set(struct work_item *item)
{
    struct refresh *refresh =
        (struct refresh *) (void *) ((char *) item - offsetof(struct refresh, work));
    struct mh_host *host = refresh->host;
    size_t count = refresh->files.count;
    struct store_step *steps = mem_calloc(count + 1, sizeof(*steps));
    struct refresh_file **files = mem_calloc(count + 1, sizeof(struct refresh_file *));
    size_t n = 0;
    enum mh_code code = MH_OK;

    (void) pthread_mutex_lock(&host->lock);
    bool has_grown = has_grown_locked(refresh);

    hold_all_locked(refresh);
    for (size_t i = 0; steps && files && i < count; i++)
        if (is_step(refresh->files.items[i])) {
            files[n] = refresh->files.items[i];
            steps[n] = step_of(files[n]);
            n++;
        }
    (void) pthread_mutex_unlock(&host->lock);
    if (!steps || !files)
        code = fail(&refresh->fault, MH_NOMEM, 0, "out of memory for a refresh");
    else if (has_grown)
        code = fail(&refresh->fault, MH_BUSY, 0,
                    "a model that shares its shards was fetched while it was refreshed");
    else
        code = room_commit(host, steps, n, &refresh->fault);

    (void) pthread_mutex_lock(&host->lock);
    for (size_t i = 0; code == MH_OK && i < n; i++)
        install_file_locked(files[i], &steps[i], &refresh->fault);
    for (size_t i = 0; code == MH_OK && i < n; i++)
        code = learn_locked(files[i], &refresh->fault);
    release_locked(refresh);
    (void) pthread_mutex_unlock(&host->lock);
    refresh->code = code;
    mem_free(steps);
    mem_free(files);
    end_refresh(refresh);
}

void
refresh_stage_locked(struct refresh *refresh)
{
    refresh->staged_at_ms = clock_mono_ms();
    refresh->work.run = switch_set;
    refresh->is_staged = true;
}

/* All flights are over: what now? Work thread or fetch thread. */
static void
all_answered(struct refresh *refresh)
{
    struct mh_host *host = refresh->host;
    bool ends = false;

    (void) pthread_mutex_lock(&host->lock);
    check_set(refresh);
    if (refresh->code == MH_OK && has_changes(refresh))
        check_moment(refresh);
    if (refresh->code != MH_OK || host->is_stopping) {
        ends = true;
    } else {
        drop_orphans(refresh);
        refresh_stage_locked(refresh);
        refresh->has_changes = has_changes(refresh);
        refresh->is_switching = !refresh->has_changes;
        if (refresh->is_switching)
            work_submit(host->work, &refresh->work);
        else
            waiter_wake_all(&refresh->waiters);
    }
    (void) pthread_mutex_unlock(&host->lock);
    if (ends)
        end_refresh(refresh);
}

void
refresh_flight_over(struct flight *flight)
{
    struct mh_host *host = flight->host;
    struct refresh *refresh = flight->refresh;

    (void) pthread_mutex_lock(&host->lock);
    take_result(refresh, refresh_file_of(refresh, flight->object), flight);
    bool is_last = --refresh->pending == 0;
    (void) pthread_mutex_unlock(&host->lock);
    if (is_last)
        all_answered(refresh);
    flight_unref(flight);
}

/* --- those who wait for an answer --- */

uint64_t
refresh_asking_locked(const struct object *object)
{
    const struct refresh *refresh = object->refresh;

    return refresh && !refresh->has_changes ? refresh->serial : 0;
}

bool
refresh_wait_locked(struct object *object, uint64_t asking, struct mh_waiter *waiter)
{
    if (refresh_asking_locked(object) != asking)
        return false;
    waiter_add(&object->refresh->waiters, waiter);
    return true;
}

void
refresh_wake_all_locked(struct mh_host *host)
{
    for (struct refresh *refresh = host->refreshes; refresh; refresh = refresh->next)
        waiter_wake_all(&refresh->waiters);
}

/* --- waiting for quiet --- */

static bool
is_quiet(const struct refresh *refresh, uint64_t now)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct object *object = ((struct refresh_file *) refresh->files.items[i])->object;
        uint64_t asked = atomic_load_explicit(&object->asked_ms, memory_order_relaxed);

        if (object->views > 0 || atomic_load(&object->sending) > 0 ||
            (asked && now < asked + refresh->host->settle_ms))
            return false;
    }
    return true;
}

static bool
is_parked(const struct mh_host *host, const struct flight *flight)
{
    const struct flight *at = host->parked;

    while (at && at != flight)
        at = at->next_waiting;
    return at != NULL;
}

/* Is an object's own flight under way? It would install what it found before the switch, after it.
 * One that is parked looks again when the switch is done. */
static bool
has_flight(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct object *object = ((struct refresh_file *) refresh->files.items[i])->object;

        if (object->flight && !is_parked(refresh->host, object->flight))
            return true;
    }
    return false;
}

/* Is it time to switch? host->lock held. */
static bool
may_switch_locked(struct refresh *refresh, uint64_t now)
{
    if (has_flight(refresh))
        return false;
    if (refresh->import && !refresh_import_replaces_locked(refresh))
        return true; /* nobody can be loading what is not there */
    if (is_quiet(refresh, now))
        return true;
    if (!refresh->held_at_ms && now >= refresh->staged_at_ms + refresh->host->settle_max_ms) {
        refresh->held_at_ms = now;
        hold_manifests_locked(refresh);
    }
    return refresh->held_at_ms && now >= refresh->held_at_ms + refresh->host->settle_ms;
}

void
refresh_tick(struct mh_host *host)
{
    uint64_t now = clock_mono_ms();

    (void) pthread_mutex_lock(&host->lock);
    for (struct refresh *refresh = host->refreshes; refresh; refresh = refresh->next) {
        if (!refresh->is_staged || refresh->is_switching || host->is_stopping ||
            !may_switch_locked(refresh, now))
            continue;
        refresh->is_switching = true;
        work_submit(host->work, &refresh->work);
    }
    (void) pthread_mutex_unlock(&host->lock);
}

void
refresh_free_all(struct mh_host *host)
{
    while (host->refreshes)
        refresh_free_locked(host->refreshes);
}
