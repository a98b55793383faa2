/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modelhost pull -o FILE URL`: a model as plain files, from any URL.
 *
 * It is an ordinary pull into a temporary host, with one mirror whose upstream is the URL's folder,
 * so that all checks of a pull hold; afterwards the files are moved out. The host's cache is a
 * hidden directory beside FILE: the same file system, so that moving is a rename. It is removed
 * whatever happens, also after INT, TERM and HUP.
 *
 * The URL was given by the user, so its host may be a private address. Where it lies below a
 * configured mirror, that mirror's headers and transfer settings are used. The query is sent but
 * names no files: all its parameters are ignored. Main thread.
 */
#include "pull.h"

#include "buf.h"
#include "fault.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "pull_place.h"
#include "settings_check.h"
#include "units.h"
#include "urlpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIRROR_NAME "pull"

/* What is pulled, and where to. All texts are owned. */
struct order {
    char *url;                   /* without its fragment */
    char *base;                  /* its folder, ending with '/' */
    char *manifest;              /* the object's name in the folder */
    struct strings query_ignore; /* the names of all parameters */
    char *file;
    char *directory; /* of FILE */
    char *name;      /* FILE's last component */
    char *temporary; /* NULL until it is made */
};

static void
order_done(struct order *order)
{
    mem_free(order->url);
    mem_free(order->base);
    mem_free(order->manifest);
    strings_done(&order->query_ignore);
    mem_free(order->file);
    mem_free(order->directory);
    mem_free(order->name);
    mem_free(order->temporary);
}

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "memory ran out");
}

/* --- understanding what is wanted --- */

static enum mh_code
read_query(struct order *order, const char *query, struct mh_fault *fault)
{
    while (*query != '\0') {
        size_t n = strcspn(query, "&");
        size_t name = strcspn(query, "&=");

        if (name > 0 && !strings_add(&order->query_ignore, query, name))
            return fail(fault, MH_BAD_INPUT, 0, "the URL has too many parameters");
        query += n;
        query += *query == '&';
    }
    return MH_OK;
}

/* The name that the mirror gives the manifest: decoded as the library does. */
static enum mh_code
read_name(struct order *order, const char *slash, size_t n, struct mh_fault *fault)
{
    struct buf name = BUF_INIT(4096);
    enum urlpath_verdict verdict = urlpath_decode(slash, n, &name);
    enum mh_code code = MH_OK;

    if (n < 2)
        code = fail(fault, MH_BAD_INPUT, 0,
                    "'%s' names a folder; name a file in it, such as its model.json", order->url);
    else if (verdict != URLPATH_OK)
        code = fail(fault, MH_BAD_INPUT, 0, "the path of '%s' %s", order->url,
                    urlpath_verdict_text(verdict));
    else {
        order->manifest = buf_is_ok(&name) ? str_dup(buf_text(&name) + 1) : NULL;
        if (order->manifest == NULL)
            code = no_memory(fault);
    }
    buf_done(&name);
    return code;
}

static enum mh_code
read_url(struct order *order, const char *url, struct mh_fault *fault)
{
    const char *authority, *slash;
    size_t path_end;
    enum mh_code code;

    order->url = str_dup_n(url, strcspn(url, "#"));
    if (order->url == NULL)
        return no_memory(fault);
    authority = strstr(order->url, "://");
    path_end = strcspn(order->url, "?");
    slash = memrchr(order->url, '/', path_end);
    if (authority == NULL || authority > order->url + path_end || slash <= authority + 2)
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is not the URL of a file, such as https://models.example/a/model.json",
                    order->url);
    order->base = str_dup_n(order->url, (size_t) (slash - order->url) + 1);
    if (order->base == NULL)
        return no_memory(fault);
    code = check_base_url(order->base, fault);
    if (code == MH_OK)
        code = read_name(order, slash, path_end - (size_t) (slash - order->url), fault);
    if (code == MH_OK && order->url[path_end] == '?')
        code = read_query(order, order->url + path_end + 1, fault);
    return code;
}

static enum mh_code
read_file(struct order *order, const char *file, struct mh_fault *fault)
{
    const char *slash = strrchr(file, '/');
    struct stat st;

    if (file[0] == '\0')
        return fail(fault, MH_BAD_INPUT, 0, "-o needs the name of a file");
    if ((slash != NULL && slash[1] == '\0') || (stat(file, &st) == 0 && S_ISDIR(st.st_mode)))
        return fail(fault, MH_BAD_INPUT, 0,
                    "'%s' is a directory; name a file in it, such as %s%smodel.json", file, file,
                    slash != NULL && slash[1] == '\0' ? "" : "/");
    order->file = str_dup(file);
    order->name = str_dup(slash != NULL ? slash + 1 : file);
    if (slash == NULL)
        order->directory = str_dup(".");
    else
        order->directory = slash == file ? str_dup("/") : str_dup_n(file, (size_t) (slash - file));
    if (order->file == NULL || order->name == NULL || order->directory == NULL)
        return no_memory(fault);
    return MH_OK;
}

static enum mh_code
make_temporary(struct order *order, struct mh_fault *fault)
{
    scoped(mem_freep) char *path = str_printf("%s/.modelhost-XXXXXX", order->directory);
    enum mh_code code;

    if (path == NULL)
        return no_memory(fault);
    code = fd_make_dirs(order->directory, fault);
    if (code != MH_OK)
        return code;
    if (mkdtemp(path) == NULL)
        return fail_errno(fault, errno, "cannot write to the directory '%s'", order->directory);
    order->temporary = ptr_take(&path);
    return MH_OK;
}

/* --- the temporary host --- */

static const struct settings_mirror *
mirror_above(const struct settings *settings, const char *url)
{
    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];

        if (mirror->is_enabled && strncmp(url, mirror->upstream, strlen(mirror->upstream)) == 0)
            return mirror;
    }
    return NULL;
}

static enum mh_code
open_host(const struct order *order, const struct settings *settings, struct puller *ret,
          struct mh_fault *fault)
{
    const struct settings_mirror *above = mirror_above(settings, order->url);
    struct settings_mirror wanted = {
        .name = (char *) (uintptr_t) MIRROR_NAME, /* not changed: settings own what they hold */
        .path = (char *) (uintptr_t) "/" MIRROR_NAME "/",
        .upstream = order->base,
        .query_ignore = order->query_ignore,
        .transfer = above != NULL ? above->transfer : settings->transfer,
        .revalidate_s = MH_REVALIDATE_NEVER,
        .allow_private = true,
        .is_enabled = true,
    };
    struct mh_mirror_config mirror;
    struct mh_host_config config;
    struct mh_host *host = NULL;
    enum mh_code code;

    if (above != NULL)
        wanted.header = above->header;
    settings_mirror_config(&wanted, &mirror);
    mh_host_config_init(&config);
    config.cache_dir = order->temporary;
    config.mirrors = &mirror;
    config.mirror_count = 1;
    config.json_max_bytes = settings->cache.json_max_bytes;
    config.max_bytes = 0;
    config.min_free_bytes = settings->cache.min_free_bytes;
    config.is_offline = settings->cache.is_offline;
    config.on_event = puller_on_event;
    code = mh_host_open(&config, &host, fault);
    if (code == MH_OK)
        puller_host_init(ret, host);
    return code;
}

/* --- the end --- */

static enum mh_code
place(const struct order *order, struct mh_fault *fault)
{
    scoped(fd_closep) int temporary =
        open(order->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    scoped(fd_closep) int to = open(order->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scoped(fd_closep) int from = -1;

    if (temporary < 0 || to < 0)
        return fail_errno(fault, errno, "open the directory '%s'", order->directory);
    from =
        openat(temporary, "objects/" MIRROR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return fail_errno(fault, errno, "open the files of '%s'", order->url);
    return place_model(from, order->manifest, to, order->name, fault);
}

/* Tell what became of it. Returns the exit status. */
static int
tell(const struct invocation *invocation, const struct order *order, struct pull_job *job)
{
    char size[UNIT_TEXT_SIZE];

    if (job->code != MH_OK) {
        pull_tell_failure(job);
    } else if (invocation->wants_json) {
        /* The path that counts is the file's. */
        char *path = str_dup(order->file);

        if (path == NULL)
            return exit_status_of(MH_NOMEM);
        mem_free(job->model.path);
        job->model.path = path;
    } else if (!invocation->is_quiet) {
        printf("pulled %s (%u %s, %s)\n", order->file, job->model.files,
               job->model.files == 1 ? "file" : "files", size_format(job->model.bytes, size));
    }
    if (invocation->wants_json && !pull_print_json(job, 1))
        return 1;
    return exit_status_of(job->code);
}

static int
pull_with(const struct invocation *invocation, const struct settings *settings,
          const struct order *order, struct puller *puller)
{
    struct progress progress;
    struct pull_job job = {.what = order->url};
    struct pull pull = {.puller = puller,
                        .jobs = &job,
                        .job_count = 1,
                        .progress = &progress,
                        .patience_ms = pull_patience_ms(settings)};
    int status = 1;

    progress_init(&progress, STDERR_FILENO, !invocation->is_quiet);
    pull_begin(&pull);
    if (pull_next(&pull) != NULL) {
        if (job.code == MH_OK)
            job.code = place(order, &job.fault);
        status = tell(invocation, order, &job);
    } else {
        puller->stop(puller);
    }
    pull_job_done(&job);
    return status;
}

static enum mh_code
prepare(const struct invocation *invocation, struct order *order, struct mh_fault *fault)
{
    enum mh_code code;

    if (invocation->word_count != 1)
        return fail(fault, MH_BAD_INPUT, 0, "-o writes one model; give one URL with it");
    code = read_url(order, invocation->words[0], fault);
    if (code == MH_OK)
        code = read_file(order, invocation->output, fault);
    if (code != MH_OK)
        return code;
    pull_catch_signals();
    return make_temporary(order, fault);
}

int
pull_to_file(const struct invocation *invocation, const struct settings *settings)
{
    struct order order = {0};
    struct puller puller;
    struct mh_fault fault = {0};
    enum mh_code code = prepare(invocation, &order, &fault);
    int status;

    if (code == MH_OK)
        code = open_host(&order, settings, &puller, &fault);
    if (code == MH_OK) {
        status = pull_with(invocation, settings, &order, &puller);
        puller.close(&puller);
    } else {
        log_error("pull -o: %s", fault.sentence);
        status = exit_status_of(code);
    }
    if (order.temporary != NULL)
        remove_tree(AT_FDCWD, order.temporary);
    order_done(&order);
    return status;
}
