/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost export`: models go into an archive.
 *
 * The cache's writer, the server that runs on it or else we ourselves, tells what the models are
 * made of; the files are read from the cache directory by this process. Should a refresh switch
 * them meanwhile, the archive is begun anew. It is written under a name of its own beside FILE,
 * which it replaces when it is whole and on disk, so that FILE never holds half an archive. What is
 * no regular file (a pipe) and what is standard output by any name ("-", /dev/stdout) is written to
 * as it is; nothing else is then said there. Main thread. */
#include "action.h"
#include "action_command.h"
#include "cargo_tar.h"
#include "carry.h"
#include "catalog_words.h"
#include "fault.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "pull.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 3

struct output {
    const char *file; /* as it was given */
    char *temporary;  /* NULL: it is written to as it is */
    int fd;
};

/* Is it where standard output leads? To replace /dev/stdout would be another thing altogether. */
static bool
is_stdout(const char *file)
{
    struct stat named, ours;

    return strcmp(file, "-") == 0 || (stat(file, &named) == 0 && fstat(STDOUT_FILENO, &ours) == 0 &&
                                      named.st_dev == ours.st_dev && named.st_ino == ours.st_ino);
}

/* --- the file --- */

static bool
is_replaceable(const char *file)
{
    struct stat st;

    return stat(file, &st) < 0 || S_ISREG(st.st_mode);
}

static enum mh_code
output_open(struct output *out, const char *file, struct mh_fault *fault)
{
    *out = (struct output){.file = file, .fd = -1};
    if (is_stdout(file) || !is_replaceable(file)) {
        out->fd = is_stdout(file) ? dup(STDOUT_FILENO) : open(file, O_WRONLY | O_CLOEXEC);
        return out->fd >= 0 ? MH_OK : fail_errno(fault, errno, "open '%s'", file);
    }
    out->temporary = str_printf("%s.part-%ld", file, (long) getpid());
    if (out->temporary == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out->fd >= 0)
        return MH_OK;
    (void) fail_errno(fault, errno, "write '%s'", file);
    mem_free(ptr_take(&out->temporary)); /* it is not ours to remove */
    return fault->foreign == ENOENT ? MH_NOT_FOUND : MH_IO;
}

static enum mh_code
output_commit(struct output *out, struct mh_fault *fault)
{
    const char *slash = strrchr(out->file, '/');
    scoped(mem_freep) char *parent = NULL;
    scoped(fd_closep) int parent_fd = -1;

    if (out->temporary == NULL)
        return MH_OK;
    if (fsync(out->fd) < 0)
        return fail_errno(fault, errno, "write '%s'", out->temporary);
    if (rename(out->temporary, out->file) < 0)
        return fail_errno(fault, errno, "write '%s'", out->file);
    mem_free(ptr_take(&out->temporary));
    parent = slash != NULL ? str_dup_n(out->file, (size_t) (slash - out->file) + 1) : str_dup(".");
    parent_fd = parent != NULL ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    /* The archive is there; only a power loss could still take its name. */
    (void) (parent_fd >= 0 && fsync(parent_fd) == 0);
    return MH_OK;
}

static void
output_close(struct output *out)
{
    fd_close(out->fd);
    if (out->temporary != NULL)
        (void) unlink(out->temporary);
    mem_free(out->temporary);
}

/* --- what goes in --- */

static enum mh_code
write_body(const struct list *words, struct buf *body, struct mh_fault *fault)
{
    struct jsonw w = JSONW_INIT(body);

    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "what");
    for (size_t i = 0; i < words->count; i++)
        jsonw_string(&w, NULL, words->items[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return buf_is_ok(body) ? MH_OK
                           : fail(fault, MH_BAD_INPUT, 0, "these are too many names at once");
}

static enum mh_code
list_cargo(struct carrier *carrier, const char *body, struct mh_cargo *ret, struct mh_fault *fault)
{
    scoped(json_freep) struct json *answer = NULL;
    enum mh_code code = carrier_ask(carrier, CARRY_EXPORT, body, &answer, fault);
    const char *text = json_string(json_get(answer, "cargo"));

    if (code != MH_OK)
        return code;
    if (text == NULL)
        return fail(fault, MH_CORRUPT, 0, "the server's answer does not tell what to export");
    return mh_cargo_read(text, strlen(text), ret, fault);
}

static bool
is_same(const struct mh_cargo *a, const struct mh_cargo *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->files[i].path, b->files[i].path) == 0 &&
               a->files[i].mtime_ns == b->files[i].mtime_ns &&
               memcmp(a->files[i].sha256, b->files[i].sha256, 32) == 0;
    return same;
}

/* A file was not what the writer had told: has it been switched? Then *cargo is what is there now,
 * and it is worth another try. */
static bool
may_try_again(struct carrier *carrier, const char *body, const struct output *out,
              struct mh_cargo *cargo)
{
    struct mh_cargo now = {0};
    struct mh_fault ignored = {0};
    bool is_news;

    if (out->temporary == NULL || lseek(out->fd, 0, SEEK_SET) < 0 || ftruncate(out->fd, 0) < 0 ||
        list_cargo(carrier, body, &now, &ignored) != MH_OK)
        return false;
    is_news = !is_same(cargo, &now);
    mh_cargo_done(cargo);
    *cargo = now;
    return is_news;
}

static enum mh_code
pack(struct carrier *carrier, const char *body, struct output *out, struct progress *progress,
     struct mh_cargo *cargo, struct mh_fault *fault)
{
    enum mh_code code = list_cargo(carrier, body, cargo, fault);

    for (int i = 0; code == MH_OK && i < ATTEMPTS; i++) {
        code = cargo_pack(carrier->dir_fd, cargo, out->fd, progress, fault);
        if (code == MH_BUSY && i + 1 < ATTEMPTS && may_try_again(carrier, body, out, cargo)) {
            code = MH_OK;
            continue;
        }
        return code == MH_BUSY ? MH_CORRUPT : code;
    }
    return code;
}

static enum mh_code
export_models(const struct invocation *invocation, const struct settings *settings,
              const struct list *words, struct mh_cargo *cargo, struct mh_fault *fault)
{
    scoped(buf_done) struct buf body = BUF_INIT((size_t) 1 << 20);
    struct carrier carrier = {.dir_fd = -1};
    struct output out = {.fd = -1};
    struct progress progress;
    enum mh_code code = write_body(words, &body, fault);

    progress_init(&progress, STDERR_FILENO, !invocation->is_quiet);
    if (code == MH_OK)
        code = carrier_open(&carrier, settings, fault);
    if (code == MH_OK)
        code = output_open(&out, invocation->output, fault);
    if (code == MH_OK)
        code = pack(&carrier, buf_text(&body), &out, &progress, cargo, fault);
    progress_clear(&progress);
    if (code == MH_OK)
        code = output_commit(&out, fault);
    output_close(&out);
    carrier_close(&carrier);
    return code;
}

/* --- telling --- */

static int
tell(const struct invocation *invocation, const struct mh_cargo *cargo)
{
    scoped(buf_done) struct buf out = BUF_INIT(ACTION_JSON_MAX);
    struct jsonw w = JSONW_INIT(&out);
    char size[UNIT_TEXT_SIZE];

    if (is_stdout(invocation->output))
        return 0;
    if (!invocation->wants_json) {
        if (!invocation->is_quiet)
            printf("exported %zu %s, %s, to %s\n", cargo->count,
                   cargo->count == 1 ? "file" : "files", size_format(cargo->bytes, size),
                   invocation->output);
        return 0;
    }
    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "archive", invocation->output);
    jsonw_uint(&w, "bytes", cargo->bytes);
    jsonw_array_begin(&w, "files");
    for (size_t i = 0; i < cargo->count; i++)
        jsonw_string(&w, NULL, cargo->files[i].path);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    return action_print(&out) ? 0 : 1;
}

static int
run(const struct invocation *invocation, const struct config *config, const struct list *words)
{
    struct mh_cargo cargo = {0};
    struct mh_fault fault = {0};
    enum mh_code code;
    int status;

    /* A closed pipe is an error of the call that meets it, not the end of us. */
    (void) signal(SIGPIPE, SIG_IGN);
    pull_catch_signals();
    code = export_models(invocation, &config->settings, words, &cargo, &fault);
    if (code == MH_OK) {
        status = tell(invocation, &cargo);
    } else {
        fault_prepend(&fault, "export");
        action_tell_failure(&fault);
        pull_end_by_signal();
        status = exit_status_of(code);
    }
    mh_cargo_done(&cargo);
    return status;
}

int
cmd_export(const struct invocation *invocation, const struct config *config)
{
    struct list words;
    int status;

    if (invocation->output == NULL) {
        log_error("export: say where to: `-o FILE.tar`, or `-o -` for standard output");
        return EXIT_USAGE;
    }
    if (is_stdout(invocation->output) && (invocation->wants_json || isatty(STDOUT_FILENO))) {
        log_error(invocation->wants_json
                      ? "export: standard output cannot take the archive and the report"
                      : "export: an archive is nothing for a terminal; `-o FILE.tar`, or a pipe");
        return EXIT_USAGE;
    }
    status = catalog_words_expand(invocation, &config->settings, CATALOG_PATHS, &words);
    if (status != 0)
        return status;
    status = run(invocation, config, &words);
    list_done(&words, mem_free);
    return status;
}
