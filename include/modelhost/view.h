/* SPDX-License-Identifier: Apache-2.0 */
/* A view: one client's hold on one object, cached or still arriving.
 *
 * A view is fixed to one version from the moment its head is known: whatever is published later,
 * it reads the same bytes. A view of an arriving object keeps that download going, and the
 * download goes on after the view is closed.
 *
 * No call waits for the network. What is not there yet answers MH_BUSY; mh_view_wait() then parks
 * the caller until there is news. A view belongs to one thread at a time. */
#ifndef MODELHOST_VIEW_H
#define MODELHOST_VIEW_H

#include <modelhost/code.h>
#include <modelhost/host.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mh_view;

#define MH_BYTES_UNKNOWN UINT64_MAX

/* Where an answer comes from; the values of X-Cache (design §8). */
enum mh_cache_state {
    MH_CACHE_HIT,
    MH_CACHE_MISS,        /* fed by a flight */
    MH_CACHE_REVALIDATED, /* the request waited for a 304 */
    MH_CACHE_UPDATING,    /* stale, being revalidated */
    MH_CACHE_STALE,       /* stale, and the upstream fails */
    MH_CACHE_OFFLINE
};

/* What is known of an object before its bytes. Borrowed from the view. */
struct mh_head {
    uint64_t bytes;           /* or MH_BYTES_UNKNOWN: the answer must be chunked */
    char etag[68];            /* strong, quoted, from the sha256; "" while it is not known */
    int64_t modified_at;      /* Last-Modified, seconds since the epoch; -1 unknown */
    const char *content_type; /* the upstream's, or NULL */
    int64_t validated_at;     /* when the upstream last vouched for it, seconds since the epoch */
    enum mh_cache_state cache;
    bool is_immutable; /* its URL names its content, or its upstream says that it never changes */
    bool is_unkept;    /* its upstream forbids to keep it: nobody else should */
    bool is_arriving;  /* fed by a flight that has not passed its checks yet */
};

/* Open a view of what a request asks for.
 *
 * target    the raw request target: path, still percent-encoded, and query; borrowed
 * ret_view  owned by the caller, ended by mh_view_close()
 *
 * An object that is not cached starts its flight, or joins the one there is. Asking for a manifest
 * makes its shards arrive too.
 * Returns OK, NOT_FOUND (no mirror owns it, or a dotfile), BAD_INPUT (dot segments, NUL, backslash,
 * broken escapes), CANCELLED or NOMEM. Any thread; takes the index lock; does not block. */
MH_MUST_USE enum mh_code mh_view_open(struct mh_host *host, const char *target,
                                      struct mh_view **ret_view, struct mh_fault *fault);

/* What a request asks of a cache beyond the object (RFC 9111 §5.2.1). */
struct mh_wish {
    bool only_if_cached; /* what is not in the cache is not fetched */
    int64_t max_age_s;   /* what was validated longer ago is asked about first; 0: in any case; -1:
                            the mirror's setting decides alone */
};
#define MH_WISH_NONE ((struct mh_wish){.only_if_cached = false, .max_age_s = -1})

/* mh_view_open() for such a request.
 *
 * wish  borrowed
 *
 * With only_if_cached, the view of what is not there fails with TIMEOUT, and with BUSY while it is
 * not known. With max_age_s, mh_view_head() answers BUSY until the upstream has said that the
 * object's group is unchanged (REVALIDATED), that it has changed (UPDATING: it is switched as a
 * whole when it is quiet), or nothing (STALE). What can never change is not asked about. */
MH_MUST_USE enum mh_code mh_view_open_wishing(struct mh_host *host, const char *target,
                                              const struct mh_wish *wish, struct mh_view **ret_view,
                                              struct mh_fault *fault);

/* NULL is accepted. Never call it from a waiter's functions. */
void mh_view_close(struct mh_view *view);

