/* SPDX-License-Identifier: Apache-2.0 */
/* Reading documents: is it a manifest, and what does it name?
 *
 * Whatever comes into the cache passes here, over the network or in an archive, so that both are
 * held to the same rules. A part is kept as the name and the target that TF.js would ask for; an
 * entry that leads out of the mirror refuses the whole document. A function of its inputs; any
 * thread. */
#include "document.h"

#include "fault.h"
#include "manifest.h"
#include "mem.h"
#include "name.h"

#include <string.h>

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "out of memory for a manifest");
}

static enum mh_code
read_part(const struct manifest_part *part, const char *target, const char *const *query_ignore,
          struct meta_part *ret, struct mh_fault *f)
{
    scoped(buf_done) struct buf joined = BUF_INIT(16384);
    scoped(buf_done) struct buf name = BUF_INIT(16384);
    enum mh_code code = name_join(target, part->path, &joined, f);

    if (code == MH_OK)
        code = name_from_target(buf_text(&joined), query_ignore, &name, f);
    if (code != MH_OK)
        return code;
    ret->group = part->group;
    ret->target = buf_take(&joined);
    ret->name = buf_take(&name);
    return ret->target && ret->name ? MH_OK : no_memory(f);
}

static enum mh_code
fill(struct meta *meta, const struct manifest *manifest, const char *target,
     const char *const *query_ignore, struct mh_fault *f)
{
    meta->format = str_dup(manifest->format->name);
    meta->parts = mem_calloc(manifest->part_count + 1, sizeof(struct meta_part));
    meta->group_bytes = mem_calloc(manifest->group_count + 1, sizeof(uint64_t));
    if (!meta->format || !meta->parts || !meta->group_bytes)
        return no_memory(f);
    for (size_t i = 0; i < manifest->group_count; i++)
        meta->group_bytes[meta->group_count++] = manifest->groups[i].bytes;
    for (size_t i = 0; i < manifest->part_count; i++) {
        /* Counted first: what a failure leaves is freed with the rest. */
        enum mh_code code = read_part(&manifest->parts[i], target, query_ignore,
                                      &meta->parts[meta->part_count++], f);

        if (code != MH_OK)
            return code;
    }
    return MH_OK;
}

enum mh_code
document_read(struct json_scan *scan, const char *target, const char *const *query_ignore,
              struct meta *ret, struct mh_fault *f)
{
    struct manifest manifest = {0};
    bool is_manifest = false;
    scoped(mem_freep) char *path = str_dup_n(target, strcspn(target, "?#"));
    enum mh_code code = path ? json_scan_end(scan, f) : no_memory(f);

    if (code == MH_OK)
        code = manifest_read(path, scan, &manifest, &is_manifest, f);
    if (code == MH_OK && is_manifest)
        code = fill(ret, &manifest, target, query_ignore, f);
    manifest_done(&manifest);
    return code;
}
