/* SPDX-License-Identifier: Apache-2.0 */
/* What fetch.c (the loop) and fetch_transfer.c (one transfer) share. The only header that includes
 * libcurl. Fetch thread only, but for what `lock` guards. */
#ifndef MIRROR_FETCH_INTERNAL_H
#define MIRROR_FETCH_INTERNAL_H

#include "fetch.h"
#include "proxy.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

struct fetcher {
    pthread_mutex_t lock; /* queue, jobs' is_cancelled, is_stopping */
    struct fetch_job *queue;
    bool is_stopping;

    CURLM *multi;
    struct fetch_transfer *active;
    size_t active_count;
    void (*tick)(void *arg);
    void *tick_arg;
    pthread_t thread;
    bool has_thread;
    struct proxy_env env; /* owned copies: the environment is read before the thread starts */
    atomic_uint_least64_t requests;
};

/* One hop of a job after another. */
struct fetch_transfer {
    struct fetch_transfer *next;
    struct fetcher *fetcher;
    struct fetch_job *job;
    CURL *easy;
    struct curl_slist *headers;
    char *url; /* of this hop */
    struct url_parts parts;
    unsigned hops;
    bool is_proxied;
    bool has_head;     /* the final answer's head was handed over */
    char *location;    /* the answer is a redirect to there */
    bool is_denied;    /* the address guard said no: `fault` names the address */
    uint64_t asked_ms; /* when the request was sent; 0: not yet */
    uint64_t moved_ms; /* when bytes last came */
    enum mh_code code; /* what on_head or on_body ended it with */
    struct mh_fault fault;
    char error[CURL_ERROR_SIZE];
};

MUST_USE enum mh_code transfer_new(struct fetcher *fetcher, struct fetch_job *job,
                                   struct fetch_transfer **ret, struct mh_fault *f);
void transfer_free(struct fetch_transfer *transfer);
/* Is this the end of a hop that leads to another? */
bool transfer_wants_next_hop(const struct fetch_transfer *transfer, CURLcode result);
/* Set the easy handle up for where `location` leads; it must be out of the multi handle. Fills
 * transfer->fault on failure. */
MUST_USE enum mh_code transfer_next_hop(struct fetch_transfer *transfer);
/* What the job's end is called; fills transfer->fault unless OK. */
enum mh_code transfer_result(struct fetch_transfer *transfer, CURLcode result);
/* When it is late, on the monotonic clock; UINT64_MAX: libcurl's connect timeout still rules. */
uint64_t transfer_deadline(const struct fetch_transfer *transfer);
enum mh_code transfer_fail_late(struct fetch_transfer *transfer);

#endif
