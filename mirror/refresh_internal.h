/* SPDX-License-Identifier: Apache-2.0 */
/* What a refresh is made of: for refresh*.c, and for import.c, whose set came in an archive instead
 * of from an upstream and is switched in the same way. All functions with host->lock held, but for
 * refresh_end(). */
#ifndef MIRROR_REFRESH_INTERNAL_H
#define MIRROR_REFRESH_INTERNAL_H

#include "refresh.h"

/* An importer that waits for its set to be switched; on its stack. host->lock: */
struct refresh_import {
    bool is_over; /* told by host->scanned; the refresh is gone then */
    enum mh_code code;
    struct mh_fault fault;
};

enum outcome { OUTCOME_ASKED, OUTCOME_SAME, OUTCOME_STAGED, OUTCOME_GONE };

struct refresh_file {
    struct object *object; /* counted */
    enum outcome outcome;
    struct meta meta; /* SAME: the renewed metadata; STAGED: what will be published */
    char partial_id[STORE_ID_SIZE];
    char *store_url;     /* what its hashed place is made of */
    struct version *old; /* counted; what the commit's step points into, while it is made */
    bool is_held;        /* a manifest whose requests are held until the switch */
};

struct refresh {
    struct mh_host *host;
    struct refresh *next;
    struct list files;         /* struct refresh_file * */
    size_t pending;            /* flights that are not over */
    uint64_t serial;           /* never 0 */
    bool has_changes;          /* it is staged, and will be switched when it is quiet */
    struct mh_waiter *waiters; /* until it has ended, or has changes */
    enum mh_code code;         /* of the first failure */
    struct mh_fault fault;
    bool is_unsure; /* the failure is that times of change and of answer are too close */
    bool is_staged;
    bool is_switching;
    uint64_t staged_at_ms;
    uint64_t held_at_ms;           /* 0: manifests are not held */
    struct refresh_import *import; /* who waits, where the set came in an archive; else NULL */
    struct work_item work;
};

/* --- refresh.c --- */

/* It was switched, or has failed: its partial files go, who waits is told, and it is freed. Takes
 * host->lock; work thread or fetch thread. */
void refresh_end(struct refresh *refresh);

/* --- refresh_set.c --- */

/* NULL: the object is not in the set. */
struct refresh_file *refresh_file_of(const struct refresh *refresh, const struct object *object);
/* The object belongs to the refresh from now on. NULL: no memory. */
struct refresh_file *refresh_add_file_locked(struct refresh *refresh, struct object *object);
/* Add the object and what it is connected with. false: no memory, or a part is arriving just now;
 * some may have been added then. */
bool refresh_add_group_locked(struct refresh *refresh, struct object *object);
/* The first failure counts, later ones are ignored. */
void refresh_fail_locked(struct refresh *refresh, enum mh_code code, const struct mh_fault *fault);
void refresh_free_locked(struct refresh *refresh);

/* --- refresh_check.c --- */

/* Is anything in the set but what is cached already? */
bool refresh_has_changes_locked(const struct refresh *refresh);
/* Do the sums of its manifests hold? It has failed where they do not. */
void refresh_check_set_locked(struct refresh *refresh);
/* Was there a moment at which the upstream had all of it? It has failed, unsure, where that cannot
 * be told. */
void refresh_check_moment_locked(struct refresh *refresh);
/* What the old set's manifests named and the new one's do not, is to go. */
void refresh_drop_orphans_locked(struct refresh *refresh);

/* --- refresh_switch.c --- */

/* Its set is whole and checked: the tick switches it when it may. */
void refresh_stage_locked(struct refresh *refresh);

/* --- import.c --- */

/* A cached or arriving manifest outside the set that names a file whose content would change. */
const struct object *refresh_import_conflict_locked(const struct refresh *refresh,
                                                    const struct refresh_file *file);
/* Does the set replace or remove anything that is cached? */
bool refresh_import_replaces_locked(const struct refresh *refresh);
/* It is switched, or failed: tell the importer. */
void refresh_import_over_locked(struct refresh *refresh);

#endif
