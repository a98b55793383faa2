/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest names, and the arithmetic over it. All with host->lock held. */
#ifndef MIRROR_MODEL_H
#define MIRROR_MODEL_H

#include "host_internal.h"

struct model_part {
    struct object *object; /* counted */
    uint32_t group;
};

struct model {
    struct object *manifest; /* not counted: it owns the model */
    struct model_part *parts;
    size_t part_count;
    uint64_t *group_bytes; /* or MANIFEST_BYTES_UNKNOWN */
    size_t group_count;
    uint64_t lost_ms;   /* since when its manifest is not cached, monotonic; 0: it is, or arrives */
    uint8_t sha256[32]; /* the manifest's */
    int64_t vouched_at; /* Date of the manifest's answer, or what vouched for it later; seconds */
    int64_t asked_about; /* the newest of the shards that it was asked for again for */
    int64_t newest_at;   /* the newest of the shards that came while it was asked for again */
    bool is_rechecking;  /* it is being asked for again: no shard completes meanwhile */
    bool is_abandoned;   /* another manifest of its name is on its way */
    bool is_unkept;      /* a file of it must not be kept: none is */
    bool needs_refresh;  /* what is cached of it did not go with what arrived */
    bool is_awaited;  /* its manifest is not cached yet: a refresh is to bring it with its group */
    bool is_complete; /* every part had a version when last looked at, and none has gone since */
    struct list pulled; /* struct object *, counted: published since the model was last complete;
                           what a failing sum takes back */
    bool is_unsure;     /* its files seem to be of different times */
    bool is_trusted;    /* the upstream's times are no help: they change while the bytes do not */
    int64_t since;      /* since when the upstream has had the manifest, by its own word */
    struct model_rest *rest; /* why and until when nothing of it is fetched; NULL: it may be */
};

/* After the sums of a model failed, a client may have some of its files. Were the rest fetched anew
 * at once, it would get what is right by itself, and wrong beside what it has. So for `settle`
 * nothing of the model is fetched, and who asks is told why. */
struct model_rest {
    uint64_t until_ms; /* monotonic */
    enum mh_code code;
    struct mh_fault fault;
};

/* Learn what a manifest names, from its metadata: the parts become objects. Replaces what was
 * known. Returns OK, NOMEM, or CORRUPT (a part's name is the manifest's own). */
MUST_USE enum mh_code model_learn_locked(struct object *manifest, const struct meta *meta,
                                         struct mh_fault *f);
void model_forget_locked(struct object *manifest);
/* Forget a model whose manifest left the cache so long ago that no client can still be loading it.
 */
void model_forget_old_locked(struct object *manifest);

/* Let the model rest from now on, for `fault`'s reason.
 *
 * until_ms  monotonic
 * Without memory it does not rest. Returns whether it does. */
bool model_rest_locked(struct model *model, uint64_t until_ms, enum mh_code code,
                       const struct mh_fault *fault);
/* Why the object is not to be fetched now, or NULL: it may be. */
const struct model_rest *model_rest_of_locked(const struct object *object);
/* Does a manifest connect its shards into a group? A removed one that is remembered does not. */
bool model_connects_locked(const struct object *manifest);
/* A flight of the object is over: if what is cached of a model did not go with what arrived, it is
 * asked again as a whole, when nothing of it arrives any more. */
void model_refresh_if_needed_locked(struct object *object);
/* An object has arrived that is no manifest: was there a moment at which the upstream had it and
 * everything else that is there of its models? UPSTREAM: no, they changed while they were pulled.
 * Then the pull is given up as by a wrong sum. If the manifest is the same when it is asked for
 * again, with another time, times tell nothing of this upstream, and are not compared any more. */
MUST_USE enum mh_code model_check_moment_locked(struct object *object, const struct meta *meta,
                                                struct mh_fault *f);
/* A manifest has arrived, and `meta` is its own: do the shards that are cached already belong to
 * it, by length and by time? UPSTREAM: no, and a refresh must bring it together with them. */
MUST_USE enum mh_code model_check_cached_locked(struct model *model, const struct meta *meta,
                                                struct mh_fault *f);

/* Begin a flight for every part that is neither cached nor arriving. */
void model_ensure_locked(struct model *model);

/* The object's length is known now (from a head, or because all of it is in). Compares the sums of
 * all groups it is in, as far as the other lengths are known. On CORRUPT the fault says which sum
 * is wrong, every unfinished flight of the group but the caller's own has been failed, and what the
 * pull published has been taken back. */
MUST_USE enum mh_code model_check_length_locked(struct object *object, uint64_t bytes,
                                                struct mh_fault *f);
/* The most that the object may hold by what manifests say, or UINT64_MAX. */
uint64_t model_max_bytes_locked(const struct object *object);

/* An object has a version now: find out what is complete. is_new: it was published by a pull, which
 * may have to take it back. */
void model_note_present_locked(struct object *object, bool is_new);
/* An object lost its version. */
void model_note_lost_locked(struct object *object);
/* Take a whole model back: its manifest and its parts leave the cache. It may be gone afterwards.
 */
void model_take_back_locked(struct model *model);
/* End what is unfinished of a model, and let nothing stay that is checked and being published.
 * is_followed: at the end of each flight, recheck_follow_locked(). */
void model_end_flights_locked(struct model *model, enum mh_code code, const struct mh_fault *fault,
                              bool is_followed);
/* Let nothing stay that is checked and being published. */
void model_revoke_locked(struct model *model);
/* Take back what the present pull published of it. It may be gone afterwards. */
void model_take_back_pulled_locked(struct model *model);
/* Compare the sums of a model read from disk. */
MUST_USE enum mh_code model_check_sums_locked(struct model *model, struct mh_fault *f);

#endif
