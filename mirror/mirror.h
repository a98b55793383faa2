/* SPDX-License-Identifier: Apache-2.0 */
/* One mirror as the host uses it: its configuration, owned and checked. Immutable after
 * mirror_init(), so that any thread reads it without a lock. */
#ifndef MIRROR_MIRROR_H
#define MIRROR_MIRROR_H

#include "attrs.h"
#include "fetch.h"
#include "url.h"

#include <modelhost/code.h>
#include <modelhost/host.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a mirror's objects come from: its upstream, then its fallbacks. */
struct mirror_base {
    char *url; /* ends with '/' */
    struct url_parts parts;
    struct fetch_policy policy; /* with the permission that this URL gives */
};

struct mirror {
    char *name;
    char *path;
    size_t path_length;
    struct mirror_base *bases; /* the first is the upstream */
    size_t base_count;
    char *known_as;      /* a base URL that is never asked, or NULL */
    char **headers;      /* NULL-terminated, or NULL; for bases[0]'s origin only */
    char **query_ignore; /* NULL-terminated, or NULL */
    char *proxy;
    char *ca_file;
    char *user_agent;
    int64_t revalidate_s;
    uint32_t negative_ttl_s;
    uint32_t retries;
};

/* Returns OK, BAD_INPUT (the fault names the mirror and the key) or NOMEM. `ret` is zeroed memory
 * of the caller's; end it with mirror_done() in any case. */
MUST_USE enum mh_code mirror_init(struct mirror *ret, const struct mh_mirror_config *config,
                                  const char *user_agent, struct mh_fault *f);
void mirror_done(struct mirror *mirror);

/* The upstream URL of a raw target below the mirror; owned by the caller, mem_free(). NULL: no
 * memory. */
char *mirror_url(const struct mirror *mirror, size_t base, const char *target);

#endif
