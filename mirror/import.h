/* SPDX-License-Identifier: Apache-2.0 */
/* An archive's files on their way into the cache: checked (import_check.c), then switched
 * (import.c). */
#ifndef MIRROR_IMPORT_H
#define MIRROR_IMPORT_H

#include "host_internal.h"
#include "meta.h"

#include <modelhost/cargo.h>

struct import_item {
    const struct mh_cargo_file *file;
    size_t index; /* in the cargo: what it is called in its stage */
    const struct mirror *mirror;
    char *key;                      /* "<mirror>/<name>", as in the index */
    const char *name;               /* the part of key after the mirror */
    bool is_part;                   /* a manifest of the archive names it */
    struct meta meta;               /* what will be published */
    char partial_id[STORE_ID_SIZE]; /* of its bytes, from when they left the stage; "" before */
};

struct import {
    struct mh_host *host;
    int stage_fd;
    struct mh_cargo cargo;
    struct import_item *items; /* one for each file of the cargo */
    size_t count;
    struct map *by_key; /* -> struct import_item */
};

/* Check everything that can be checked without the index: names, mirrors, bytes, JSON, sums. Fills
 * items. The codes of mh_import(). */
MUST_USE enum mh_code import_check(struct import *import, struct mh_fault *f);
void import_items_free(struct import *import);

#endif
