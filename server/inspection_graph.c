/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model's graph tells: its inputs and outputs, and for BodyPix and PoseNet the parameters
 * that load() must be given.
 *
 * Nothing in such a file names its variant, and TensorFlow.js cannot notice a wrong one. But the
 * variant is what the graph computes: the outputs are BodyPix' or PoseNet's, the names of nodes are
 * MobileNet's or ResNet's, the first convolution has 32 channels times the multiplier, and the
 * output stride is the product of the strides on the longest way (with the larger strides of other
 * ways that meet it, a network could not be added up). The strides are found by going over the
 * nodes until nothing changes, since their order is not a topological one. Pure; any thread.
 */
#include "fault.h"
#include "inspection.h"
#include "map.h"
#include "mem.h"

#include <string.h>

#define PASSES_MAX 300
#define STRIDE_MAX 1024u

struct node {
    const struct json *json;
    const char *name;
    unsigned own;    /* its own stride */
    unsigned stride; /* of its output */
    bool is_consumed;
};

struct graph {
    struct node *nodes;
    size_t count;
    struct map *by_name;
};

static void
graph_done(struct graph *graph)
{
    mem_free(graph->nodes);
    map_free(graph->by_name);
}

/* "^name:0" is the node "name". */
static struct node *
node_of(const struct graph *graph, const char *input)
{
    scoped(mem_freep) char *name = NULL;

    if (input == NULL)
        return NULL;
    input += input[0] == '^';
    name = str_dup_n(input, strcspn(input, ":"));
    return name != NULL ? map_get(graph->by_name, name) : NULL;
}

/* Stride in the image's first dimension; numbers may be texts (int64 in protobuf's JSON). */
static unsigned
own_stride(const struct json *node)
{
    const struct json *list =
        json_get(json_get(json_get(json_get(node, "attr"), "strides"), "list"), "i");
    const struct json *value = json_next(json_first(list));
    const char *text = json_string(value);
    uint64_t stride = 0;

    if (text != NULL && text[0] >= '1' && text[0] <= '9' && text[1] == '\0')
        return (unsigned) (text[0] - '0');
    return json_uint(value, &stride) && stride >= 1 && stride <= 9 ? (unsigned) stride : 1;
}

