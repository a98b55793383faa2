/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog's names on command lines: from words to paths and URLs of this modelhost. */
#ifndef SERVER_CATALOG_WORDS_H
#define SERVER_CATALOG_WORDS_H

#include "attrs.h"
#include "buf.h"
#include "catalog.h"
#include "command.h"
#include "list.h"

/* Could it be a name of the catalog? URLs, paths and files are none: they have a '/' or a '.'. */
bool catalog_is_word(const char *word);

/* Look an invocation's choice up; mistakes are told on standard error, with what exists.
 *
 * Returns the exit status: 0, 2 (no such parameter) or 3 (no such model). */
MUST_USE int catalog_words_choose(const struct invocation *invocation, const char *name,
                                  const struct catalog_entry **ret_entry,
                                  struct catalog_choice *ret_choice);

/* Append the local path of a file: "/tfjs-models/savedmodel/...". Returns OK, or NOT_FOUND (the
 * mirror is switched off). */
MUST_USE enum mh_code catalog_local_path(const struct settings *settings,
                                         const struct catalog_file *file, const char *path,
                                         struct buf *out, struct mh_fault *fault);
/* The same, as the URL at the mirror's upstream. */
MUST_USE enum mh_code catalog_upstream_url(const struct settings *settings,
                                           const struct catalog_file *file, const char *path,
                                           struct buf *out, struct mh_fault *fault);

/* What a command makes of a catalog name. */
enum catalog_wanted {
    CATALOG_PATHS,     /* local paths of all its files */
    CATALOG_MANIFESTS, /* local paths of its models, without vocabularies and the like */
    CATALOG_URLS       /* upstream URLs of all its files */
};

/* Replace catalog names among an invocation's words by what they stand for, for commands that take
 * paths and URLs.
 *
 * ret_words  char *, owned by the caller, list_done(..., mem_free)
 *
 * Returns the exit status; mistakes are told. */
MUST_USE int catalog_words_expand(const struct invocation *invocation,
                                  const struct settings *settings, enum catalog_wanted wanted,
                                  struct list *ret_words);

/* Append the base URL at which browsers find this modelhost, without a slash at the end: that of
 * the running server, or else what the configuration says. */
MUST_USE enum mh_code catalog_base_url(const struct settings *settings, struct buf *out,
                                       struct mh_fault *fault);

#endif
