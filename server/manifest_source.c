/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a manifest's text comes from.
 *
 * A file that is there by that name comes first: it is what the person sees. Then local paths and
 * upstream URLs, from the objects/ tree, which has the upstream's own layout (design: "plain
 * files"); the cache need not be ours to write for that. A URL that is not cached is asked for.
 * A query that a mirror ignores is not part of the name on disk; any other is refused, since such
 * names are the library's business. Main thread; blocks.
 */
#include "manifest_source.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct settings_mirror *
mirror_above(const struct settings *settings, const char *what, bool is_local)
{
    const struct settings_mirror *best = NULL;
    size_t best_n = 0;

    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];
        const char *base = is_local ? mirror->path : mirror->upstream;
        const size_t n = strlen(base);

        if (mirror->is_enabled && n > best_n && strncmp(what, base, n) == 0) {
            best = mirror;
            best_n = n;
        }
    }
    return best;
}

void
probe_request(const struct settings *settings, const char *url, struct mh_probe_request *ret)
{
    const struct settings_mirror *mirror = mirror_above(settings, url, false);
    const struct settings_transfer *transfer =
        mirror != NULL ? &mirror->transfer : &settings->transfer;

    *ret = (struct mh_probe_request){
        .url = url,
        .proxy = transfer->proxy,
        .ca_file = transfer->ca_file,
        .max_bytes = settings->cache.json_max_bytes,
        .connect_timeout_ms = (uint32_t) transfer->connect_timeout_ms,
        .stall_timeout_ms = (uint32_t) (transfer->first_byte_timeout_ms),
    };
}

/* Is every parameter of a query one that the mirror ignores? */
static bool
is_ignored(const struct settings_mirror *mirror, const char *query)
{
    while (*query != '\0') {
        const size_t n = strcspn(query, "&="), whole = strcspn(query, "&");
        bool is_one = false;

        for (size_t i = 0; i < mirror->query_ignore.count; i++) {
            const char *name = mirror->query_ignore.items[i];

            is_one = is_one || (strlen(name) == n && strncmp(name, query, n) == 0);
        }
        if (!is_one)
            return false;
        query += whole;
        query += *query == '&';
    }
    return true;
}

static enum mh_code
read_cached(const struct settings *settings, const struct settings_mirror *mirror,
            const char *below, char **ret_text, size_t *ret_n, struct mh_fault *fault)
{
    const size_t path_n = strcspn(below, "?#");
    scoped(mem_freep) char *name = str_printf("objects/%s/%.*s", mirror->name, (int) path_n, below);
    scoped(fd_closep) int cache =
        open(settings->cache.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mh_code code = MH_NOT_FOUND;

    if (name == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    if (below[path_n] == '?' && !is_ignored(mirror, below + path_n + 1))
        return fail(fault, MH_NOT_FOUND, 0,
                    "a cached model is not found by a URL with a query; name its file in '%s/%s'",
                    settings->cache.directory, name);
    if (cache >= 0)
        code = fd_read_file(cache, name, settings->cache.json_max_bytes, ret_text, ret_n, fault);
    if (code == MH_NOT_FOUND)
        return fail(fault, code, 0, "'%s%.*s' is not in the cache; pull it first, or give its URL",
                    mirror->path, (int) path_n, below);
    return code;
}

static enum mh_code
read_url(const struct settings *settings, const char *url, char **ret_text, size_t *ret_n,
         struct mh_fault *fault)
{
    struct mh_probe_request request;
    struct mh_probe probe;
    enum mh_code code;
    long status;

    if (settings->cache.is_offline)
        return fail(fault, MH_UNREACHABLE, 0, "'%s' is not in the cache, and offline is on", url);
    probe_request(settings, url, &request);
    code = mh_probe(&request, &probe, fault);
    status = probe.hop_count > 0 ? probe.hops[probe.hop_count - 1].status : 0;
    if (code == MH_OK && status >= 300) {
        code = fail(fault, status == 404 || status == 410 ? MH_NOT_FOUND : MH_UPSTREAM,
                    (int) status, "'%s' answers with status %ld", url, status);
    } else if (code == MH_OK) {
        *ret_text = ptr_take(&probe.body);
        *ret_n = probe.body_bytes;
    }
    mh_probe_done(&probe);
    return code;
}

/* A file that a person names may lie anywhere, links included: it is opened in its true folder,
 * since reading by name refuses to leave one. */
static enum mh_code
read_file(const struct settings *settings, const char *what, char **ret_text, size_t *ret_n,
          struct mh_fault *fault)
{
    scoped(mem_freep) char *path = realpath(what, NULL);
    char *slash = path != NULL ? strrchr(path, '/') : NULL;
    scoped(fd_closep) int directory = -1;

    if (slash == NULL)
        return fail_errno(fault, errno, "find the file '%s'", what);
    *slash = '\0';
    directory = open(slash == path ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail_errno(fault, errno, "open the folder of '%s'", what);
    return fd_read_file(directory, slash + 1, settings->cache.json_max_bytes, ret_text, ret_n,
                        fault);
}

enum mh_code
manifest_source_read(const struct settings *settings, const char *what, char **ret_text,
                     size_t *ret_n, struct mh_fault *fault)
{
    const bool is_url = strstr(what, "://") != NULL;
    const struct settings_mirror *mirror = mirror_above(settings, what, !is_url);
    struct stat st;
    enum mh_code code = MH_NOT_FOUND;

    if (!is_url && stat(what, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return fail(fault, MH_BAD_INPUT, 0,
                        "'%s' is a directory; name a file in it, such as its model.json", what);
        return read_file(settings, what, ret_text, ret_n, fault);
    }
    if (mirror != NULL)
        code =
            read_cached(settings, mirror, what + strlen(is_url ? mirror->upstream : mirror->path),
                        ret_text, ret_n, fault);
    else if (!is_url)
        return fail(fault, MH_NOT_FOUND, 0,
                    "there is no file '%s', and no mirror owns such a path; give a file, a URL, a "
                    "local path such as /tfjs-models/..., or a name of the catalog",
                    what);
    return code == MH_NOT_FOUND && is_url ? read_url(settings, what, ret_text, ret_n, fault) : code;
}