/* What is known of the object.
 *
 * Returns OK; BUSY (not yet, see mh_view_wait()); TIMEOUT (the upstream has sent nothing for the
 * mirror's first_byte_timeout; the flight goes on); else the flight's failure, with the upstream,
 * the expected and the found in *fault. After OK it answers OK for good, with the same head. */
MH_MUST_USE enum mh_code mh_view_head(struct mh_view *view, const struct mh_head **ret_head,
                                      struct mh_fault *fault);

/* Read bytes, as far as they may be given out.
 *
 * offset  where to read, in bytes from the object's beginning
 * end     where this client's answer ends (exclusive); MH_BYTES_UNKNOWN: the object's end. The byte
 *         before it is withheld until the object's checks have passed
 * buffer  at least `size` bytes
 * ret_n   on OK, bytes read: 0 only at the end
 *
 * Returns OK; BUSY (nothing to give yet); IO; else the flight's failure: the answer must then be
 * cut, so that no client takes it for whole. Only after mh_view_head() gave OK. May block on disk
 * for bytes that are already there. */
MH_MUST_USE enum mh_code mh_view_read(struct mh_view *view, uint64_t offset, uint64_t end,
                                      void *buffer, size_t size, size_t *ret_n,
                                      struct mh_fault *fault);

/* A descriptor of a checked object's file.
 *
 * ret_fd  read-only, close-on-exec, owned by the caller; its file holds exactly head.bytes bytes of
 *         this view's version, and is never written again
 *
 * Returns OK; BUSY (still arriving: use mh_view_read()); IO; NOT_FOUND (the file was changed or
 * removed from outside: the caller may open a new view, for which it is verified or fetched again);
 * or the failure of an arriving object's flight. */
MH_MUST_USE enum mh_code mh_view_open_fd(struct mh_view *view, int *ret_fd, struct mh_fault *fault);

/* Is what this view reads still what a new view would get? Not while the object is being switched
 * or removed, either. Two atomic loads, any thread, no lock: for callers that keep answers ready.
 */
bool mh_view_is_current(const struct mh_view *view);

/* Keep the view open without using it: it holds its version, but no longer counts as an answer
 * being sent, which a switch to newer files would wait for. Takes the index lock; does not block.
 */
void mh_view_rest(struct mh_view *view);

/* An answer that was kept ready over a resting view begins to be sent, and has ended: in between it
 * counts. Always in pairs, before the view is closed. One atomic addition, any thread, no lock. */
void mh_view_send_begin(const struct mh_view *view);
void mh_view_send_end(const struct mh_view *view);

/* Count a use of the object without opening a view (for kept answers). One atomic store. */
void mh_view_touch(const struct mh_view *view);

/* Is the object a known shard of a manifest? An error for it is best sent without a body. */
bool mh_view_is_shard(const struct mh_view *view);

/* The upstream URL behind a view, without credentials. Borrowed from the view. */
const char *mh_view_upstream(const struct mh_view *view);

/* One who waits. Embedded in the caller's own struct. */
struct mh_waiter {
    void (*pause)(struct mh_waiter *waiter); /* about to wait; on the waiting thread */
    void (*wake)(struct mh_waiter *waiter);  /* news, or 5 s have passed; on any thread, once */
    /* The library's own: */
    struct mh_waiter *next;
    struct mh_waiter **link; /* what points to this one; NULL: it does not wait */
};

/* Wait for news after BUSY.
 *
 * Calls waiter->pause under the flight's lock and remembers the waiter, so that no news falls
 * between; or, where there has been news since the BUSY, does neither. pause and wake must not call
 * the library. Wakes at least every 5 s, so that a caller can look after its client's hang-up.
 *
 * Returns whether the caller is paused now. */
bool mh_view_wait(struct mh_view *view, struct mh_waiter *waiter);

/* Take a waiter back before it was woken. Returns whether it was still waiting: then wake will not
 * be called; otherwise it has been called or is being called. */
bool mh_view_unwait(struct mh_view *view, struct mh_waiter *waiter);

#ifdef __cplusplus
}
#endif
#endif
