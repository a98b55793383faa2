/* SPDX-License-Identifier: Apache-2.0 */
/* A mirror's configuration, copied and checked once. Everything here happens while the host opens;
 * afterwards a struct mirror is only read. It refuses URLs that are not http or https, paths that
 * do not begin and end with '/', the program's own path, and header lines that could smuggle a
 * second one. */
#include "mirror.h"

#include "buf.h"
#include "fault.h"
#include "mem.h"

#include <ctype.h>
#include <string.h>

static bool
name_is_valid(const char *name)
{
    if (!name || !isalnum((unsigned char) name[0]) || strlen(name) > 64)
        return false;
    for (const char *c = name; *c; c++)
        if (!(islower((unsigned char) *c) || isdigit((unsigned char) *c) || strchr("._-", *c)))
            return false;
    return true;
}

static bool
path_is_valid(const char *path)
{
    size_t n = path ? strlen(path) : 0;

    return n >= 1 && path[0] == '/' && path[n - 1] == '/' && strncmp(path, "/-/", 3) != 0 &&
           !strstr(path, "//") && !strpbrk(path, "%?#\\");
}

static bool
copy_strings(const char *const *strings, char ***ret)
{
    size_t n = 0;

    if (!strings)
        return true;
    while (strings[n])
        n++;
    char **copy = mem_calloc(n + 1, sizeof(char *));

    if (!copy)
        return false;
    *ret = copy;
    for (size_t i = 0; i < n; i++)
        if (!(copy[i] = str_dup(strings[i])))
            return false;
    return true;
}

static void
free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        mem_free(strings[i]);
    mem_free(strings);
}

static enum mh_code
check_headers(const struct mirror *mirror, struct mh_fault *f)
{
    for (size_t i = 0; mirror->headers && mirror->headers[i]; i++) {
        const char *line = mirror->headers[i];
        const char *colon = strchr(line, ':');

        /* Never repeat the line: it may hold a token. */
        if (!colon || colon == line || strpbrk(line, "\r\n"))
            return fail(f, MH_BAD_INPUT, 0, "mirror '%s': a header must be one line 'Name: value'",
                        mirror->name);
    }
    return MH_OK;
}

static enum mh_code
init_base(struct mirror *mirror, const struct mh_mirror_config *config, const char *url,
          struct mh_fault *f)
{
    struct mirror_base *base = &mirror->bases[mirror->base_count];
    struct buf normal = BUF_INIT(8192);
    enum mh_code code = url_check_base(url, &normal, f);

    if (code == MH_OK)
        code = url_split(buf_text(&normal), &base->parts, f);
    base->url = code == MH_OK ? buf_take(&normal) : NULL;
    buf_done(&normal);
    if (code != MH_OK) {
        fault_prepend(f, "mirror '%s': upstream", mirror->name);
        return code;
    }
    if (!base->url)
        return fail(f, MH_NOMEM, 0, "out of memory for mirror '%s'", mirror->name);
    base->policy = (struct fetch_policy){
        .user_agent = mirror->user_agent,
        .proxy = mirror->proxy,
        .ca_file = mirror->ca_file,
        .connect_timeout_ms = config->connect_timeout_ms,
        .first_byte_timeout_ms = config->first_byte_timeout_ms,
        .stall_timeout_ms = config->stall_timeout_ms,
    };
    address_permission_of(&base->parts, &base->policy.permission);
    base->policy.permission.is_any = config->allow_private;
    mirror->base_count++;
    return MH_OK;
}

static enum mh_code
init_bases(struct mirror *mirror, const struct mh_mirror_config *config, struct mh_fault *f)
{
    size_t fallbacks = 0;

    while (config->fallbacks && config->fallbacks[fallbacks])
        fallbacks++;
    mirror->bases = mem_calloc(fallbacks + 1, sizeof(struct mirror_base));
    if (!mirror->bases)
        return fail(f, MH_NOMEM, 0, "out of memory for mirror '%s'", mirror->name);
    enum mh_code code = init_base(mirror, config, config->upstream ? config->upstream : "", f);

    for (size_t i = 0; code == MH_OK && i < fallbacks; i++)
        code = init_base(mirror, config, config->fallbacks[i], f);
    return code;
}

enum mh_code
mirror_init(struct mirror *ret, const struct mh_mirror_config *config, const char *user_agent,
            struct mh_fault *f)
{
    if (!name_is_valid(config->name))
        return fail(f, MH_BAD_INPUT, 0,
                    "'%s' cannot name a mirror: use lower-case letters, digits, '.', '_' and '-'",
                    config->name ? config->name : "");
    if (!path_is_valid(config->path))
        return fail(f, MH_BAD_INPUT, 0,
                    "mirror '%s': path '%s' must begin and end with '/', without escapes, and not "
                    "be the server's own /-/",
                    config->name, config->path ? config->path : "");
    ret->name = str_dup(config->name);
    ret->path = str_dup(config->path);
    ret->path_length = strlen(config->path);
    ret->user_agent = str_dup(user_agent);
    ret->known_as = str_dup(config->known_as);
    ret->proxy = str_dup(config->proxy);
    ret->ca_file = str_dup(config->ca_file);
    ret->revalidate_s = config->revalidate_s;
    ret->negative_ttl_s = config->negative_ttl_s;
    ret->retries = config->retries;
    if (!ret->name || !ret->path || !ret->user_agent || (config->proxy && !ret->proxy) ||
        (config->known_as && !ret->known_as) || (config->ca_file && !ret->ca_file) ||
        !copy_strings(config->headers, &ret->headers) ||
        !copy_strings(config->query_ignore, &ret->query_ignore))
        return fail(f, MH_NOMEM, 0, "out of memory for mirror '%s'", config->name);
    enum mh_code code = check_headers(ret, f);

    return code == MH_OK ? init_bases(ret, config, f) : code;
}

void
mirror_done(struct mirror *mirror)
{
    for (size_t i = 0; i < mirror->base_count; i++)
        mem_free(mirror->bases[i].url);
    mem_free(mirror->bases);
    free_strings(mirror->headers);
    free_strings(mirror->query_ignore);
    mem_free(mirror->name);
    mem_free(mirror->path);
    mem_free(mirror->known_as);
    mem_free(mirror->user_agent);
    mem_free(mirror->proxy);
    mem_free(mirror->ca_file);
    *mirror = (struct mirror){0};
}

char *
mirror_url(const struct mirror *mirror, size_t base, const char *target)
{
    return str_printf("%s%s", mirror->bases[base].url, target);
}
