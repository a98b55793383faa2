/* SPDX-License-Identifier: Apache-2.0 */
/* The directives of a request's Cache-Control (RFC 9111 §5.2.1).
 *
 * A list of names, some with an argument, which may be quoted. All of them say what the client
 * prefers; which of them are followed is for the settings to say, not for this file. max-stale and
 * min-fresh are not: how stale an object may be is the mirror's own setting. no-store is not
 * either: what one client does not want to be kept, others may have asked for already.
 *
 * Pure: any thread, no state. */
#include "request_cache.h"

#include "attrs.h"
#include "units.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct directive {
    const char *name; /* not NUL-terminated */
    size_t name_n;
    const char *argument; /* NULL: there is none */
    size_t argument_n;
};

/* The argument at `at`, without its quotes. Returns what follows it. */
static const char *
read_argument(const char *at, struct directive *ret)
{
    const bool is_quoted = *at == '"';

    ret->argument = at + is_quoted;
    ret->argument_n = strcspn(ret->argument, is_quoted ? "\"" : ", \t;");
    return ret->argument + ret->argument_n + (is_quoted && ret->argument[ret->argument_n] == '"');
}

/* The next directive of a list. false: there is no more. */
static bool
next_directive(const char **at, struct directive *ret)
{
    *at += strspn(*at, ", \t");
    if (**at == '\0')
        return false;
    *ret = (struct directive){.name = *at, .name_n = strcspn(*at, "=, \t")};
    *at += ret->name_n;
    if (**at == '=')
        *at = read_argument(*at + 1, ret);
    *at += strcspn(*at, ",");
    return true;
}

static bool
is_named(const struct directive *directive, const char *name)
{
    return strlen(name) == directive->name_n &&
           strncasecmp(directive->name, name, directive->name_n) == 0;
}

static void
limit_age(struct mh_wish *wish, int64_t age_s)
{
    if (wish->max_age_s < 0 || age_s < wish->max_age_s)
        wish->max_age_s = age_s;
}

struct mh_wish
request_cache_wish(const char *cache_control, const char *pragma)
{
    const char *at = cache_control != NULL ? cache_control : pragma != NULL ? pragma : "";
    struct mh_wish wish = MH_WISH_NONE;
    struct directive directive;
    uint64_t seconds = 0;

    while (next_directive(&at, &directive)) {
        if (is_named(&directive, "no-cache"))
            limit_age(&wish, 0);
        if (cache_control == NULL)
            continue;
        if (is_named(&directive, "only-if-cached"))
            wish.only_if_cached = true;
        if (is_named(&directive, "max-age") && directive.argument != NULL &&
            uint_parse_n(directive.argument, directive.argument_n, INT32_MAX, &seconds))
            limit_age(&wish, (int64_t) seconds);
    }
    return wish;
}
