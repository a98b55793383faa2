/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow.js' model.json: which shards it names, and how many bytes they must have together.
 *
 * TF.js concatenates the shards of a group, and the groups, in the manifest's order, and cuts the
 * weights out of that, back to back, without padding: each takes the product of its shape times the
 * size of its dtype, or of its quantization's. So the lengths of a group's shards add up to a
 * number that stands in the manifest, and a group that is short or long shifts every weight after
 * it, mostly without an error in the browser. Those sums are what this file is for. Only strings
 * carry their length in the shard itself; a group that has one is of unknown size.
 *
 * Whatever makes TF.js itself throw (an unknown dtype, a shape that is no list of counts, uint8
 * without min and scale) is refused here with the member's name, and so is what it would get
 * silently wrong: a group that names a shard twice.
 *
 * Pure; any thread. It refuses documents without weights, unless they have a modelTopology. */
#include "fault.h"
#include "manifest.h"
#include "map.h"
#include "mem.h"
#include "name.h"

#include <fnmatch.h>
#include <string.h>

/* What JSON numbers, and the metadata that is made of these sums, hold exactly: just under 8 PiB.
 */
#define MAX_WEIGHT_BYTES ((UINT64_C(1) << 53) - 1)

struct dtype {
    const char *name;
    unsigned bytes; /* 0: it depends on the values */
};

static const struct dtype plain_dtypes[] = {
    {"float32", 4}, {"int32", 4}, {"bool", 1}, {"complex64", 8}, {"string", 0},
};

static const struct dtype quantized_dtypes[] = {{"uint8", 1}, {"uint16", 2}, {"float16", 2}};

