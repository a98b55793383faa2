/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost import`: models come into the cache from an archive.
 *
 * This process unpacks into a stage beside the cache, with a progress bar; then the cache's writer,
 * the server that runs on it or else we ourselves, checks everything and takes it, all or nothing.
 * The stage is removed whatever happens; that of a killed command by the next one. Main thread. */
#include "action_command.h"
#include "cargo_tar.h"
#include "carry.h"
#include "fault.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "pull.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static enum mh_code
open_input(const char *file, int *ret_fd, struct mh_fault *fault)
{
    int fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(fault, errno, "open the archive");
    *ret_fd = fd;
    return MH_OK;
}

static enum mh_code
take_stage(struct carrier *carrier, const struct mh_stage *stage, struct json **ret_answer,
           struct mh_fault *fault)
{
    scoped(mem_freep) char *body = str_printf("{\"stage\": \"%s\"}", mh_stage_name(stage));

    if (body == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    return carrier_ask(carrier, CARRY_IMPORT, body, ret_answer, fault);
}

static enum mh_code
import(const struct invocation *invocation, const struct settings *settings,
       struct json **ret_answer, struct mh_fault *fault)
{
    scoped(fd_closep) int fd = -1;
    struct carrier carrier = {.dir_fd = -1};
    struct mh_stage *stage = NULL;
    struct progress progress;
    enum mh_code code = open_input(invocation->words[0], &fd, fault);

    progress_init(&progress, STDERR_FILENO, !invocation->is_quiet);
    if (code == MH_OK)
        code = carrier_open(&carrier, settings, fault);
    if (code == MH_OK)
        code = mh_stage_open(carrier.dir_fd, &stage, fault);
    if (code == MH_OK)
        code = cargo_unpack(fd, stage, &progress, fault);
    progress_clear(&progress);
    if (code == MH_OK)
        code = take_stage(&carrier, stage, ret_answer, fault);
    mh_stage_close(stage);
    carrier_close(&carrier);
    return code;
}

int
cmd_import(const struct invocation *invocation, const struct config *config)
{
    scoped(json_freep) struct json *answer = NULL;
    struct mh_fault fault = {0};
    enum mh_code code;

    /* A closed connection is an error of the call that meets it, not the end of us. */
    (void) signal(SIGPIPE, SIG_IGN);
    pull_catch_signals();
    code = import(invocation, &config->settings, &answer, &fault);
    if (code != MH_OK) {
        fault_prepend(&fault, "import '%s'", invocation->words[0]);
        action_tell_failure(&fault);
        pull_end_by_signal();
        return exit_status_of(code);
    }
    return action_tell_all(invocation, json_get(answer, "models"), "imported");
}
