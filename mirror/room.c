/* SPDX-License-Identifier: Apache-2.0 */
/* A full disk in the middle of something.
 *
 * Whoever meets it comes here: a transfer, with what has arrived kept and its request ended; a
 * commit, with nothing changed. Groups that are unpinned and unused go, least recently used first,
 * and it is tried again. One thread makes room at a time, so that the next one sees what the last
 * one gained. Nothing is evicted in vain: where all of it together would not be enough for a length
 * that is known, the cache stays as it is.
 *
 * A transfer that gets no room fails alone, and gives back at once what it holds, which may be just
 * what the next one lacks. Every round evicts something or is the last, so all loops end.
 *
 * Work threads. Nothing here decides what may go: that is manage_gc.c. */
#include "room.h"

#include "fault.h"
#include "manage.h"

#include <errno.h>
#include <unistd.h>

#define LEAST_BYTES  (1u << 20) /* asked for at least, so that room lasts for more than a moment */
#define COMMIT_TRIES 8

static enum mh_code
make_locked(struct mh_host *host, uint64_t bytes, bool must_evict, struct mh_fault *f)
{
    uint64_t free_bytes = store_free_bytes(host->store);

    if (!must_evict && free_bytes >= bytes && free_bytes - bytes >= LEAST_BYTES)
        return MH_OK;
    return manage_evict(host, bytes, f);
}

enum mh_code
room_make(struct mh_host *host, uint64_t bytes, bool must_evict, struct mh_fault *f)
{
    (void) pthread_mutex_lock(&host->room_lock);
    enum mh_code code = make_locked(host, bytes, must_evict, f);

    (void) pthread_mutex_unlock(&host->room_lock);
    return code;
}

enum mh_code
room_commit(struct mh_host *host, struct store_step *steps, size_t count, struct mh_fault *f)
{
    enum mh_code code = store_commit(host->store, steps, count, f);

    for (unsigned tries = 0; code == MH_NO_SPACE && tries < COMMIT_TRIES; tries++) {
        struct mh_fault ignored; /* why nothing can go matters less than what wanted to come */

        if (room_make(host, LEAST_BYTES, tries > 0, &ignored) != MH_OK)
            break;
        code = store_commit(host->store, steps, count, f);
    }
    return code;
}

/* No room, and none to be made: the flight's clients are cut, or get the sentence. */
static void
give_up(struct flight *flight, enum mh_code code, struct mh_fault *fault)
{
    if (code == MH_NO_SPACE)
        fault_prepend(fault,
                      "the disk is full, and nothing unpinned and unused in the cache would make "
                      "enough room");
    flight_fail(flight, code, fault);
    /* Whoever reads it is cut already. If this fails, the conclusion removes the file. */
    if (code == MH_NO_SPACE)
        (void) !ftruncate(flight->part_fd, 0);
}

void
room_for_flight(struct flight *flight)
{
    struct mh_host *host = flight->host;

    (void) pthread_mutex_lock(&flight->lock);
    uint64_t rest = flight->total != MH_BYTES_UNKNOWN && flight->total > flight->watermark
                        ? flight->total - flight->watermark
                        : flight->watermark; /* as much again as there is */
    bool is_stuck = flight->had_room_at == flight->watermark;
    struct mh_fault why = flight->fault;

    flight->had_room_at = flight->watermark;
    (void) pthread_mutex_unlock(&flight->lock);
    if (why.foreign == EFBIG) { /* a limit of the process or the file system: room is no cure */
        flight_fail(flight, MH_NO_SPACE, &why);
        return;
    }
    struct mh_fault fault = {0};

    (void) pthread_mutex_lock(&host->room_lock);
    enum mh_code code = make_locked(host, rest, is_stuck, &fault);

    if (code != MH_OK)
        give_up(flight, code, code == MH_NO_SPACE ? &why : &fault);
    (void) pthread_mutex_unlock(&host->room_lock);
    if (code == MH_OK)
        flight_ask_again(flight);
}
