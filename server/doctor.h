/* SPDX-License-Identifier: Apache-2.0 */
/* What a page would run into with a model. The judgements are pure; the fetching is the command's.
 */
#ifndef SERVER_DOCTOR_H
#define SERVER_DOCTOR_H

#include "attrs.h"
#include "buf.h"
#include "inspection.h"
#include "list.h"

#include <modelhost/code.h>
#include <modelhost/probe.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum doctor_level { DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_ERROR };

struct doctor_finding {
    enum doctor_level level;
    int status; /* the exit status that it stands for; 0 unless it is an error */
    char *sentence;
};

struct doctor_report {
    struct list findings; /* struct doctor_finding * */
    bool has_lost;        /* memory ran out: it is not the whole truth */
};

/* One file as it came. */
struct doctor_file {
    const char *name;             /* for sentences: "model.json", or the shard's path */
    const struct mh_probe *probe; /* what came */
    enum mh_code code;            /* of mh_probe() */
    const struct mh_fault *fault;
    bool is_shard;
};

/* A shard, when its bytes are gone. */
struct doctor_shard {
    uint64_t bytes;
    char digest[65];
    bool is_there; /* it came whole, with a good status */
};

void doctor_find(struct doctor_report *report, enum doctor_level level, int status,
                 const char *format, ...) PRINTF_LIKE(4, 5);
/* The worst finding's exit status; 0 where there is no error. */
int doctor_status(const struct doctor_report *report);
void doctor_report_done(struct doctor_report *report);

/* Judge how one file came: transport, status, redirects, CORS for a page of `origin` (NULL: of any
 * other), mixed content, type, and what its first bytes are. Returns whether its body can be used.
 */
bool doctor_judge_file(struct doctor_report *report, const struct doctor_file *file,
                       const char *origin);
/* Judge the shards' lengths and order against the manifest; one entry for each of its shards. */
void doctor_judge_shards(struct doctor_report *report, const struct inspection *inspection,
                         const struct doctor_shard *shards);
/* Judge the variant against load()'s parameters: CATALOG_PARAM_COUNT texts, NULL where not given.
 */
void doctor_judge_variant(struct doctor_report *report, const struct inspection_variant *variant,
                          const char *const *given);

/* The URL that TensorFlow.js asks for a shard: text put together, nothing resolved. */
void doctor_shard_url(const char *model_url, const char *path, struct buf *out);

#endif