static const struct dtype *
find_dtype(const struct dtype *table, size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

/* Where in the document we are, for sentences. */
struct place {
    size_t group;
    size_t weight;
    const char *weight_name; /* or NULL */
};

PRINTF_LIKE(3, 4)
static enum mh_code
refuse_weight(const struct place *place, struct mh_fault *fault, const char *format, ...)
{
    scoped(buf_done) struct buf text = BUF_INIT(400);
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    return fail(fault, MH_BAD_INPUT, 0, "weightsManifest[%zu].weights[%zu]%s%.100s%s %s",
                place->group, place->weight, place->weight_name ? " ('" : "",
                place->weight_name ? place->weight_name : "", place->weight_name ? "')" : "",
                buf_is_ok(&text) ? buf_text(&text) : "is wrong");
}

/* --- one weight --- */

/* The dtype that the bytes in the shard have. */
static enum mh_code
read_stored_dtype(const struct json *weight, const struct place *place,
                  const struct dtype **ret_stored, struct mh_fault *fault)
{
    const struct json *quantization = json_get(weight, "quantization");
    const char *name = json_string(json_get(weight, "dtype"));
    const struct dtype *dtype = find_dtype(plain_dtypes, COUNT_OF(plain_dtypes), name);

    if (!name)
        return refuse_weight(place, fault, "has no dtype");
    if (!dtype)
        return refuse_weight(place, fault,
                             "has the dtype '%.60s', which TensorFlow.js does not know", name);
    if (!quantization) {
        *ret_stored = dtype;
        return MH_OK;
    }
    const char *stored_name = json_string(json_get(quantization, "dtype"));
    const struct dtype *stored =
        find_dtype(quantized_dtypes, COUNT_OF(quantized_dtypes), stored_name);
    bool is_half = stored && strcmp(stored->name, "float16") == 0;

    if (!stored)
        return refuse_weight(
            place, fault, "has the quantization dtype '%.60s', which TensorFlow.js does not know",
            stored_name ? stored_name : "");
    if (strcmp(name, "float32") != 0 && (is_half || strcmp(name, "int32") != 0))
        return refuse_weight(place, fault, "is of dtype %s, which cannot be quantized to %s", name,
                             stored_name);
    if (!is_half && (json_kind_of(json_get(quantization, "min")) != JSON_NUMBER ||
                     json_kind_of(json_get(quantization, "scale")) != JSON_NUMBER))
        return refuse_weight(place, fault, "is quantized to %s without numbers for min and scale",
                             stored_name);
    *ret_stored = stored;
    return MH_OK;
}

static enum mh_code
read_element_count(const struct json *weight, const struct place *place, uint64_t *ret_count,
                   struct mh_fault *fault)
{
    const struct json *shape = json_get(weight, "shape");
    uint64_t count = 1;
    bool has_zero = false;
    bool is_too_large = false;
    size_t index = 0;

    if (json_kind_of(shape) != JSON_ARRAY)
        return refuse_weight(place, fault, "has no shape");
    for (const struct json *entry = json_first(shape); entry; entry = json_next(entry), index++) {
        uint64_t size = 0;

        if (!json_uint(entry, &size))
            return refuse_weight(place, fault,
                                 "has a shape whose entry %zu is not a whole number "
                                 "of 0 or more",
                                 index);
        has_zero = has_zero || size == 0;
        is_too_large = is_too_large || __builtin_mul_overflow(count, size ? size : 1, &count);
    }
    /* One empty dimension makes the tensor empty, however large the others are. */
    if (is_too_large && !has_zero)
        return refuse_weight(place, fault, "has a shape of more elements than can be counted");
    *ret_count = has_zero ? 0 : count;
    return MH_OK;
}

/* Add a weight's bytes to its group's. */
static enum mh_code
add_weight(const struct json *weight, const struct place *place, uint64_t *bytes,
           struct mh_fault *fault)
{
    const struct dtype *stored = NULL;
    uint64_t count = 0;
    uint64_t size = 0;

    if (json_kind_of(weight) != JSON_OBJECT)
        return refuse_weight(place, fault, "is not an object");
    enum mh_code code = read_stored_dtype(weight, place, &stored, fault);

    if (code == MH_OK)
        code = read_element_count(weight, place, &count, fault);
    if (code != MH_OK)
        return code;
    if (stored->bytes == 0 || *bytes == MANIFEST_BYTES_UNKNOWN) {
        *bytes = MANIFEST_BYTES_UNKNOWN;
        return MH_OK;
    }
    if (__builtin_mul_overflow(count, stored->bytes, &size) || size > MAX_WEIGHT_BYTES - *bytes)
        return refuse_weight(place, fault, "makes its group larger than 8 PiB");
    *bytes += size;
    return MH_OK;
}

static enum mh_code
add_weights(const struct json *weights, size_t group_index, uint64_t *ret_bytes,
            struct mh_fault *fault)
{
    struct place place = {.group = group_index};
    uint64_t bytes = 0;

    if (json_kind_of(weights) != JSON_ARRAY)
        return fail(fault, MH_BAD_INPUT, 0, "weightsManifest[%zu] has no list of weights",
                    group_index);
    for (const struct json *w = json_first(weights); w; w = json_next(w), place.weight++) {
        place.weight_name = json_string(json_get(w, "name"));
        enum mh_code code = add_weight(w, &place, &bytes, fault);

        if (code != MH_OK)
            return code;
    }
    *ret_bytes = bytes;
    return MH_OK;
}

/* --- one group's paths --- */

/* Two spellings of one file are one file. */
static const char *
normal_path(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

static enum mh_code
add_part(struct manifest *manifest, size_t group_index, const char *path, struct map *seen,
         struct mh_fault *fault)
{
    struct manifest_part *part = &manifest->parts[manifest->part_count];

    if (map_get(seen, normal_path(path)))
        return fail(fault, MH_BAD_INPUT, 0,
                    "weightsManifest[%zu].paths names '%.200s' twice, so its weights would be read "
                    "from the wrong bytes",
                    group_index, path);
    part->path = str_dup(path);
    if (!part->path)
        return fail(fault, MH_NOMEM, 0, "out of memory for a manifest");
    part->group = (uint32_t) group_index;
    part->bytes = MANIFEST_BYTES_UNKNOWN;
    manifest->part_count++;
    manifest->groups[group_index].parts++;
    return map_set(seen, normal_path(path), part)
               ? MH_OK
               : fail(fault, MH_NOMEM, 0, "out of memory for a manifest");
}

static void
map_freep(struct map **map)
{
    map_free(*map);
}

static enum mh_code
add_parts(struct manifest *manifest, size_t group_index, const struct json *paths,
          struct mh_fault *fault)
{
    scoped(map_freep) struct map *seen = map_new();
    size_t count = json_count(paths);
    size_t index = 0;

    if (json_kind_of(paths) != JSON_ARRAY)
        return fail(fault, MH_BAD_INPUT, 0, "weightsManifest[%zu] has no list of paths",
                    group_index);
    if (count > MANIFEST_MAX_PARTS - manifest->part_count)
        return fail(fault, MH_TOO_LARGE, 0, "weightsManifest names more than %d shards",
                    MANIFEST_MAX_PARTS);
    if (count == 0)
        return MH_OK;
    struct manifest_part *parts =
        mem_resize(manifest->parts, manifest->part_count + count, sizeof(*parts));

    if (!parts || !seen)
        return fail(fault, MH_NOMEM, 0, "out of memory for a manifest");
    memset(parts + manifest->part_count, 0, count * sizeof(*parts));
    manifest->parts = parts;
    for (const struct json *p = json_first(paths); p; p = json_next(p), index++) {
        const char *path = json_string(p);

        if (!path || !*path)
            return fail(fault, MH_BAD_INPUT, 0,
                        "weightsManifest[%zu].paths[%zu] is not the name of a file", group_index,
                        index);
        enum mh_code code = add_part(manifest, group_index, path, seen, fault);

        if (code != MH_OK)
            return code;
    }
    return MH_OK;
}

/* --- the whole --- */

static enum mh_code
read_group(struct manifest *manifest, size_t index, const struct json *group,
           struct mh_fault *fault)
{
    struct manifest_group *out = &manifest->groups[index];

    if (json_kind_of(group) != JSON_OBJECT)
        return fail(fault, MH_BAD_INPUT, 0, "weightsManifest[%zu] is not an object", index);
    enum mh_code code = add_parts(manifest, index, json_get(group, "paths"), fault);

    if (code == MH_OK)
        code = add_weights(json_get(group, "weights"), index, &out->bytes, fault);
    if (code != MH_OK)
        return code;
    if (out->parts == 0 && out->bytes != 0)
        return fail(fault, MH_BAD_INPUT, 0,
                    "weightsManifest[%zu] has weights but names no shard that holds them", index);
    /* A single shard's length is the group's. */
    if (out->parts == 1)
        manifest->parts[manifest->part_count - 1].bytes = out->bytes;
    return MH_OK;
}

static enum mh_code
read_groups(struct manifest *manifest, const struct json *groups, struct mh_fault *fault)
{
    size_t count = json_count(groups);

    if (json_kind_of(groups) != JSON_ARRAY)
        return fail(fault, MH_BAD_INPUT, 0, "weightsManifest is not a list of groups");
    if (count > MANIFEST_MAX_PARTS)
        return fail(fault, MH_TOO_LARGE, 0, "weightsManifest has more than %d groups",
                    MANIFEST_MAX_PARTS);
    manifest->groups = mem_calloc(count ? count : 1, sizeof(*manifest->groups));
    if (!manifest->groups)
        return fail(fault, MH_NOMEM, 0, "out of memory for a manifest");
    for (const struct json *g = json_first(groups); g; g = json_next(g)) {
        enum mh_code code = read_group(manifest, manifest->group_count++, g, fault);

        if (code != MH_OK)
            return code;
    }
    return MH_OK;
}

static bool
claims_path(const char *path)
{
    scoped(mem_freep) char *copy = str_dup_n(path, name_path_length(path));

    /* Without memory the safe side is to hold the document to more. */
    if (!copy)
        return true;
    const char *slash = strrchr(copy, '/');
    const char *base = slash ? slash + 1 : copy;

    return strcmp(base, "model.json") == 0 || fnmatch("model-stride*.json", base, 0) == 0;
}

static bool
claims_document(const struct json_scan *scan)
{
    return json_scan_kind(scan) == JSON_OBJECT &&
           json_scan_member(scan, "weightsManifest", NULL, NULL) != JSON_NONE;
}

/* TF.js' own sentence, for those who search for it. */
static enum mh_code
read_without_weights(const struct json_scan *scan, struct mh_fault *fault)
{
    if (json_scan_kind(scan) != JSON_OBJECT)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the document is JSON, but not an object, so it is not a TensorFlow.js model");
    if (json_scan_member(scan, "modelTopology", NULL, NULL) == JSON_OBJECT)
        return MH_OK;
    return fail(
        fault, MH_BAD_INPUT, 0,
        "the document contains neither model topology or manifest for weights, so it is not a "
        "TensorFlow.js model; check the upstream's path");
}

static enum mh_code
read_tfjs(const struct json_scan *scan, struct manifest *ret, struct mh_fault *fault)
{
    struct manifest manifest = {.format = &manifest_format_tfjs};
    scoped(json_freep) struct json *tree = NULL;
    const char *text = NULL;
    size_t n = 0;
    enum mh_code code = MH_OK;

    if (claims_document(scan)) {
        (void) json_scan_member(scan, "weightsManifest", &text, &n);
        if (n > MANIFEST_MAX_TREE)
            return fail(fault, MH_TOO_LARGE, 0, "weightsManifest is longer than %u MiB",
                        MANIFEST_MAX_TREE >> 20);
        code = json_parse(text, n, &tree, fault);
        if (code == MH_OK)
            code = read_groups(&manifest, tree, fault);
    } else {
        code = read_without_weights(scan, fault);
    }
    if (code == MH_OK)
        *ret = manifest;
    else
        manifest_done(&manifest);
    return code;
}

static const char *const members[] = {"weightsManifest", "?modelTopology", NULL};

const struct manifest_format manifest_format_tfjs = {
    .name = "tfjs",
    .claims_path = claims_path,
    .members = members,
    .claims_document = claims_document,
    .read = read_tfjs,
};
