/* SPDX-License-Identifier: Apache-2.0 */
/* The result of every function of libmodelhost that can fail, and the detail that goes with it. */
#ifndef MODELHOST_CODE_H
#define MODELHOST_CODE_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MH_MUST_USE __attribute__((warn_unused_result))
#else
#define MH_MUST_USE
#endif

/* What went wrong, for machines. `struct mh_fault` says the same to people. */
enum mh_code {
    MH_OK = 0,
    MH_NOT_FOUND,   /* the upstream, or the file system, has no such thing */
    MH_DENIED,      /* policy or permissions refuse it */
    MH_BAD_INPUT,   /* the caller, a client or a file said something malformed */
    MH_TOO_LARGE,   /* a ceiling was reached */
    MH_UPSTREAM,    /* the upstream answered, with an error (401, 403, 429, 5xx, TLS) */
    MH_UNREACHABLE, /* the upstream could not be asked: refused, DNS, offline */
    MH_TIMEOUT,     /* the upstream took longer than a deadline */
    MH_CORRUPT,     /* bytes failed a check */
    MH_IO,          /* the local file system failed */
    MH_NO_SPACE,    /* the local file system is full, or a quota is */
    MH_NOMEM,       /* memory ran out, or a bounded buffer did */
    MH_BUSY,        /* not now: what is asked for is not there yet, or somebody holds it */
    MH_CANCELLED,   /* it was stopped on purpose */
    MH_UNSUPPORTED  /* this build or this system cannot do it */
};

/* One sentence about a failure. Callers may put context in front; nobody replaces it. Plain data:
 * copy it, keep it, no call frees it. All members are empty strings where they do not apply. */
struct mh_fault {
    int foreign;        /* errno, CURLcode or HTTP status behind it; 0 where there is none */
    char sentence[640]; /* names the thing in quotes, and the cure where there is one */
    char expected[96];  /* what a check wanted, e.g. "4194304 bytes" */
    char found[96];     /* what came instead */
    char upstream[512]; /* the upstream URL that failed, without credentials */
};

/* The name of a code as it stands in JSON and in logs: "not-found", "corrupt" ... Never NULL. */
const char *mh_code_name(enum mh_code code);

#ifdef __cplusplus
}
#endif
#endif
