/* SPDX-License-Identifier: Apache-2.0 */
/* Freshness as a function of what is known. The mirror's `revalidate` rules, and not the upstream's
 * max-age: the bucket that most models come from says one hour for files that have not changed in
 * years, and asking is what an offline user must not wait for. Stale only means "ask in the
 * background". */
#include "freshness.h"

#include <modelhost/host.h>

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static size_t
hex_run(const char *text)
{
    size_t n = 0;

    while (isxdigit((unsigned char) text[n]))
        n++;
    return n;
}

/* "/resolve/<40 hex>/", as Hugging Face names a commit. */
static bool
has_commit(const char *target, size_t n)
{
    static const char marker[] = "/resolve/";

    for (const char *at = strstr(target, marker); at && at < target + n; at = strstr(at, marker)) {
        at += sizeof(marker) - 1;
        if (hex_run(at) == 40 && at[40] == '/')
            return true;
    }
    return false;
}

static size_t
digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* "@1.2.3" and then a slash, or a pre-release: "@1.2.3-rc.1/". A range ("@1", "@latest") moves. */
static bool
has_exact_version(const char *target, size_t n)
{
    for (const char *at = strchr(target, '@'); at && at < target + n; at = strchr(at + 1, '@')) {
        const char *text = at + 1;
        size_t part = 0;

        for (; part < 3 && digits(text) > 0; part++) {
            text += digits(text);
            if (part < 2 && *text != '.')
                break;
            text += part < 2;
        }
        if (part == 3 && (*text == '/' || *text == '-' || *text == '+'))
            return true;
    }
    return false;
}

static bool
has_digest(const char *query)
{
    static const char *const names[] = {"v=", "hash=", "h=", "rev="};

    while (*query) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            size_t n = strlen(names[i]);

            if (strncmp(query, names[i], n) != 0)
                continue;
            size_t hex = hex_run(query + n);

            if (hex >= 16 && (query[n + hex] == '\0' || query[n + hex] == '&'))
                return true;
        }
        query += strcspn(query, "&");
        query += *query == '&';
    }
    return false;
}

bool
freshness_is_addressed(const char *target)
{
    size_t n = strcspn(target, "?#");

    return has_commit(target, n) || has_exact_version(target, n) ||
           (target[n] == '?' && has_digest(target + n + 1));
}

bool
cache_control_has(const char *cache_control, const char *directive)
{
    size_t n = strlen(directive);

    if (!cache_control)
        return false;
    while (*cache_control) {
        cache_control += strspn(cache_control, ", \t");
        size_t name = strcspn(cache_control, ",= \t");

        if (name == n && strncasecmp(cache_control, directive, n) == 0)
            return true;
        cache_control += name;
        /* Skip the value; a quoted one may hold commas. */
        while (*cache_control && *cache_control != ',') {
            if (*cache_control++ != '"')
                continue;
            while (*cache_control && *cache_control != '"')
                cache_control += 1 + (*cache_control == '\\' && cache_control[1]);
            cache_control += *cache_control == '"';
        }
    }
    return false;
}

enum freshness
freshness_of(const struct freshness_input *input)
{
    if (input->is_immutable)
        return FRESHNESS_IMMUTABLE;
    if (input->revalidate_s == MH_REVALIDATE_NEVER)
        return FRESHNESS_FRESH;
    if (input->revalidate_s == MH_REVALIDATE_ALWAYS)
        return FRESHNESS_STALE;
    return input->now - input->validated_at > input->revalidate_s ? FRESHNESS_STALE
                                                                  : FRESHNESS_FRESH;
}
