/* SPDX-License-Identifier: Apache-2.0 */
/* One GET, as a browser's fetch() would send it, with everything that was answered on the way: for
 * telling people what a page would run into. It uses no mirror and no cache. */
#ifndef MODELHOST_PROBE_H
#define MODELHOST_PROBE_H

#include <modelhost/code.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MH_PROBE_HOPS 11 /* ten redirects */

struct mh_probe_request {
    const char *url;     /* http or https */
    const char *origin;  /* the page's, for the Origin field; NULL: none is sent */
    const char *proxy;   /* NULL: the environment's */
    const char *ca_file; /* NULL: the system's */
    uint64_t max_bytes;  /* of the body */
    uint32_t connect_timeout_ms;
    uint32_t stall_timeout_ms; /* how long nothing may come, first byte included */
};

/* One request of the chain, and the head that came. */
struct mh_probe_hop {
    char *url;
    long status;  /* 0: no answer */
    char *fields; /* "name: value\n" lines, names in lower case */
};

struct mh_probe {
    struct mh_probe_hop hops[MH_PROBE_HOPS];
    size_t hop_count;
    char *body; /* of the last hop, any Content-Encoding taken off; never NULL after OK */
    size_t body_bytes;
};

/* Ask.
 *
 * ret  filled whatever is returned, as far as it went; ended by mh_probe_done()
 *
 * Returns OK whatever the status; BAD_INPUT (no http URL, at the start or in a redirect);
 * UNREACHABLE, TIMEOUT, UPSTREAM (TLS, a broken answer, too many redirects); CORRUPT (the body
 * ended before its length); TOO_LARGE or NOMEM. Blocks. */
MH_MUST_USE enum mh_code mh_probe(const struct mh_probe_request *request, struct mh_probe *ret,
                                  struct mh_fault *fault);
void mh_probe_done(struct mh_probe *probe);

/* A header field of a hop, copied to `value` (cut where `size` is too small); several lines are
 * joined by ", ". name in lower case. Returns value, or NULL where there is none. */
const char *mh_probe_field(const struct mh_probe_hop *hop, const char *name, char *value,
                           size_t size);

#ifdef __cplusplus
}
#endif
#endif
