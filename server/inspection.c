/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a manifest says of its model.
 *
 * Tensors are counted by dtype and by quantization, their bytes added up as TensorFlow.js cuts them
 * out of the shards: shape times the size of the dtype, or of the quantization's. Two shapes of
 * document are read: an object with weightsManifest (TensorFlow.js), and a bare array of groups
 * (face-api.js). It judges no paths and opens nothing; a document that TensorFlow.js would refuse
 * is refused with the member's name. Pure; any thread.
 */
#include "inspection.h"

#include "fault.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

#define SHARDS_MAX 10000

struct dtype {
    const char *name;
    unsigned bytes; /* 0: in the shard itself */
};

static const struct dtype dtypes[] = {{"float32", 4}, {"int32", 4}, {"bool", 1},   {"complex64", 8},
                                      {"string", 0},  {"uint8", 1}, {"uint16", 2}, {"float16", 2}};

static const struct dtype *
find_dtype(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT_OF(dtypes); i++) {
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    }
    return NULL;
}

static void
count_kind(struct inspection_kinds *kinds, const char *name)
{
    size_t i = 0;

    while (i < kinds->count && strcmp(kinds->items[i].name, name) != 0)
        i++;
    if (i == INSPECTION_KINDS)
        return; /* there are fewer names than that */
    if (i == kinds->count) {
        (void) snprintf(kinds->items[i].name, INSPECTION_TEXT, "%s", name); /* names are ours */
        kinds->count++;
    }
    kinds->items[i].count++;
}

static bool
add_saturated(uint64_t *sum, uint64_t more)
{
    return !__builtin_add_overflow(*sum, more, sum);
}

/* --- weights --- */

static enum mh_code
read_size(const struct json *weight, uint64_t *ret_count)
{
    uint64_t count = 1, size = 0;

    if (json_kind_of(json_get(weight, "shape")) != JSON_ARRAY)
        return MH_BAD_INPUT;
    for (const struct json *entry = json_first(json_get(weight, "shape")); entry != NULL;
         entry = json_next(entry)) {
        if (!json_uint(entry, &size) || __builtin_mul_overflow(count, size, &count))
            return MH_BAD_INPUT;
    }
    *ret_count = count;
    return MH_OK;
}

static enum mh_code
read_weight(const struct json *weight, struct inspection *inspection,
            struct inspection_group *group, struct mh_fault *fault)
{
    const struct json *quantization = json_get(weight, "quantization");
    const struct dtype *dtype = find_dtype(json_string(json_get(weight, "dtype")));
    const struct dtype *stored =
        quantization != NULL ? find_dtype(json_string(json_get(quantization, "dtype"))) : dtype;
    const char *name = json_string(json_get(weight, "name"));
    uint64_t count = 0, bytes = 0;

    if (dtype == NULL || stored == NULL)
        return fail(fault, MH_BAD_INPUT, 0,
                    "the tensor '%s' has a dtype that TensorFlow.js does not know",
                    name != NULL ? name : "");
    if (read_size(weight, &count) != MH_OK || __builtin_mul_overflow(count, stored->bytes, &bytes))
        return fail(fault, MH_BAD_INPUT, 0, "the tensor '%s' has no shape that can be counted",
                    name != NULL ? name : "");
    inspection->tensors++;
    count_kind(&inspection->dtypes, dtype->name);
    count_kind(&inspection->quantizations, quantization != NULL ? stored->name : "none");
    if (stored->bytes == 0 || group->bytes == INSPECTION_BYTES_UNKNOWN)
        group->bytes = INSPECTION_BYTES_UNKNOWN;
    else if (!add_saturated(&group->bytes, bytes))
        return fail(fault, MH_BAD_INPUT, 0, "the tensors have more bytes than can be counted");
    if (!add_saturated(&inspection->parameters, count))
        return fail(fault, MH_BAD_INPUT, 0, "the tensors have more elements than can be counted");
    return MH_OK;
}

