/* SPDX-License-Identifier: Apache-2.0 */
/* Which documents are manifests, and by which format they are read.
 *
 * One table of formats; the first that claims a document, by what it holds or by its name, reads
 * it. A name that a format claims is a promise: "model.json" is what TF.js loads, so a body under
 * that name that is no manifest is an error here, before a browser sees it, and not a plain object.
 *
 * The scanner is told the members of all formats, because what a document is shows only once it has
 * been scanned. Nothing here sees the whole text.
 *
 * Pure; any thread. It refuses to judge the paths that a manifest names: name_join() does. */
#include "manifest.h"

#include "fault.h"
#include "mem.h"

#include <pthread.h>
#include <string.h>

#define MAX_MEMBERS 16

static const struct manifest_format *const formats[] = {&manifest_format_tfjs};

/* What the scanner keeps: the members of all formats, without repetition. The scanner borrows the
 * array, so it is made once and stays. */
static const char *all_members[MAX_MEMBERS];
static size_t all_member_count;
static pthread_once_t all_members_once = PTHREAD_ONCE_INIT;

static bool
is_gathered(const char *member)
{
    for (size_t i = 0; i < all_member_count; i++) {
        if (strcmp(all_members[i], member) == 0)
            return true;
    }
    return false;
}

static void
gather_members(void)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        for (const char *const *member = formats[i]->members; *member; member++) {
            if (!is_gathered(*member) && all_member_count < MAX_MEMBERS)
                all_members[all_member_count++] = *member;
        }
    }
}

struct json_scan *
manifest_scan_new(void)
{
    (void) pthread_once(&all_members_once, gather_members);
    return json_scan_new(all_members, all_member_count, MANIFEST_MAX_CAPTURE, false);
}

enum mh_code
manifest_read(const char *path, const struct json_scan *scan, struct manifest *ret_manifest,
              bool *ret_is, struct mh_fault *fault)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (!formats[i]->claims_document(scan) && !formats[i]->claims_path(path))
            continue;
        enum mh_code code = formats[i]->read(scan, ret_manifest, fault);

        if (code == MH_OK)
            *ret_is = true;
        else
            fault_prepend(fault, "'%s'", path);
        return code;
    }
    *ret_is = false;
    return MH_OK;
}

void
manifest_done(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->part_count; i++)
        mem_free(manifest->parts[i].path);
    mem_free(manifest->parts);
    mem_free(manifest->groups);
    *manifest = (struct manifest){.format = NULL};
}

bool
manifest_path_must_be(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (formats[i]->claims_path(path))
            return true;
    }
    return false;
}
