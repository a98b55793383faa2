/* SPDX-License-Identifier: Apache-2.0 */
/* A flight: one download in progress, shared by everyone who wants that object.
 *
 *   SETTLING ──► ASKING ──► ARRIVING ──► CHECKING ──► CHECKED      (then published, and over)
 *      │            │           │            │
 *      │            └─────┬─────┴──────┬─────┴──► FAILED           (from any state but CHECKED)
 *      └──► CHECKED: it was on disk after all
 *
 * SETTLING  a work thread looks at the disk and at what an earlier transfer left
 * ASKING    a request is under way, or waits for its turn or its retry; no head yet
 * ARRIVING  the head is in; bytes come in behind it
 * CHECKING  all bytes are in; hashes and sums are being compared
 * CHECKED   its bytes may be given out to the last one
 *
 * Who writes what: the fetch thread alone writes the partial file and moves the watermark; one work
 * thread at a time hashes behind it. What has been given out cannot be taken back, so when an
 * upstream turns out to send something else than before, the epoch advances and every view of the
 * old one is cut. */
#ifndef MIRROR_FLIGHT_H
#define MIRROR_FLIGHT_H

#include "declared.h"
#include "hash.h"
#include "host_internal.h"
#include "json.h"
#include "moment.h"

#include <modelhost/view.h>

enum flight_state {
    FLIGHT_SETTLING,
    FLIGHT_ASKING,
    FLIGHT_ARRIVING,
    FLIGHT_CHECKING,
    FLIGHT_CHECKED,
    FLIGHT_FAILED
};
const char *flight_state_name(enum flight_state state);

/* What the upstream's head says of the bytes. Owned strings; NULL where it says nothing. */
struct flight_head {
    char *etag;
    char *last_modified;
    char *generation;
    char *content_type;
    char *cache_control;
    struct declared declared;
    bool is_no_store;
    bool is_encoded;     /* what comes is gzip of the object: see flight_decode.c */
    int64_t answered_at; /* seconds since the epoch */
    int64_t date;        /* the same by the upstream's clock, where it tells */
};

struct flight {
    struct mh_host *host;
    struct object *object; /* counted */
    atomic_uint refs;      /* the engine's one until it is over; views; work that is queued */

    /* host->lock: */
    struct flight *next_flight;  /* host->flights */
    struct flight *next_waiting; /* host->parked, host->to_publish */
    bool is_detached;            /* failed, and its object has another flight already */
    bool is_followed;            /* its set starts over: see what is missing when it has ended */
    bool is_revoked;             /* its group's sum failed after it was checked: not to stay */

    pthread_mutex_t lock;
    /* lock: */
    enum flight_state state;
    uint32_t epoch; /* advances when bytes that were given out turn out not to be the object's */
    uint64_t news;  /* advances with everything that a view might wait for */
    uint64_t watermark; /* bytes from 0 that are in the partial file */
    uint64_t total;     /* or MH_BYTES_UNKNOWN */
    uint64_t moved_ms;  /* the upstream was first asked, or last sent something; monotonic; 0: its
                           turn has not come */
    bool was_encoded;   /* the partial file holds what it was decoded to */
    bool is_sniffed;    /* the first bytes look like what they should be */
    bool is_received;   /* the transfer has ended well */
    bool is_unkept;     /* concluded without a version, though nothing failed */
    bool is_work_queued;
    bool is_released;        /* what it was held for has been answered: look again */
    bool is_asking;          /* a fetch job is submitted */
    bool is_over;            /* concluded */
    bool wants_room;         /* a full disk stopped the transfer; `fault` says where */
    uint64_t had_room_at;    /* watermark when room was last made, or UINT64_MAX */
    bool has_note;           /* the head is to be noted beside the partial file */
    uint32_t clients;        /* views */
    struct flight_head head; /* replaced by the fetch thread when an attempt brings another */
    enum mh_code code;       /* when FAILED */
    struct mh_fault fault;
    struct mh_waiter *waiters;
    struct version *version;      /* when it was on disk after all; counted */
    char etag[VERSION_ETAG_SIZE]; /* when CHECKED */
    struct moment moment;         /* when CHECKED: when its bytes were the upstream's */

    struct refresh *refresh;  /* whose flight this is, or NULL */
    bool is_recheck;          /* it asks for a manifest again, for recheck.c */
    struct version *based_on; /* the two ask whether it is still current; counted */

    int part_fd; /* set by the settling, then constant */
    char partial_id[STORE_ID_SIZE];

    /* The fetch thread's (and the settling's, before the job is submitted): */
    struct fetch_job job;
    char *url;          /* of the base that is being asked */
    size_t base;        /* index into mirror->bases */
    int64_t changed_at; /* when the upstream says its bytes came to be, by its clock; 0: unknown;
                           host->lock */
    uint64_t write_at;  /* offset of the next received byte */
    uint64_t kept;      /* bytes of an earlier process's transfer that the job asks to go on from */
    uint32_t attempt;
    bool has_progressed; /* this attempt brought new bytes */
    bool wants_whole;    /* ranges do not work here: ask for the whole */
    bool starts_over;    /* this attempt ended only to be made again at once */
    long status;         /* of this attempt's answer; 0: none */
    int64_t retry_after_s;
    bool is_unchanged;   /* 304: what it is based on is current */
    uint64_t max_bytes;  /* by its manifests, or UINT64_MAX */
    uint64_t wire_bytes; /* of an encoded answer, or MH_BYTES_UNKNOWN: total is not known then */
    uint64_t poked;      /* watermark at the last piece of work (under lock) */
    char *if_range;

