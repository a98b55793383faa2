/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of managing share: a task, sets of objects, one change, the rows that tell of it.
 *
 * Sets are maps from an object's key to the object (counted), in the order of adding. Functions
 * that end in _locked want host->lock held; the others take it. */
#ifndef MIRROR_MANAGE_INTERNAL_H
#define MIRROR_MANAGE_INTERNAL_H

#include "attrs.h"
#include "list.h"
#include "manage.h"
#include "map.h"

struct manage_report {
    struct list items; /* struct mh_done * */
};

struct manage_task {
    struct mh_host *host;
    enum mh_action action;
    struct map *models;      /* what is named */
    struct map *files;       /* what the verb chose */
    struct mh_limits limits; /* of GC */
    uint64_t need; /* of GC: bytes that must come free besides, or nothing goes; 0: none */
    struct manage_report report;
};

/* The verbs: manage_rm.c, manage_pin.c (pin and unpin), manage_verify.c, manage_gc.c. */
MUST_USE enum mh_code manage_remove(struct manage_task *task, struct mh_fault *f);
MUST_USE enum mh_code manage_pin(struct manage_task *task, struct mh_fault *f);
MUST_USE enum mh_code manage_verify(struct manage_task *task, struct mh_fault *f);
MUST_USE enum mh_code manage_gc(struct manage_task *task, struct mh_fault *f);

/* --- manage.c --- */

/* Says so, and returns NOMEM. */
enum mh_code manage_no_memory(struct mh_fault *f);
/* Add a row. ret (may be NULL): the row, borrowed, for a failure to be put in. */
MUST_USE enum mh_code manage_report_add(struct manage_report *report, const struct object *object,
                                        uint32_t files, uint64_t bytes, struct mh_done **ret,
                                        struct mh_fault *f);
/* A row for each model, with those of its files that are in `files`. */
MUST_USE enum mh_code manage_report_models_locked(struct manage_report *report,
                                                  const struct map *models, const struct map *files,
                                                  struct mh_fault *f);

/* --- manage_set.c --- */

/* What is served of an object, borrowed; NULL: nothing. */
static inline struct version *
version_of(const struct object *object)
{
    return atomic_load_explicit(&object->current, memory_order_relaxed);
}

bool manage_set_has(const struct map *set, const struct object *object);
/* false: no memory. */
MUST_USE bool manage_set_add_locked(struct map *set, struct object *object);
/* NULL is accepted. */
void manage_set_free(struct mh_host *host, struct map *set);
/* Add everything that is connected with an object, itself included. false: no memory. */
MUST_USE bool manage_add_group_locked(struct map *set, struct object *start);
/* Add the manifests of groups; of what no manifest names, the object itself. */
MUST_USE enum mh_code manage_add_heads_locked(struct map *files, const struct map *group,
                                              struct mh_fault *f);
/* Add the cached files of a model, less those that another one than `removed` (may be NULL) keeps.
 */
MUST_USE enum mh_code manage_add_files_locked(struct map *files, struct object *object,
                                              const struct map *removed, struct mh_fault *f);
/* The cached manifest that names it, other than those in `but` (may be NULL). */
const struct object *manage_named_by_locked(const struct object *object, const struct map *but);
/* Find the models of local paths. NOT_FOUND, BUSY or BAD_INPUT name the one that cannot be had. */
MUST_USE enum mh_code manage_find_named_locked(struct mh_host *host, const char *const *paths,
                                               size_t n, struct map *models, struct mh_fault *f);
/* Manifests, and what no manifest names. */
MUST_USE enum mh_code manage_find_all_locked(struct mh_host *host, struct map *models,
                                             struct mh_fault *f);

/* --- manage_change.c --- */

/* What becomes of an object. */
enum manage_fate { FATE_REMOVED, FATE_PINNED, FATE_UNPINNED };

/* Give every object of a set one fate, by one commit. BUSY names one that is being fetched or
 * revalidated; then, as with every failure, nothing has changed. host->lock not held. */
MUST_USE enum mh_code manage_change_set(struct mh_host *host, const struct map *set,
                                        enum manage_fate fate, struct mh_fault *f);

#endif
