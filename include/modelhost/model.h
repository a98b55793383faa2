/* SPDX-License-Identifier: Apache-2.0 */
/* Models: manifests with all their shards, as the commands and the API tell of them, and pulls. */
#ifndef MODELHOST_MODEL_H
#define MODELHOST_MODEL_H

#include <modelhost/code.h>
#include <modelhost/host.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mh_model_state { MH_MODEL_COMPLETE, MH_MODEL_ARRIVING, MH_MODEL_INCOMPLETE, MH_MODEL_CORRUPT };

/* "complete", "arriving", "incomplete", "corrupt". */
const char *mh_model_state_name(enum mh_model_state state);

/* What is known of a cached model's upstream. */
enum mh_upstream_state {
    MH_UPSTREAM_NONE,     /* nothing is cached that could be compared */
    MH_UPSTREAM_FRESH,    /* asked lately, or its URL names what never changes */
    MH_UPSTREAM_DUE,      /* the next request has it asked again */
    MH_UPSTREAM_UPDATING, /* is being asked */
    MH_UPSTREAM_FAILING,  /* could not be asked the last time */
    MH_UPSTREAM_OFFLINE   /* is never asked: the host is offline */
};

/* "fresh", "due", "updating", "failing", "offline"; NULL of NONE. */
const char *mh_upstream_state_name(enum mh_upstream_state state);

/* One model. An object that no manifest names is a model of one file. */
struct mh_model {
    char *path; /* local path of the manifest, e.g. "/tfjs-models/.../model-stride16.json" */
    char *url;  /* its upstream URL */
    enum mh_model_state state;
    uint64_t bytes;         /* of all files, as far as they are known */
    uint64_t bytes_present; /* of what is cached, and of what has arrived */
    uint32_t files;         /* the manifest and its distinct shards */
    uint32_t files_present;
    bool is_pinned;
    enum mh_upstream_state upstream; /* of the manifest */
    int64_t validated_at; /* when the upstream last vouched for it; 0: nothing is cached */
    int64_t last_used;    /* seconds since the epoch; 0: not since it was cached */
    enum mh_code code;    /* why it is incomplete, where a flight failed; else MH_OK */
    struct mh_fault fault;
    bool is_refreshing;        /* its upstream is being asked whether it is current */
    enum mh_code refresh_code; /* why that failed the last time, the copy staying; else MH_OK */
    struct mh_fault refresh_fault;
};

void mh_model_done(struct mh_model *model);

/* Tell of one model.
 *
 * path       local path with its query, as in a request
 * ret_model  on OK filled; end it with mh_model_done()
 *
 * Returns OK; NOT_FOUND (nothing of it is cached, arriving or lately failed); BUSY (the disk has
 * not been looked at yet: try again); BAD_INPUT; NOMEM. */
MH_MUST_USE enum mh_code mh_model_get(struct mh_host *host, const char *path,
                                      struct mh_model *ret_model, struct mh_fault *fault);

/* All models, in the order of their paths. *ret_models is owned by the caller, an array of *ret_n
 * ended by mh_models_free(). Returns OK or NOMEM. */
MH_MUST_USE enum mh_code mh_models_list(struct mh_host *host, struct mh_model **ret_models,
                                        size_t *ret_n, struct mh_fault *fault);
void mh_models_free(struct mh_model *models, size_t n);

/* One download in progress. */
struct mh_flight_info {
    char *path;
    uint64_t bytes;
    uint64_t total; /* or MH_BYTES_UNKNOWN */
    uint32_t clients;
    const char *state; /* static string */
};
MH_MUST_USE enum mh_code mh_flights_list(struct mh_host *host, struct mh_flight_info **ret_flights,
                                         size_t *ret_n, struct mh_fault *fault);
void mh_flights_free(struct mh_flight_info *flights, size_t n);

/* Turn what a person names into a local path.
 *
 * what      an upstream URL under a mirror, or a local path ("/tfjs-models/...")
 * ret_path  on OK, owned by the caller, freed with free()
 *
 * Returns OK, BAD_INPUT, or NOT_FOUND (no mirror leads there; the fault lists the mirrors). */
MH_MUST_USE enum mh_code mh_host_resolve(const struct mh_host *host, const char *what,
                                         char **ret_path, struct mh_fault *fault);

/* Begin to make a model local, as a client that asked for it would. Returns at once; what becomes
 * of it is told by mh_model_get(). A failure of an earlier pull of it is forgotten. */
MH_MUST_USE enum mh_code mh_pull(struct mh_host *host, const char *path, struct mh_fault *fault);

/* Begin to ask the upstream whether what is cached of a model, and of its group, is current,
 * however young it is; new files replace it when all are here and nobody is using it. What is not
 * cached is pulled. Returns at once: while mh_model_get() says is_refreshing it goes on,
 * refresh_code says how it ended.
 *
 * Returns OK; BUSY (a file of it is arriving, or the disk has not been looked at: try again);
 * DENIED (the cache is read-only); UNREACHABLE (offline); CANCELLED; or as mh_pull(). */
MH_MUST_USE enum mh_code mh_refresh(struct mh_host *host, const char *path, struct mh_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
