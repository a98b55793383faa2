/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are kept ready: what a file of the mirror or of the app costs when it is asked for
 * again within a second is a look into a table of the HTTP thread's own. */
#ifndef SERVER_READY_H
#define SERVER_READY_H

#include "attrs.h"
#include "conditional.h"
#include "reply.h"
#include "request.h"

#include <stdbool.h>
#include <stdint.h>

enum ready_kind { READY_BODY, READY_HEAD, READY_NOT_MODIFIED };
#define READY_KIND_COUNT 3

/* What a reply that may be kept is an answer to. */
struct ready_offer {
    enum ready_kind kind;
    const struct conditional_object *object; /* borrowed */
    int64_t now; /* the second that the reply was made for, and holds for */
    bool is_hit; /* counts among the hits of the mirror */
};

/* Answer from the table. Returns whether *ret_answer is set; if not, nothing has happened.
 * The request's own HTTP thread. No file is touched, no lock taken that another core wants. */
MUST_USE bool ready_answer(struct request *rq, enum answer *ret_answer);

/* Send a reply whose body does not depend on the request, and keep it where it is asked for again.
 * The request's view, if it has one, may be taken over. Empties the reply. */
MUST_USE enum answer ready_send(struct request *rq, struct reply *reply,
                                const struct ready_offer *offer);

/* The answer behind request->kept has been sent, or its connection is gone. NULL is accepted. */
void ready_sent(struct ready *ready);

/* Let go of what is too old to be answered, also in threads that have nothing to do. Any thread
 * but HTTP threads. */
void ready_sweep(struct server *server);
/* Let go of all that was made so far: what it was made by has changed. Any thread but HTTP threads.
 */
void ready_drop(struct server *server);
/* All of it, once no HTTP thread is left. */
void ready_free_all(struct server *server);

/* Descriptors that kept answers may hold, of `limit` that the process may have. */
uint64_t ready_files_max(uint64_t limit);

#endif
