/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings to what the mirror library takes.
 *
 * The one file that knows both: units change here (milliseconds to seconds where the library counts
 * in those), and switched-off mirrors end here. The bounds in the table keep every value within the
 * library's narrower types. Texts are lent, not copied. Any thread.
 */
#include "mem.h"
#include "settings.h"

#include <string.h>

/* The built-in upstream is what pages and people write, wherever the files come from. */
static const char *
known_as(const struct settings_mirror *mirror)
{
    size_t count;
    const struct setting_builtin *builtins = settings_builtins(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(builtins[i].mirror, mirror->name) == 0 &&
            strcmp(builtins[i].key, "upstream") == 0)
            return builtins[i].value;
    }
    return NULL;
}

void
settings_mirror_config(const struct settings_mirror *mirror, struct mh_mirror_config *ret)
{
    const struct settings_transfer *transfer = &mirror->transfer;

    mh_mirror_config_init(ret);
    ret->name = mirror->name;
    ret->path = mirror->path;
    ret->upstream = mirror->upstream;
    ret->known_as = known_as(mirror);
    ret->fallbacks = mirror->fallback.items;
    ret->headers = mirror->header.hidden.items;
    ret->query_ignore = mirror->query_ignore.items;
    ret->proxy = transfer->proxy;
    ret->ca_file = transfer->ca_file;
    ret->revalidate_s = mirror->revalidate_s;
    ret->connect_timeout_ms = (uint32_t) transfer->connect_timeout_ms;
    ret->first_byte_timeout_ms = (uint32_t) transfer->first_byte_timeout_ms;
    ret->stall_timeout_ms = (uint32_t) transfer->stall_timeout_ms;
    ret->negative_ttl_s = (uint32_t) ((transfer->negative_ttl_ms + 999) / 1000);
    ret->retries = (uint32_t) transfer->retries;
    ret->allow_private = mirror->allow_private;
}

enum mh_code
settings_host_config(const struct settings *settings, struct mh_mirror_config **ret_mirrors,
                     struct mh_host_config *ret)
{
    struct mh_mirror_config *mirrors = mem_calloc(settings->mirror_count + 1, sizeof *mirrors);
    size_t count = 0;

    if (mirrors == NULL)
        return MH_NOMEM;
    for (size_t i = 0; i < settings->mirror_count; i++) {
        if (settings->mirrors[i].is_enabled)
            settings_mirror_config(&settings->mirrors[i], &mirrors[count++]);
    }
    mh_host_config_init(ret);
    ret->cache_dir = settings->cache.directory;
    ret->mirrors = mirrors;
    ret->mirror_count = count;
    ret->json_max_bytes = settings->cache.json_max_bytes;
    ret->settle_ms = (uint32_t) settings->cache.settle_ms;
    ret->settle_max_ms = (uint32_t) settings->cache.settle_max_ms;
    ret->max_bytes = settings->cache.max_bytes;
    ret->min_free_bytes = settings->cache.min_free_bytes;
    ret->is_offline = settings->cache.is_offline;
    *ret_mirrors = mirrors;
    return MH_OK;
}
