/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modelhost inspect`: what a model is.
 *
 * For BodyPix and PoseNet the last line is what people come for: the parameters that load() must be
 * given with this file, derived from its graph, since a wrong one is noticed by nothing. Several
 * models are told one after the other; the exit status is the first failure's. It changes nothing;
 * main thread.
 */
#include "catalog_words.h"
#include "inspection.h"
#include "json.h"
#include "log.h"
#include "manifest_source.h"
#include "mem.h"
#include "units.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX_BYTES ((size_t) 16 << 20)

/* --- for people --- */

static void
write_kinds(const struct inspection_kinds *kinds, struct buf *out)
{
    for (size_t i = 0; i < kinds->count; i++)
        buf_printf(out, "%s%zu %s", i == 0 ? "" : ", ", kinds->items[i].count,
                   kinds->items[i].name);
    buf_add_char(out, '\n');
}

static void
write_names(const char *label, const struct list *names, struct buf *out)
{
    if (names->count == 0)
        return;
    buf_printf(out, "  %-13s", label);
    for (size_t i = 0; i < names->count; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : ", ", (const char *) names->items[i]);
    buf_add_char(out, '\n');
}

static void
write_bytes(uint64_t bytes, struct buf *out)
{
    char size[UNIT_TEXT_SIZE];

    if (bytes == INSPECTION_BYTES_UNKNOWN)
        buf_add_str(out, "unknown, it has texts");
    else
        buf_printf(out, "%ju bytes (%s)", (uintmax_t) bytes, size_format(bytes, size));
}

static void
write_shards(const struct inspection *inspection, struct buf *out)
{
    for (size_t i = 0; i < inspection->shards.count; i++) {
        const struct inspection_shard *shard = inspection->shards.items[i];
        const struct inspection_group *group = inspection->groups.items[shard->group];

        buf_printf(out, "  %-13s%s", i == 0 ? "shards" : "", shard->path);
        if (group->shards == 1) {
            buf_add_str(out, ", ");
            write_bytes(group->bytes, out);
        }
        buf_add_char(out, '\n');
    }
}

static void
write_variant(const struct inspection_variant *variant, struct buf *out)
{
    if (variant->name == NULL)
        return;
    buf_printf(out, "  %-13s%s\n", "model",
               strcmp(variant->name, "bodypix") == 0 ? "BodyPix" : "PoseNet");
    buf_printf(out, "  %-13s", "load() wants");
    if (variant->architecture != NULL)
        buf_printf(out, "architecture: '%s', ", variant->architecture);
    if (variant->output_stride != 0)
        buf_printf(out, "outputStride: %u, ", variant->output_stride);
    if (variant->multiplier != NULL)
        buf_printf(out, "multiplier: %s, ", variant->multiplier);
    if (variant->quant_bytes != NULL)
        buf_printf(out, "quantBytes: %s, ", variant->quant_bytes);
    buf_add_str(out, "modelUrl: its URL\n");
}

static void
write_text(const char *what, const struct inspection *inspection, struct buf *out)
{
    const bool is_made = inspection->generated_by[0] != '\0' || inspection->converted_by[0] != '\0';

    buf_printf(out, "%s\n  %-13s%s\n", what, "format", inspection->format);
    if (is_made)
        buf_printf(out, "  %-13s%s%s%s\n", "made by", inspection->generated_by,
                   inspection->generated_by[0] != '\0' && inspection->converted_by[0] != '\0' ? ", "
                                                                                              : "",
                   inspection->converted_by);
    buf_printf(out, "  %-13s%zu with %ju elements: ", "tensors", inspection->tensors,
               (uintmax_t) inspection->parameters);
    write_kinds(&inspection->dtypes, out);
    buf_printf(out, "  %-13s", "quantization");
    write_kinds(&inspection->quantizations, out);
    buf_printf(out, "  %-13s", "weights");
    write_bytes(inspection->bytes, out);
    buf_printf(out, " in %zu %s\n", inspection->shards.count,
               inspection->shards.count == 1 ? "file" : "files");
    write_names("inputs", &inspection->inputs, out);
    write_names("outputs", &inspection->outputs, out);
    write_shards(inspection, out);
    write_variant(&inspection->variant, out);
}

/* --- as JSON --- */

static void
json_kinds(struct jsonw *w, const char *name, const struct inspection_kinds *kinds)
{
    jsonw_object_begin(w, name);
    for (size_t i = 0; i < kinds->count; i++)
        jsonw_uint(w, kinds->items[i].name, kinds->items[i].count);
    jsonw_object_end(w);
}

static void
json_names(struct jsonw *w, const char *name, const struct list *names)
{
    jsonw_array_begin(w, name);
    for (size_t i = 0; i < names->count; i++)
        jsonw_string(w, NULL, names->items[i]);
    jsonw_array_end(w);
}

static void
json_bytes(struct jsonw *w, const char *name, uint64_t bytes)
{
    if (bytes == INSPECTION_BYTES_UNKNOWN)
        jsonw_null(w, name);
    else
        jsonw_uint(w, name, bytes);
}

static void
json_shards(struct jsonw *w, const struct inspection *inspection)
{
    jsonw_array_begin(w, "shards");
    for (size_t i = 0; i < inspection->shards.count; i++) {
        const struct inspection_shard *shard = inspection->shards.items[i];
        const struct inspection_group *group = inspection->groups.items[shard->group];

        jsonw_object_begin(w, NULL);
        jsonw_string(w, "path", shard->path);
        json_bytes(w, "bytes", group->shards == 1 ? group->bytes : INSPECTION_BYTES_UNKNOWN);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void
json_variant(struct jsonw *w, const struct inspection_variant *variant)
{
    if (variant->name == NULL)
        return;
    jsonw_object_begin(w, "variant");
    jsonw_string(w, "name", variant->name);
    jsonw_string(w, "architecture", variant->architecture);
    if (variant->output_stride != 0)
        jsonw_uint(w, "outputStride", variant->output_stride);
    jsonw_string(w, "multiplier", variant->multiplier);
    jsonw_string(w, "quantBytes", variant->quant_bytes);
    jsonw_object_end(w);
}

static void
write_json(struct jsonw *w, const char *what, const struct inspection *inspection)
{
    jsonw_object_begin(w, NULL);
    jsonw_string(w, "what", what);
    jsonw_string(w, "format", inspection->format);
    jsonw_string(w, "generated_by", inspection->generated_by);
    jsonw_string(w, "converted_by", inspection->converted_by);
    jsonw_uint(w, "tensors", inspection->tensors);
    jsonw_uint(w, "parameters", inspection->parameters);
    json_bytes(w, "bytes", inspection->bytes);
    json_kinds(w, "dtypes", &inspection->dtypes);
    json_kinds(w, "quantization", &inspection->quantizations);
    json_names(w, "inputs", &inspection->inputs);
    json_names(w, "outputs", &inspection->outputs);
    json_shards(w, inspection);
    json_variant(w, &inspection->variant);
    jsonw_object_end(w);
}

/* --- the command --- */

static enum mh_code
inspect(const struct settings *settings, const char *what, struct inspection *ret,
        struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    size_t n = 0;
    enum mh_code code = manifest_source_read(settings, what, &text, &n, fault);

    return code == MH_OK ? inspection_read(text, n, ret, fault) : code;
}

static int
inspect_all(const struct invocation *invocation, const struct settings *settings,
            const struct list *words, struct buf *out)
{
    struct jsonw w = JSONW_INIT(out);
    int status = 0;

    w.pretty = true;
    if (invocation->wants_json) {
        jsonw_object_begin(&w, NULL);
        jsonw_array_begin(&w, "models");
    }
    for (size_t i = 0; i < words->count; i++) {
        struct inspection inspection;
        struct mh_fault fault = {0};
        enum mh_code code = inspect(settings, words->items[i], &inspection, &fault);

        if (code != MH_OK) {
            log_error("inspect '%s': %s", (const char *) words->items[i], fault.sentence);
            status = status == 0 ? exit_status_of(code) : status;
            continue;
        }
        if (invocation->wants_json)
            write_json(&w, words->items[i], &inspection);
        else
            write_text(words->items[i], &inspection, out);
        inspection_done(&inspection);
    }
    if (invocation->wants_json) {
        jsonw_array_end(&w);
        jsonw_object_end(&w);
    }
    return status;
}

int
cmd_inspect(const struct invocation *invocation, const struct config *config)
{
    struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    struct list words;
    int status = catalog_words_expand(invocation, &config->settings, CATALOG_MANIFESTS, &words);

    if (status != 0)
        return status;
    status = inspect_all(invocation, &config->settings, &words, &out);
    if (!buf_is_ok(&out) || fputs(buf_text(&out), stdout) < 0)
        status = 1;
    buf_done(&out);
    list_done(&words, mem_free);
    return status;
}
