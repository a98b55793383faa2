/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modelhost pull`: make models local.
 *
 * One process writes to a cache. Where a server runs on it, it is asked to do the work; otherwise
 * this process is the writer for as long as it takes. What is shown is the same. Every model is
 * tried whatever became of the others, and the exit status is that of the first that failed. Main
 * thread.
 */
#include "pull.h"

#include "catalog_words.h"
#include "fault.h"
#include "host_open.h"
#include "log.h"
#include "mem.h"
#include "units.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum mh_code
open_puller(struct puller *ret, const struct settings *settings, struct mh_fault *fault)
{
    struct mh_host *host = NULL;
    enum mh_code code = puller_control_open(ret, settings->cache.directory, fault);

    if (code == MH_NOT_FOUND) {
        *fault = (struct mh_fault){0};
        code = host_open(settings, HOST_AS_SET, puller_on_event, &host, fault);
        if (code == MH_OK)
            puller_host_init(ret, host);
    }
    return code;
}

static void
tell(const struct invocation *invocation, const struct pull_job *job)
{
    char size[UNIT_TEXT_SIZE];

    if (job->code != MH_OK)
        pull_tell_failure(job);
    else if (!invocation->is_quiet && !invocation->wants_json)
        printf("pulled %s (%u %s, %s)\n", job->path, job->model.files,
               job->model.files == 1 ? "file" : "files", size_format(job->model.bytes, size));
    (void) fflush(stdout); /* a failure is seen at the end, in command.c */
}

static int
pull_jobs(const struct invocation *invocation, const struct settings *settings,
          struct puller *puller, struct pull_job *jobs)
{
    struct progress progress;
    struct pull pull = {.puller = puller,
                        .jobs = jobs,
                        .job_count = invocation->word_count,
                        .progress = &progress,
                        .refreshes = invocation->wants_refresh,
                        .patience_ms = pull_patience_ms(settings)};
    struct pull_job *job;
    int status = 0;

    progress_init(&progress, STDERR_FILENO, !invocation->is_quiet);
    pull_catch_signals();
    pull_begin(&pull);
    while ((job = pull_next(&pull)) != NULL) {
        tell(invocation, job);
        if (status == 0)
            status = exit_status_of(job->code);
    }
    if (pull_was_interrupted())
        puller->stop(puller);
    else if (invocation->wants_json && !pull_print_json(jobs, invocation->word_count))
        status = 1;
    return status;
}

static int
pull_into_cache(const struct invocation *invocation, const struct settings *settings)
{
    struct pull_job *jobs = mem_calloc(invocation->word_count, sizeof *jobs);
    struct puller puller;
    struct mh_fault fault = {0};
    enum mh_code code;
    int status;

    if (jobs == NULL)
        return exit_status_of(MH_NOMEM);
    for (size_t i = 0; i < invocation->word_count; i++)
        jobs[i].what = invocation->words[i];
    code = open_puller(&puller, settings, &fault);
    if (code == MH_OK) {
        status = pull_jobs(invocation, settings, &puller, jobs);
        puller.close(&puller);
    } else {
        log_error("%s", fault.sentence);
        status = exit_status_of(code);
    }
    for (size_t i = 0; i < invocation->word_count; i++)
        pull_job_done(&jobs[i]);
    mem_free(jobs);
    return status;
}

int
cmd_pull(const struct invocation *invocation, const struct config *config)
{
    struct list words;
    struct invocation expanded = *invocation;
    int status =
        catalog_words_expand(invocation, &config->settings,
                             invocation->output != NULL ? CATALOG_URLS : CATALOG_PATHS, &words);

    if (status != 0)
        return status;
    expanded.words = (char **) words.items;
    expanded.word_count = words.count;

    /* A closed pipe or connection is an error of the call that meets it, not the end of us. */
    (void) signal(SIGPIPE, SIG_IGN);
    if (invocation->output != NULL)
        status = pull_to_file(&expanded, &config->settings);
    else
        status = pull_into_cache(&expanded, &config->settings);
    list_done(&words, mem_free);
    pull_end_by_signal();
    return status;
}