    /* The work thread's: */
    struct work_item work;
    struct hash *sha256;
    struct hash *other; /* the declared digest, unless it is a sha256 */
    enum hash_kind other_kind;
    struct json_scan *scan;
    bool is_judged; /* all checks have passed but the one that it may be held for */
    uint64_t hashed;
    uint32_t hashed_epoch;
    uint64_t synced;
    uint8_t digest[32];
    bool has_passed;
    struct meta meta; /* what will be published; also the fetched note */
};

/* flight.c: life, state, waiting */

/* Begin a flight for an object that has none. The caller holds host->lock. NULL: no memory, or the
 * host is stopping. The flight belongs to itself until it is over: take a reference for longer use.
 */
struct flight *flight_start_locked(struct object *object);
/* The same for a refresh: asked conditionally, kept apart from the object's own flight and cached
 * bytes, and handed to refresh_flight_over() at its end. */
struct flight *flight_start_refresh_locked(struct object *object, struct refresh *refresh);
/* The same for asking for a manifest again; handed to recheck_flight_over() at its end. */
struct flight *flight_start_recheck_locked(struct object *manifest);
/* Is it a refresh's or a recheck's, and not the one that clients wait for? */
bool flight_is_apart(const struct flight *flight);
/* Frees what the head points to and zeroes it. */
void flight_head_done(struct flight_head *head);
struct flight *flight_ref(struct flight *flight);
void flight_unref(struct flight *flight); /* takes host->lock when it is the last */
/* The only place where the state changes. flight->lock held. */
void flight_set_state_locked(struct flight *flight, enum flight_state state);
/* Has the upstream been given its time for a first byte, and sent nothing since `since_ms`? Those
 * who have no head yet then wait no longer, and the flight goes on. flight->lock held. */
bool flight_is_late_locked(const struct flight *flight, uint64_t since_ms);
/* Tell whoever waits. flight->lock held. */
void flight_wake_locked(struct flight *flight);
/* Let a failed flight that is not concluded yet end by itself, so that its object may have another.
 * The next one settles when this one is over. host->lock held. Returns whether it was so. */
bool flight_detach_failed_locked(struct object *object);
/* End it with a failure, unless it is checked or has failed already. Any thread, flight->lock not
 * held; host->lock may be held. The conclusion follows when its job and work are over. */
void flight_fail(struct flight *flight, enum mh_code code, const struct mh_fault *fault);
/* After a job or a piece of work has ended: conclude a failed flight that does nothing more. */
void flight_conclude_if_failed(struct flight *flight);
/* The end: the version is installed (taken; NULL where there is none), or the failure remembered.
 */
void flight_conclude(struct flight *flight, struct version *version);
/* Queue the work item if it is not queued. flight->lock held. */
void flight_queue_work_locked(struct flight *flight);

/* flight_fetch.c: the fetch thread's side, attempt by attempt */
struct flight *flight_of_job(struct fetch_job *job);
extern const struct fetch_events flight_fetch_events;
/* Ask the upstream. flight->lock not held. */
void flight_ask(struct flight *flight);
/* Ask for the rest, with no job under way. The flight's work thread; flight->lock not held. */
void flight_ask_again(struct flight *flight);

/* flight_head.c, flight_body.c: what comes. Fetch thread, no locks held. */
MUST_USE enum mh_code flight_on_head(struct fetch_job *job, const struct fetch_head *head,
                                     struct mh_fault *f);
MUST_USE enum mh_code flight_on_body(struct fetch_job *job, const void *bytes, size_t n,
                                     struct mh_fault *f);
/* The transfer has ended well: is all there? */
MUST_USE enum mh_code flight_check_received(struct flight *flight, struct mh_fault *f);
/* Begin a new epoch at `keep`: what lies beyond is not the object's. */
MUST_USE enum mh_code flight_cut_at(struct flight *flight, uint64_t keep, struct mh_fault *f);
/* Look at the first bytes of the partial file. */
MUST_USE enum mh_code flight_sniff(struct flight *flight, struct mh_fault *f);
/* May it be so long? */
MUST_USE enum mh_code flight_check_ceiling(const struct flight *flight, uint64_t bytes,
                                           struct mh_fault *f);

/* flight_settle.c: the work threads' side, before the request */
void flight_settle(struct work_item *item);  /* the first piece of work */
void flight_prepare(struct work_item *item); /* the first of a refresh, and of a settled miss */

/* flight_check.c: the work threads' side, behind the watermark */
void flight_check(struct work_item *item); /* all later pieces of work */
struct flight *flight_of_work(struct work_item *item);
/* flight_decode.c: all encoded bytes are in. They are decoded, and the flight goes on with a
 * partial file, watermark and total of the object itself. Returns OK, CORRUPT (broken, too long, or
 * something else inside), TOO_LARGE, CANCELLED, IO, NO_SPACE or NOMEM. Work thread. */
MUST_USE enum mh_code flight_decode(struct flight *flight, struct mh_fault *f);
/* A piece of work has ended, and nothing more is queued: gives its reference back. */
void flight_end_work(struct flight *flight);

/* publish.c */
/* A checked flight's bytes go into the store; concludes it. Work thread, no locks. */
void publish_flight(struct flight *flight);
/* Take objects out of the index (host->lock held) and, later, out of the store. */
void publish_take_back_locked(struct mh_host *host, struct object *const *objects, size_t count);

#endif
