/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest says: which parts, in which groups, with how many bytes. Pure.
 *
 * A format is one file behind `struct manifest_format`. The rest of the mirror never says "TF.js".
 */
#ifndef MIRROR_MANIFEST_H
#define MIRROR_MANIFEST_H

#include "attrs.h"
#include "json.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_BYTES_UNKNOWN UINT64_MAX
#define MANIFEST_MAX_PARTS     10000
/* Of all members whose text is kept, together. */
#define MANIFEST_MAX_CAPTURE (24u << 20)
/* Of the member that is read as a tree, which takes several times its text. */
#define MANIFEST_MAX_TREE (16u << 20)

struct manifest_part {
    char *path;      /* as the manifest says it, checked by name_join()'s rules when joined */
    uint32_t group;  /* index into groups */
    uint64_t bytes;  /* what the manifest says of this part alone, or MANIFEST_BYTES_UNKNOWN */
    char sha256[65]; /* lower-case hex, or "" */
};

/* Parts whose sizes are known together: a TF.js weight group. */
struct manifest_group {
    uint64_t bytes; /* sum of the parts' lengths, or MANIFEST_BYTES_UNKNOWN (string tensors) */
    uint32_t parts; /* how many distinct paths it has */
};

struct manifest {
    const struct manifest_format *format;
    struct manifest_part *parts; /* in the manifest's order; a path that is named twice is listed
                                    once per group */
    size_t part_count;
    struct manifest_group *groups;
    size_t group_count;
};

struct manifest_format {
    const char *name; /* "tfjs" */
    /* Must a file of this name be of this format? path: name or URL path without query. */
    bool (*claims_path)(const char *path);
    /* Top-level members it wants to see, NULL-terminated, as json_scan_new() takes them. */
    const char *const *members;
    /* Is this scanned document of this format? */
    bool (*claims_document)(const struct json_scan *scan);
    /* Read it. OK, BAD_INPUT (what is wrong, by member: "weightsManifest[0].weights[3].shape"),
     * TOO_LARGE or NOMEM. *ret is untouched on failure; ended by manifest_done(). */
    enum mh_code (*read)(const struct json_scan *scan, struct manifest *ret,
                         struct mh_fault *fault);
};

/* A scanner that keeps what every known format wants. NULL when memory runs out. */
struct json_scan *manifest_scan_new(void);

/* Decide on a scanned document.
 *
 * path          the object's name, for the formats that claim by it
 * ret_manifest  filled if it is one, ended by manifest_done()
 * ret_is        whether it is one; false: a plain JSON object
 *
 * Returns OK; BAD_INPUT (a path that must be a manifest is none, or it is one and is broken);
 * NOMEM. */
MUST_USE enum mh_code manifest_read(const char *path, const struct json_scan *scan,
                                    struct manifest *ret_manifest, bool *ret_is,
                                    struct mh_fault *fault);
void manifest_done(struct manifest *manifest); /* a zeroed one is accepted */

/* Must this path be a manifest? ("model.json", "model-stride*.json") */
bool manifest_path_must_be(const char *path);

extern const struct manifest_format manifest_format_tfjs;

#endif
