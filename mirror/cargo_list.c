/* SPDX-License-Identifier: Apache-2.0 */
/* What of a cache goes into an archive.
 *
 * Whole models only: one that lacks a file, or whose lengths do not add up, is refused by name,
 * since whoever unpacks it far from any network could not mend it. The cargo is copied out of the
 * index under host->lock; the files are its caller's to open, who compares length and time, since a
 * switch may come in between. Any thread. */
#include "manage_internal.h"

#include "buf.h"
#include "fault.h"
#include "mem.h"
#include "model.h"
#include "name.h"

#include <modelhost/cargo.h>

#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 3

static enum mh_code
say_missing(const struct object *object, size_t missing, size_t files, const struct buf *names,
            struct mh_fault *f)
{
    return fail(f, MH_NOT_FOUND, 0,
                "'%s' is incomplete: %zu of its %zu files %s missing (%s%s); `modelhost pull` "
                "fetches what is missing",
                object->label, missing, files, missing == 1 ? "is" : "are", buf_text(names),
                missing > NAMED_MAX ? " ..." : "");
}

static enum mh_code
check_whole_locked(const struct object *object, struct mh_fault *f)
{
    scoped(buf_done) struct buf names = BUF_INIT(300);
    const struct model *model = object->model;
    size_t missing = 0;

    for (size_t i = 0; i <= (model ? model->part_count : 0); i++) {
        const struct object *file = i == 0 ? object : model->parts[i - 1].object;

        if (version_of(file))
            continue;
        if (missing++ < NAMED_MAX)
            buf_printf(&names, "%s'%s'", missing > 1 ? ", " : "", file->label);
    }
    if (missing > 0)
        return say_missing(object, missing, 1 + (model ? model->part_count : 0), &names, f);
    return model ? model_check_sums_locked(object->model, f) : MH_OK;
}

static bool
copy_text(char **ret, const char *text)
{
    *ret = str_dup(text);
    return !text || *ret;
}

static bool
is_text(const char *name)
{
    scoped(buf_done) struct buf text = BUF_INIT(16384);

    name_to_text(name, &text);
    return buf_is_ok(&text) && strcmp(buf_text(&text), name) == 0;
}

static enum mh_code
fill_file(const struct object *object, struct mh_cargo_file *file, struct mh_fault *f)
{
    const struct version *version = version_of(object);
    const struct meta *meta = &version->meta;

    if (!is_text(version->place) || !is_text(meta->target))
        return fail(f, MH_UNSUPPORTED, 0, "the name of '%s' is no UTF-8; it cannot be carried",
                    object->label);
    file->path = str_printf("%s/%s", object->mirror->name, version->place);
    file->bytes = meta->bytes;
    file->mtime_ns = meta->mtime_ns;
    memcpy(file->sha256, meta->sha256, sizeof(file->sha256));
    return file->path && copy_text(&file->target, meta->target) &&
                   copy_text(&file->url, meta->url) &&
                   copy_text(&file->content_type, meta->content_type) &&
                   copy_text(&file->etag, meta->etag) &&
                   copy_text(&file->last_modified, meta->last_modified) &&
                   copy_text(&file->generation, meta->generation) &&
                   copy_text(&file->cache_control, meta->cache_control)
               ? MH_OK
               : manage_no_memory(f);
}

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct mh_cargo_file *) a)->path,
                  ((const struct mh_cargo_file *) b)->path);
}

static enum mh_code
fill_locked(const struct map *files, struct mh_cargo *cargo, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    cargo->files = mem_calloc(map_count(files) + 1, sizeof(*cargo->files));
    if (!cargo->files)
        return manage_no_memory(f);
    for (struct map_entry *e = map_first(files); code == MH_OK && e; e = map_next(e)) {
        struct mh_cargo_file *file = &cargo->files[cargo->count++];

        code = fill_file(map_value(e), file, f);
        cargo->bytes += file->bytes;
    }
    if (code == MH_OK)
        qsort(cargo->files, cargo->count, sizeof(*cargo->files), compare_paths);
    return code;
}

static enum mh_code
list_locked(struct mh_host *host, const char *const *paths, size_t n, struct map *models,
            struct map *files, struct mh_cargo *cargo, struct mh_fault *f)
{
    enum mh_code code = manage_find_named_locked(host, paths, n, models, f);

    for (struct map_entry *e = map_first(models); code == MH_OK && e; e = map_next(e)) {
        code = check_whole_locked(map_value(e), f);
        if (code == MH_OK)
            code = manage_add_files_locked(files, map_value(e), NULL, f);
    }
    return code == MH_OK ? fill_locked(files, cargo, f) : code;
}

enum mh_code
mh_cargo_list(struct mh_host *host, const char *const *paths, size_t n, struct mh_cargo *ret,
              struct mh_fault *fault)
{
    struct map *models = map_new();
    struct map *files = map_new();
    struct mh_cargo cargo = {0};
    enum mh_code code = models && files ? MH_OK : manage_no_memory(fault);

    if (code == MH_OK)
        code = mh_host_wait_scanned(host, fault);
    (void) pthread_mutex_lock(&host->lock);
    if (code == MH_OK)
        code = list_locked(host, paths, n, models, files, &cargo, fault);
    (void) pthread_mutex_unlock(&host->lock);
    manage_set_free(host, models);
    manage_set_free(host, files);
    if (code == MH_OK)
        *ret = cargo;
    else
        mh_cargo_done(&cargo);
    return code;
}