static enum mh_code
graph_read(const struct json *nodes, struct graph *graph, struct mh_fault *fault)
{
    graph->nodes = mem_calloc(json_count(nodes) + 1, sizeof *graph->nodes);
    graph->by_name = map_new();
    if (graph->nodes == NULL || graph->by_name == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    for (const struct json *item = json_first(nodes); item != NULL; item = json_next(item)) {
        const char *name = json_string(json_get(item, "name"));
        struct node *node = &graph->nodes[graph->count];

        if (name == NULL)
            continue;
        *node = (struct node){.json = item, .name = name, .own = own_stride(item), .stride = 1};
        graph->count++;
        if (!map_set(graph->by_name, name, node))
            return fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    return MH_OK;
}

/* One pass over all nodes. Returns whether a stride grew. */
static bool
spread_strides(struct graph *graph)
{
    bool has_grown = false;

    for (size_t i = 0; i < graph->count; i++) {
        struct node *node = &graph->nodes[i];
        unsigned before = 1;

        for (const struct json *input = json_first(json_get(node->json, "input")); input != NULL;
             input = json_next(input)) {
            struct node *from = node_of(graph, json_string(input));

            if (from == NULL)
                continue;
            from->is_consumed = true;
            before = from->stride > before ? from->stride : before;
        }
        if (before * node->own > node->stride && before * node->own <= STRIDE_MAX) {
            node->stride = before * node->own;
            has_grown = true;
        }
    }
    return has_grown;
}

/* --- inputs and outputs --- */

static enum mh_code
add_name(struct list *names, const char *name, struct mh_fault *fault)
{
    char *copy = str_dup(name);

    if (copy != NULL && list_add(names, copy))
        return MH_OK;
    mem_free(copy);
    return fail(fault, MH_NOMEM, 0, "memory ran out, or the graph has too many ends");
}

static enum mh_code
read_ends(const struct graph *graph, struct inspection *inspection, struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    for (size_t i = 0; code == MH_OK && i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        const char *op = json_string(json_get(node->json, "op"));

        if (op != NULL && strcmp(op, "Placeholder") == 0)
            code = add_name(&inspection->inputs, node->name, fault);
        else if (!node->is_consumed && op != NULL && strcmp(op, "Const") != 0)
            code = add_name(&inspection->outputs, node->name, fault);
    }
    return code;
}

/* Of a layers model: [["dense_1", 0, 0], ...]. */
static enum mh_code
read_layer_names(const struct json *layers, struct list *names, struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    for (const struct json *item = json_first(layers); code == MH_OK && item != NULL;
         item = json_next(item)) {
        const char *name = json_string(json_first(item));

        if (name != NULL)
            code = add_name(names, name, fault);
    }
    return code;
}

static enum mh_code
read_layers(const struct json *topology, struct inspection *inspection, struct mh_fault *fault)
{
    const struct json *config = json_get(json_get(topology, "model_config"), "config");
    enum mh_code code =
        read_layer_names(json_get(config, "input_layers"), &inspection->inputs, fault);

    return code == MH_OK
               ? read_layer_names(json_get(config, "output_layers"), &inspection->outputs, fault)
               : code;
}

/* --- the variant --- */

static bool
has_node(const struct graph *graph, const char *part)
{
    for (size_t i = 0; i < graph->count; i++) {
        if (strstr(graph->nodes[i].name, part) != NULL)
            return true;
    }
    return false;
}

static const char *
family_of(const struct graph *graph)
{
    if (!has_node(graph, "displacement_fwd_2"))
        return NULL;
    if (has_node(graph, "float_segments"))
        return "bodypix";
    return has_node(graph, "heatmap") ? "posenet" : NULL;
}

/* Channels of the first convolution: the tensor of MobileNet's with the shape 3, 3, 3, n. */
static uint64_t
first_channels(const struct json *document)
{
    for (const struct json *group = json_first(json_get(document, "weightsManifest"));
         group != NULL; group = json_next(group)) {
        for (const struct json *weight = json_first(json_get(group, "weights")); weight != NULL;
             weight = json_next(weight)) {
            const char *name = json_string(json_get(weight, "name"));
            const struct json *size = json_first(json_get(weight, "shape"));
            uint64_t sizes[4] = {0};

            for (size_t i = 0; i < 4 && json_uint(size, &sizes[i]); i++)
                size = json_next(size);
            if (name != NULL && strncmp(name, "MobilenetV1/", 12) == 0 && sizes[0] == 3 &&
                sizes[1] == 3 && sizes[2] == 3)
                return sizes[3];
        }
    }
    return 0;
}

static const char *
multiplier_of(uint64_t channels)
{
    static const struct {
        uint64_t channels;
        const char *multiplier;
    } rows[] = {{8, "0.25"}, {16, "0.50"}, {24, "0.75"}, {32, "1.0"}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].channels == channels)
            return rows[i].multiplier;
    }
    return NULL;
}

/* All tensors of one kind, or it is none of the published files. */
static const char *
quant_bytes_of(const struct inspection_kinds *kinds)
{
    static const struct {
        const char *kind;
        const char *bytes;
    } rows[] = {{"none", "4"}, {"uint16", "2"}, {"uint8", "1"}};

    for (size_t i = 0; kinds->count == 1 && i < COUNT_OF(rows); i++) {
        if (strcmp(kinds->items[0].name, rows[i].kind) == 0)
            return rows[i].bytes;
    }
    return NULL;
}

static unsigned
output_stride(const struct graph *graph)
{
    unsigned stride = 0;

    for (size_t i = 0; i < graph->count; i++)
        stride = graph->nodes[i].stride > stride ? graph->nodes[i].stride : stride;
    return stride == 8 || stride == 16 || stride == 32 ? stride : 0;
}

static void
read_variant(const struct json *document, const struct graph *graph, struct inspection *inspection)
{
    struct inspection_variant *variant = &inspection->variant;

    variant->name = family_of(graph);
    if (variant->name == NULL)
        return;
    if (has_node(graph, "MobilenetV1/")) {
        variant->architecture = "MobileNetV1";
        variant->multiplier = multiplier_of(first_channels(document));
    } else if (has_node(graph, "resnet_v1_50/")) {
        variant->architecture = "ResNet50";
        variant->multiplier = "1.0";
    }
    variant->quant_bytes = quant_bytes_of(&inspection->quantizations);
    variant->output_stride = output_stride(graph);
}

enum mh_code
inspection_read_graph(const struct json *document, struct inspection *inspection,
                      struct mh_fault *fault)
{
    const struct json *topology = json_get(document, "modelTopology");
    struct graph graph = {.count = 0};
    enum mh_code code = read_layers(topology, inspection, fault);

    if (code == MH_OK)
        code = graph_read(json_get(topology, "node"), &graph, fault);
    for (int i = 0; code == MH_OK && i < PASSES_MAX && spread_strides(&graph); i++) {
    }
    if (code == MH_OK)
        code = read_ends(&graph, inspection, fault);
    if (code == MH_OK)
        read_variant(document, &graph, inspection);
    graph_done(&graph);
    return code;
}
