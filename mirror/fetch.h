/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher: one thread that owns the curl multi handle and all network traffic.
 *
 * It knows nothing of flights or files. A job is one GET with its redirects; what arrives is handed
 * to the job's events, on the fetch thread. A redirect is a new request with headers of ours (a
 * mirror's own headers and credentials go to the upstream's origin alone), and every address that
 * is connected to passes the guard of address.h. No caller sees a CURL handle. */
#ifndef MIRROR_FETCH_H
#define MIRROR_FETCH_H

#include "address.h"
#include "attrs.h"
#include "coding.h"
#include "url.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetcher;
struct fetch_transfer; /* the fetcher's */

#define FETCH_LENGTH_UNKNOWN UINT64_MAX
#define FETCH_MAX_HOPS       10

/* How a mirror asks. Immutable while jobs use it. */
struct fetch_policy {
    const char *user_agent;
    const char *proxy;   /* or NULL: the environment's */
    const char *ca_file; /* or NULL: the system's */
    uint32_t connect_timeout_ms;
    uint32_t first_byte_timeout_ms;
    uint32_t stall_timeout_ms;
    struct address_permission permission;
};

/* The head of a final answer (not a redirect, not 1xx). Valid during on_head only. */
struct fetch_head {
    long status;
    uint64_t length;         /* Content-Length: of the bytes as they come; FETCH_LENGTH_UNKNOWN */
    enum coding coding;      /* what they are wrapped in; nothing is taken off */
    bool has_range;          /* a well-formed Content-Range of bytes */
    uint64_t range_start;    /* then: first byte, */
    uint64_t range_complete; /* and complete length, or FETCH_LENGTH_UNKNOWN */
    struct fetch_transfer *transfer;
};
/* A header of that answer, or NULL; borrowed until on_head returns. Several lines of one name are
 * joined by ", " where `buffer` (of `size` bytes) is given. */
const char *fetch_header(const struct fetch_head *head, const char *name);
bool fetch_header_joined(const struct fetch_head *head, const char *name, char *buffer,
                         size_t size);

struct fetch_job;

/* All on the fetch thread, without locks. on_head and on_body may end the job by returning
 * something else than OK: on_done then reports that code, with the fault as they filled it. */
struct fetch_events {
    /* The request is being sent, after its turn has come; of each hop. May be NULL. */
    void (*on_asked)(struct fetch_job *job);
    enum mh_code (*on_head)(struct fetch_job *job, const struct fetch_head *head,
                            struct mh_fault *f);
    enum mh_code (*on_body)(struct fetch_job *job, const void *bytes, size_t n, struct mh_fault *f);
    /* What came was handled: a good moment to tell others, once for many on_body calls. */
    void (*on_pause)(struct fetch_job *job);
    /* The end; the job is the caller's again and may be submitted anew from here. */
    void (*on_done)(struct fetch_job *job, enum mh_code code, const struct mh_fault *f);
};

/* One request. The caller fills the first block and keeps it unchanged until on_done. */
struct fetch_job {
    const struct fetch_events *events;
    const struct fetch_policy *policy;
    const char *url;
    const char *const *headers;  /* the mirror's own, for `own` only; NULL-terminated, or NULL */
    const struct url_parts *own; /* the upstream's origin */
    uint64_t offset;             /* > 0: ask for a range from here to the end */
    const char *if_range;        /* with offset: validator, or NULL */
    bool wants_gzip;             /* Accept-Encoding: gzip; else identity */
    const char *if_none_match;   /* or NULL */
    const char *if_modified_since;

    /* The fetcher's: */
    struct fetch_job *next;
    struct fetch_transfer *transfer;
    uint64_t start_at_ms;
    bool is_cancelled;
    bool is_dirty;
};

/* tick: called about once a second on the fetch thread. */
MUST_USE enum mh_code fetcher_new(void (*tick)(void *arg), void *tick_arg, struct fetcher **ret,
                                  struct mh_fault *f);
/* Begin a job after delay_ms. Any thread; never blocks; may be called under a flight's lock. */
void fetch_submit(struct fetcher *fetcher, struct fetch_job *job, uint32_t delay_ms);
/* End a job early: on_done gets CANCELLED, unless it is over already. Any thread. */
void fetch_cancel(struct fetcher *fetcher, struct fetch_job *job);
/* End all jobs with CANCELLED, refuse new ones in the same way, join the thread. Idempotent. */
void fetcher_stop(struct fetcher *fetcher);
void fetcher_free(struct fetcher *fetcher); /* stops first; NULL is accepted */
/* Requests sent so far, each hop and attempt. */
uint64_t fetcher_requests(const struct fetcher *fetcher);

#endif
