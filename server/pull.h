/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling models, wherever the work is done: by a host in this process, or by the server that runs
 * on the cache. For the `pull` command's files. One thread. */
#ifndef SERVER_PULL_H
#define SERVER_PULL_H

#include "attrs.h"
#include "command.h"
#include "progress.h"

#include <modelhost/model.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who does the work. */
struct puller {
    /* Begin to make a model local, or to refresh it. *ret_path is owned by the caller, mem_free().
     * Returns the codes of mh_host_resolve() and of mh_pull() or mh_refresh(). */
    enum mh_code (*begin)(struct puller *puller, const char *what, bool refreshes, char **ret_path,
                          struct mh_fault *fault);
    /* What became of it: as mh_model_get(). */
    enum mh_code (*look)(struct puller *puller, const char *path, struct mh_model *ret_model,
                         struct mh_fault *fault);
    void (*stop)(struct puller *puller); /* we do not wait any longer */
    void (*close)(struct puller *puller);
    struct mh_host *host;  /* of a puller_host */
    const char *cache_dir; /* of a puller_control; borrowed */
};

/* A host of our own, which is taken: `close` closes it. */
void puller_host_init(struct puller *ret, struct mh_host *host);
/* For such a host: its failures are told by the models, so its events are worth a debug line. */
void puller_on_event(void *arg, const struct mh_event *event);
/* The server on this cache. Returns OK, NOT_FOUND (there is none) or the codes of
 * mh_control_call(). */
MUST_USE enum mh_code puller_control_open(struct puller *ret, const char *cache_dir,
                                          struct mh_fault *fault);

/* One model that is wanted. */
struct pull_job {
    const char *what; /* borrowed */
    char *path;       /* NULL until it was begun */
    struct mh_model model;
    bool has_model;
    bool is_pulled; /* after a refresh that left it incomplete */
    bool is_finished;
    bool is_told;           /* pull_next() has given it out */
    uint64_t moved_ms;      /* when bytes_present last grew */
    uint64_t idle_since_ms; /* nobody fetches it; 0: somebody does */
    enum mh_code code;      /* of a finished job */
    struct mh_fault fault;
};

struct pull {
    struct puller *puller;
    struct pull_job *jobs;
    size_t job_count;
    struct progress *progress;
    bool refreshes;
    uint64_t patience_ms; /* how long a transfer may stand still before we give up on it */
};

/* Longer than any transfer may stand still by its own deadlines, so that they speak first. */
uint64_t pull_patience_ms(const struct settings *settings);

/* Begin all jobs; one that cannot begin is finished with its fault. */
void pull_begin(struct pull *pull);
/* Wait for the next job that is finished. NULL: none is left, or pull_was_interrupted(). */
struct pull_job *pull_next(struct pull *pull);
void pull_job_done(struct pull_job *job);

/* Let INT, TERM and HUP end the waiting instead of the process, until the second of them. */
void pull_catch_signals(void);
bool pull_was_interrupted(void);
/* End the process by the signal that interrupted it, so that its parent knows. Returns if none did.
 */
void pull_end_by_signal(void);

/* `pull -o FILE URL`. Returns the exit status. */
int pull_to_file(const struct invocation *invocation, const struct settings *settings);

/* Tell of a failure on standard error. */
void pull_tell_failure(const struct pull_job *job);
/* Tell of models on standard output, as JSON. */
MUST_USE bool pull_print_json(const struct pull_job *jobs, size_t count);

#endif
