/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest says of its model, and which variant of BodyPix or PoseNet it is. Pure. */
#ifndef SERVER_INSPECTION_H
#define SERVER_INSPECTION_H

#include "attrs.h"
#include "json.h"
#include "list.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSPECTION_BYTES_UNKNOWN UINT64_MAX /* string tensors carry their length in the shard */
#define INSPECTION_KINDS         8
#define INSPECTION_TEXT          64

/* Tensors of one kind. */
struct inspection_kind {
    char name[INSPECTION_TEXT];
    size_t count;
};

struct inspection_kinds {
    struct inspection_kind items[INSPECTION_KINDS];
    size_t count;
};

struct inspection_shard {
    char *path;
    size_t group;
};

struct inspection_group {
    uint64_t bytes; /* of all its shards, or INSPECTION_BYTES_UNKNOWN */
    size_t shards;
};

/* What load() must be given for the file. Texts are static, and as the catalog writes them. */
struct inspection_variant {
    const char *name;         /* of the catalog: "bodypix" or "posenet"; NULL: it is neither */
    const char *architecture; /* NULL where the graph does not tell */
    const char *multiplier;   /* likewise */
    const char *quant_bytes;  /* likewise */
    unsigned output_stride;   /* 0 where the graph does not tell */
};

struct inspection {
    char format[INSPECTION_TEXT]; /* "graph-model", "layers-model", "weights manifest" */
    char generated_by[INSPECTION_TEXT];
    char converted_by[INSPECTION_TEXT];
    size_t tensors;
    uint64_t parameters;
    uint64_t bytes; /* or INSPECTION_BYTES_UNKNOWN */
    struct inspection_kinds dtypes;
    struct inspection_kinds quantizations; /* "none" for tensors without */
    struct list inputs, outputs;           /* char * */
    struct list shards;                    /* struct inspection_shard *, in the manifest's order */
    struct list groups;                    /* struct inspection_group * */
    struct inspection_variant variant;
};

/* Read a manifest.
 *
 * text  JSON, n bytes
 * ret   on OK filled; end it with inspection_done()
 *
 * Returns OK; BAD_INPUT (no JSON, or no manifest that TensorFlow.js or face-api.js load); TOO_LARGE
 * or NOMEM. */
MUST_USE enum mh_code inspection_read(const char *text, size_t n, struct inspection *ret,
                                      struct mh_fault *fault);
void inspection_done(struct inspection *inspection);

/* The graph's part, for inspection_read(): inputs, outputs, and the variant. OK or NOMEM. */
MUST_USE enum mh_code inspection_read_graph(const struct json *document,
                                            struct inspection *inspection, struct mh_fault *fault);

#endif
