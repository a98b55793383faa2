/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own structs: what the files that make up the mirror's engine share.
 *
 *   struct mh_host ──► struct mirror (immutable)
 *        │
 *        └─ index: key ──► struct object ──► struct version   what is served
 *                              │   │
 *                              │   └──────► struct flight     one download, and who waits for it
 *                              └──────────► struct model      what a manifest names
 *                                              └─ parts ──► struct object (counted in named_by)
 *
 * Locks, in the order in which they may be taken: host->lock, then a flight's lock. Neither is held
 * while a file is touched. Small allocations under host->lock are allowed: an object, a flight and
 * a model come into being together with their places in the index. */
#ifndef MIRROR_HOST_INTERNAL_H
#define MIRROR_HOST_INTERNAL_H

#include "fetch.h"
#include "list.h"
#include "map.h"
#include "mirror.h"
#include "store.h"
#include "version.h"
#include "work.h"

#include <modelhost/host.h>
#include <modelhost/model.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct encoder;
struct flight;
struct model;
struct refresh;
struct outside;

/* Why the last flight of an object came to nothing. */
struct failure {
    enum mh_code code;
    uint64_t at_ms; /* monotonic */
    struct mh_fault fault;
};

/* One identity: a name in a mirror. Lives while something of it is known: a version, a flight, a
 * view, a manifest that names it, or a failure that is remembered. */
struct object {
    struct mh_host *host;
    const struct mirror *mirror;
    char *key;        /* "<mirror>/<name>" */
    const char *name; /* the part of key after the mirror */
    char *target;     /* raw target below the mirror: what is asked upstream */
    char *label;      /* local path without the query, for people: a query may hold a token */
    bool is_json;     /* its path ends in ".json": checked whole before the head is given out */

    _Atomic(struct version *) current; /* changes under host->lock only; compared without */
    atomic_int_least64_t used_at;      /* seconds since the epoch */
    atomic_uint_least64_t asked_ms;    /* last request, monotonic; 0: none */
    atomic_uint sending;               /* kept answers of it that are on their way */
    atomic_uint leaving; /* removals of it that are not on disk yet: what lies there is not its;
                            changes under host->lock only */

    /* host->lock: */
    bool is_barred; /* its model's sums do not hold, and it cannot be removed: as if not there */
    unsigned refs;  /* views, flights, models' parts */
    struct flight *flight;
    struct model *model;     /* if it is a manifest */
    struct list named_by;    /* struct model *: those that name it */
    struct failure *failure; /* of the last flight; NULL after a success */
    uint64_t seen_bytes;     /* length as last seen since its manifest was, for sums; or unknown */
    bool is_unkept;          /* its last answer said no-store */
    unsigned views;          /* open now, and not resting */
    struct refresh *refresh; /* the one that it is part of */
    struct failure *refresh_failure; /* of that; of manifests and what none names; NULL: none */
    uint64_t refresh_failed_ms;      /* when its last refresh failed, monotonic; 0: it did not */
    uint64_t unsure_set; /* what the last refresh found and could not date (refresh.c); or 0 */
};

struct mh_host {
    struct store *store;
    struct fetcher *fetcher;
    struct work_pool *work;
    struct mirror *mirrors;
    size_t mirror_count;
    char *user_agent;
    uint64_t json_max_bytes;
    uint32_t settle_ms;
    uint32_t settle_max_ms;
    bool is_offline;
    bool is_read_only;       /* the store was opened for reading */
    uint64_t max_bytes;      /* 0: no limit */
    uint64_t min_free_bytes; /* 0: no limit */
    void (*on_event)(void *arg, const struct mh_event *event);
    void *event_arg;

    pthread_mutex_t room_lock; /* held while a full disk is made room on; before all others */
    pthread_mutex_t lock;
    /* lock: */
    struct map *index;         /* key -> struct object */
    struct flight *flights;    /* all that have not ended */
    struct flight *parked;     /* settling: until the index is whole, or a removal is done */
    struct flight *to_publish; /* checked, waiting for a commit */
    bool is_publishing;
    struct list held; /* struct object *, counted: manifests whose model starts over (recheck.h) */
    struct map *told; /* labels of what is not kept: people know */
    struct refresh *refreshes;
    uint64_t refresh_serial; /* of the last one */
    bool has_scanned;
    pthread_cond_t scanned; /* has_scanned or is_stopping became true, or an import ended */
    bool is_stopping;
    bool is_making_room;
    bool is_writing_uses;
    unsigned uses_wait_s;  /* until uses.c looks again */
    uint64_t object_bytes; /* of current versions */
    size_t objects;        /* with a current version */
    size_t flight_count;

    atomic_uint_least64_t received_bytes;
    atomic_uint_least64_t published;
    atomic_uint_least64_t failures;
    unsigned ticks; /* fetch thread */

    struct encoder *encoder; /* constant; what it points to is guarded by the lock */

    struct work_item scan;
    struct work_item uses;   /* submitted while is_writing_uses */
    uint8_t uses_digest[32]; /* of what uses.c wrote last; its work's */
    struct outside *outside;
    struct work_item room; /* submitted while is_making_room */
};

/* host.c */
/* Let the parked flights settle again. host->lock held. */
void host_unpark_locked(struct mh_host *host);
void host_tell(struct mh_host *host, enum mh_event_kind kind, enum mh_code code,
               const struct object *object, const struct mh_fault *fault);
/* Find the mirror that owns a path, and what is below it. NULL: none. */
const struct mirror *host_mirror_of(const struct mh_host *host, const char *target,
                                    const char **ret_below);

/* object.c: the index. All with host->lock held. */
/* Find an object, or make one; it is not counted yet. target: raw, below the mirror. NULL: no
 * memory. */
struct object *object_get_locked(struct mh_host *host, const struct mirror *mirror,
                                 const char *name, const char *target);
struct object *object_find_locked(struct mh_host *host, const struct mirror *mirror,
                                  const char *name);
struct object *object_ref_locked(struct object *object);
/* Give a reference back. The object goes when nothing of it is known any more. */
void object_unref_locked(struct object *object);
/* Free it if nothing of it is known, and what it alone kept: an entry of the index that was looked
 * up before may be gone. */
void object_sweep_locked(struct object *object);
/* The same for all. */
void object_sweep_all_locked(struct mh_host *host);
/* Make `version` (taken; NULL: none) what is served. */
void object_set_version_locked(struct object *object, struct version *version);
/* The current version with a reference of the caller's own, or NULL. */
struct version *object_version_locked(struct object *object);
/* Remember (fault copied), or forget with MH_OK. */
void object_set_failure_locked(struct object *object, enum mh_code code,
                               const struct mh_fault *fault);
/* A failure that answers for the upstream: a 404 or 410, remembered shortly. */
const struct failure *object_negative_locked(const struct object *object);
void object_free_all(struct mh_host *host); /* the index's end; threads are gone */
/* The URL that its hashed place in the store is made of: the same whoever asked first, and with
 * which ignored parameters. mem_free(). */
char *object_store_url(const struct object *object);
/* The local path with its query, e.g. "/tfjs-models/a/model.json?x=1"; mem_free(). */
char *object_path(const struct object *object);

/* scan.c: the index is rebuilt from the disk by a work thread. */
void scan_start(struct mh_host *host);

#endif
