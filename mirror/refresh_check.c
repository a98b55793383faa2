/* SPDX-License-Identifier: Apache-2.0 */
/* May the new set of a refresh be switched to? What is looked at when all of it has been answered.
 *
 * The sums of every manifest in it must hold with the lengths that its parts will have, and there
 * must have been a moment at which the upstream had all of it. What no manifest names any more,
 * goes with the switch. Nothing is fetched or written here: what fails becomes the refresh's
 * failure. All of it is under host->lock. */
#include "refresh_internal.h"

#include "fault.h"
#include "manifest.h"
#include "mem.h"
#include "moment.h"

#include <inttypes.h>
#include <string.h>

bool
refresh_has_changes_locked(const struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        const struct refresh_file *file = refresh->files.items[i];

        if (file->outcome != OUTCOME_SAME)
            return true;
    }
    return false;
}

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

void
refresh_check_set_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count && refresh->code == MH_OK; i++) {
        const struct refresh_file *file = refresh->files.items[i];
        struct mh_fault fault = {0};

        if (file->outcome == OUTCOME_GONE || !file->meta.format)
            continue;
        enum mh_code code = check_manifest(refresh, file, &fault);

        if (code != MH_OK)
            refresh_fail_locked(refresh, code, &fault);
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
void
refresh_check_moment_locked(struct refresh *refresh)
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
    refresh_fail_locked(
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
void
refresh_drop_orphans_locked(struct refresh *refresh)
{
    for (size_t i = 0; i < refresh->files.count; i++) {
        struct refresh_file *file = refresh->files.items[i];

        if (file->object->named_by.count > 0 && !file->meta.format &&
            !is_named(refresh, file->object))
            file->outcome = OUTCOME_GONE;
    }
}
