/* SPDX-License-Identifier: Apache-2.0 */
/* What `export` and `import` share: the two questions that only the cache's writer can answer, and
 * who that is. */
#ifndef SERVER_CARRY_H
#define SERVER_CARRY_H

#include "attrs.h"
#include "buf.h"
#include "json.h"
#include "settings.h"

#include <modelhost/cargo.h>

#include <stdbool.h>

/* One of the two, JSON to JSON. A failure of the work is part of the answer, as "failure", because
 * a status says less than a code. Returns OK, BAD_INPUT (the body) or NOMEM. Blocks on the disk. */
typedef enum mh_code carry_run(struct mh_host *host, const struct json *body, struct buf *json,
                               struct mh_fault *fault);

#define CARRY_EXPORT "/-/api/export"
#define CARRY_IMPORT "/-/api/import"
/* {"what": [...]} -> {"cargo": TEXT}, the text as mh_cargo_read() takes it, or {"failure"}. */
carry_run carry_export;
/* {"stage": NAME} -> {"models": [{path, files, bytes}]}, or {"failure"}. */
carry_run carry_import;
/* By path; NULL: neither. */
carry_run *carry_of_path(const char *path);

/* Who answers: the server on the cache, or a host of our own. Main thread. */
struct carrier {
    const struct settings *settings; /* borrowed */
    struct mh_host *host;            /* NULL: a server runs */
    int dir_fd;                      /* the cache directory */
};

/* End it with carrier_close() in any case. */
MUST_USE enum mh_code carrier_open(struct carrier *ret, const struct settings *settings,
                                   struct mh_fault *fault);
void carrier_close(struct carrier *carrier);
/* *ret_answer is owned by the caller, json_free(). The failure in an answer is returned as such. */
MUST_USE enum mh_code carrier_ask(struct carrier *carrier, const char *path, const char *body,
                                  struct json **ret_answer, struct mh_fault *fault);

#endif
