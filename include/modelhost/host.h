/* SPDX-License-Identifier: Apache-2.0 */
/* A host: one cache directory and the mirrors that fill it.
 *
 * The host owns a fetch thread (all network), a few work threads (hashing, parsing, publishing) and
 * the cache directory's lock. Everything else is done on the caller's threads and never waits for
 * the network. Strings of a configuration are borrowed until mh_host_open() returns. */
#ifndef MODELHOST_HOST_H
#define MODELHOST_HOST_H

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mh_host;

#define MH_REVALIDATE_ALWAYS 0
#define MH_REVALIDATE_NEVER  (-1)

/* One mirror: a local path prefix bound to an upstream base URL. */
struct mh_mirror_config {
    const char *name;                /* [a-z0-9][a-z0-9._-]*, also its directory in the cache */
    const char *path;                /* starts and ends with '/' */
    const char *upstream;            /* http or https base URL that ends with '/' */
    const char *known_as;            /* another base URL that its files are known by, which leads
                                        to this mirror and is never asked; or NULL */
    const char *const *fallbacks;    /* NULL-terminated base URLs, or NULL */
    const char *const *headers;      /* NULL-terminated "Name: value", sent to the upstream's own
                                        origin only, or NULL */
    const char *const *query_ignore; /* NULL-terminated parameter names that are sent upstream but
                                        are not part of an object's identity, or NULL */
    const char *proxy;               /* proxy URL, or NULL for the environment's */
    const char *ca_file;             /* PEM file, or NULL for the system's */
    int64_t revalidate_s;            /* age in seconds, or MH_REVALIDATE_... */
    uint32_t connect_timeout_ms;
    uint32_t first_byte_timeout_ms;
    uint32_t stall_timeout_ms; /* a transfer without a byte for this long is given up */
    uint32_t negative_ttl_s;   /* how long a 404 or 410 is remembered */
    uint32_t retries;          /* further attempts after the first, for failures that may pass */
    bool allow_private;        /* may the upstream, or a redirect, be a private address? */
};

/* What the host tells its owner as it happens. Called on any of the host's threads, without locks;
 * the callee must not block on the host. */
enum mh_event_kind {
    MH_EVENT_PUBLISHED, /* an object came into the cache */
    MH_EVENT_FAILED,    /* a flight ended without one; fault says why */
    MH_EVENT_RETRY,     /* a flight failed in a way that may pass, and will be tried again */
    MH_EVENT_WARNING    /* something was tolerated; fault says what */
};

struct mh_event {
    enum mh_event_kind kind;
    enum mh_code code; /* of the failure; MH_OK for PUBLISHED */
    const char
        *path; /* local path of the object without its query, borrowed; "" where there is none */
    const struct mh_fault *fault; /* borrowed; never NULL */
};

struct mh_host_config {
    const char *cache_dir; /* made, with its parents, if it does not exist */
    const struct mh_mirror_config *mirrors;
    size_t mirror_count;
    uint64_t json_max_bytes; /* ceiling of a .json object */
    uint32_t settle_ms;
    uint32_t settle_max_ms;
    uint64_t max_bytes;                                        /* the cache's size; 0: no limit */
    uint64_t min_free_bytes;                                   /* what the file system keeps free */
    bool is_offline;                                           /* never contact an upstream */
    const char *user_agent;                                    /* or NULL for "modelhost/VERSION" */
    void (*on_event)(void *arg, const struct mh_event *event); /* or NULL */
    void *event_arg;
};

/* Defaults of every member but name, path, upstream and cache_dir, which stay NULL. */
void mh_mirror_config_init(struct mh_mirror_config *config);
void mh_host_config_init(struct mh_host_config *config);

/* Open a cache directory for writing and start the host's threads.
 *
 * ret_host  owned by the caller, ended by mh_host_close()
 *
 * Redoes what an interrupted publish left, then returns; the index is rebuilt in the background.
 * A directory that may not be written to is opened for reading (mh_host_check_writable()): what it
 * holds is served, is not revalidated, and nothing can be added or removed.
 * Returns OK, BAD_INPUT (a mirror's name, path or URL), BUSY (another process writes to this cache:
 * the fault names its pid), UNSUPPORTED (a newer cache format), IO, NO_SPACE or NOMEM.
 * Blocks on disk. */
MH_MUST_USE enum mh_code mh_host_open(const struct mh_host_config *config,
                                      struct mh_host **ret_host, struct mh_fault *fault);

/* Cancel all flights and wake every waiter. Views stay readable for what they have; a new view of
 * what is not cached fails with CANCELLED. Idempotent, any thread; returns at once. */
void mh_host_stop(struct mh_host *host);

/* Stop, join the threads, release the lock. All views and pulls must be closed before. NULL is
 * accepted. What was arriving stays in partial/ and is resumed by the next host. */
void mh_host_close(struct mh_host *host);

/* OK, or DENIED: the cache was opened for reading. The fault says why and what to do. */
MH_MUST_USE enum mh_code mh_host_check_writable(const struct mh_host *host, struct mh_fault *fault);

/* The cache's directory descriptor, borrowed; for the owner's own files beside the store. */
int mh_host_dir_fd(const struct mh_host *host);

/* Does a mirror own this request path? The longest mirror path that is a prefix wins. A mirror's
 * path without its last '/' is not owned. Any thread, no lock.
 * Returns the mirror's name, borrowed from the host, or NULL. */
const char *mh_host_mirror_of(const struct mh_host *host, const char *path);

/* The counters of a host since it was opened; a consistent set is not promised. */
struct mh_counters {
    uint64_t upstream_requests; /* requests sent, each hop and attempt */
    uint64_t upstream_bytes;    /* body bytes received */
    uint64_t published;         /* objects */
    uint64_t failures;          /* flights that ended without an object */
    uint64_t flights;           /* now */
    uint64_t objects;           /* cached now */
    uint64_t object_bytes;      /* cached now */
    uint64_t form_bytes;        /* of encoded forms, cached now beside the objects */
    uint64_t forms_made;        /* encoded, or found to be useless */
};
void mh_host_counters(const struct mh_host *host, struct mh_counters *ret);

#ifdef __cplusplus
}
#endif
#endif