static enum mh_code
add_shard(const struct json *path, struct inspection *inspection, struct mh_fault *fault)
{
    struct inspection_shard *shard = mem_new(struct inspection_shard);

    if (shard == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    if (!list_add(&inspection->shards, shard)) {
        mem_free(shard);
        return fail(fault, MH_TOO_LARGE, 0, "the manifest names more than %d shards", SHARDS_MAX);
    }
    shard->group = inspection->groups.count - 1;
    shard->path = str_dup(json_string(path));
    if (shard->path == NULL)
        return fail(fault, MH_BAD_INPUT, 0, "a path in weightsManifest is no text");
    return MH_OK;
}

static enum mh_code
read_group(const struct json *from, struct inspection *inspection, struct mh_fault *fault)
{
    struct inspection_group *group = mem_new(struct inspection_group);
    enum mh_code code = MH_OK;

    if (group == NULL || !list_add(&inspection->groups, group)) {
        mem_free(group);
        return fail(fault, MH_NOMEM, 0, "memory ran out, or there are too many groups");
    }
    if (json_kind_of(json_get(from, "paths")) != JSON_ARRAY ||
        json_kind_of(json_get(from, "weights")) != JSON_ARRAY)
        return fail(fault, MH_BAD_INPUT, 0, "a group of the manifest has no paths or no weights");
    group->shards = json_count(json_get(from, "paths"));
    for (const struct json *path = json_first(json_get(from, "paths"));
         code == MH_OK && path != NULL; path = json_next(path))
        code = add_shard(path, inspection, fault);
    for (const struct json *weight = json_first(json_get(from, "weights"));
         code == MH_OK && weight != NULL; weight = json_next(weight))
        code = read_weight(weight, inspection, group, fault);
    if (group->bytes == INSPECTION_BYTES_UNKNOWN || inspection->bytes == INSPECTION_BYTES_UNKNOWN)
        inspection->bytes = INSPECTION_BYTES_UNKNOWN;
    else if (!add_saturated(&inspection->bytes, group->bytes))
        code = fail(fault, MH_BAD_INPUT, 0, "the groups have more bytes than can be counted");
    return code;
}

/* --- the document --- */

static void
copy_text(char to[INSPECTION_TEXT], const struct json *text, const char *otherwise)
{
    const char *from = json_string(text);

    /* A cut name is still a name. */
    if (snprintf(to, INSPECTION_TEXT, "%s", from != NULL ? from : otherwise) < 0)
        to[0] = '\0';
}

static enum mh_code
read_document(const struct json *document, struct inspection *inspection, struct mh_fault *fault)
{
    const bool is_bare = json_kind_of(document) == JSON_ARRAY;
    const struct json *groups = is_bare ? document : json_get(document, "weightsManifest");
    enum mh_code code = MH_OK;

    if (json_kind_of(groups) != JSON_ARRAY)
        return fail(fault, MH_BAD_INPUT, 0,
                    "it is JSON, but no manifest: it has no weightsManifest; name the model.json");
    copy_text(inspection->format, json_get(document, "format"),
              is_bare ? "weights manifest" : "TensorFlow.js model without a format");
    copy_text(inspection->generated_by, json_get(document, "generatedBy"), "");
    copy_text(inspection->converted_by, json_get(document, "convertedBy"), "");
    for (const struct json *group = json_first(groups); code == MH_OK && group != NULL;
         group = json_next(group))
        code = read_group(group, inspection, fault);
    return code == MH_OK ? inspection_read_graph(document, inspection, fault) : code;
}

enum mh_code
inspection_read(const char *text, size_t n, struct inspection *ret, struct mh_fault *fault)
{
    struct inspection inspection = {.inputs = LIST_INIT(SHARDS_MAX),
                                    .outputs = LIST_INIT(SHARDS_MAX),
                                    .shards = LIST_INIT(SHARDS_MAX),
                                    .groups = LIST_INIT(SHARDS_MAX)};
    scoped(json_freep) struct json *document = NULL;
    enum mh_code code = json_parse(text, n, &document, fault);

    if (code == MH_OK)
        code = read_document(document, &inspection, fault);
    if (code == MH_OK)
        *ret = inspection;
    else
        inspection_done(&inspection);
    return code;
}

static void
free_shard(void *item)
{
    struct inspection_shard *shard = item;

    mem_free(shard->path);
    mem_free(shard);
}

void
inspection_done(struct inspection *inspection)
{
    list_done(&inspection->inputs, mem_free);
    list_done(&inspection->outputs, mem_free);
    list_done(&inspection->shards, free_shard);
    list_done(&inspection->groups, mem_free);
}
