/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c and format_tfjs.c: the input as a document, in two pieces, under a name that must be a
 * manifest and under one that need not. */
#include "manifest.h"

#include "fuzz.h"

static void
check_manifest(const struct manifest *manifest)
{
    size_t parts = 0;

    fuzz_check(manifest->format != NULL && manifest->part_count <= MANIFEST_MAX_PARTS);
    for (size_t i = 0; i < manifest->group_count; i++) {
        parts += manifest->groups[i].parts;
        fuzz_check(manifest->groups[i].parts > 0 || manifest->groups[i].bytes == 0);
    }
    fuzz_check(parts == manifest->part_count);
    for (size_t i = 0; i < manifest->part_count; i++) {
        const struct manifest_part *part = &manifest->parts[i];

        fuzz_check(part->path && *part->path && part->group < manifest->group_count);
        fuzz_check(i == 0 || part->group >= manifest->parts[i - 1].group);
    }
}

static void
check_read(const char *path, const struct json_scan *scan)
{
    struct manifest manifest = {0};
    struct mh_fault fault = {0};
    bool is = false;
    enum mh_code code = manifest_read(path, scan, &manifest, &is, &fault);

    fuzz_check(code == MH_OK || (fault.sentence[0] && !is && !manifest.format));
    fuzz_check(code != MH_OK || is || !manifest_path_must_be(path));
    if (code == MH_OK && is)
        check_manifest(&manifest);
    manifest_done(&manifest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct json_scan *scan = manifest_scan_new();

    if (scan && json_scan_feed(scan, bytes, n / 2, NULL) == MH_OK &&
        json_scan_feed(scan, bytes + n / 2, n - n / 2, NULL) == MH_OK &&
        json_scan_end(scan, NULL) == MH_OK) {
        check_read("a/model.json", scan);
        check_read("a/vocab.json", scan);
    }
    json_scan_free(scan);
    return 0;
}
