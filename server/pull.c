/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for pulls.
 *
 * Both ways of pulling are watched in the same manner: every POLL_MS each unfinished model is
 * looked at, and the bar redrawn. The transfers have deadlines of their own; what is bounded here
 * is the other case, that nothing fetches a model and nothing says why (a server was stopped, say):
 * after IDLE_MS that is an error and not a wait without end.
 *
 * A signal ends the waiting, not the process, so that whoever waits can clean up; a second one ends
 * the process at once. Nothing but the flag is touched in the handler. Main thread.
 */
#include "pull.h"

#include "clocks.h"
#include "fault.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "model_json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_MS   100
#define IDLE_MS   30000
#define MARGIN_MS 60000 /* for pauses between attempts */

static volatile sig_atomic_t caught;

static void
on_signal(int signal_number)
{
    caught = signal_number;
}

void
pull_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int) SA_RESETHAND};

    (void) sigemptyset(&action.sa_mask);
    caught = 0;
    /* They cannot fail: the numbers are valid. */
    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
    (void) sigaction(SIGHUP, &action, NULL);
}

bool
pull_was_interrupted(void)
{
    return caught != 0;
}

void
pull_end_by_signal(void)
{
    if (caught == 0)
        return;
    (void) signal(caught, SIG_DFL);
    (void) raise(caught);
}

/* --- one job --- */

static void
finish(struct pull_job *job, enum mh_code code)
{
    job->is_finished = true;
    job->code = code;
}

void
pull_job_done(struct pull_job *job)
{
    if (job->has_model)
        mh_model_done(&job->model);
    mem_free(job->path);
    *job = (struct pull_job){0};
}

/* BUSY passes: a file is between two states. */
static void
begin(const struct pull *pull, struct pull_job *job)
{
    char *path = NULL;
    enum mh_code code = pull->puller->begin(pull->puller, job->what,
                                            pull->refreshes && !job->is_pulled, &path, &job->fault);

    if (code == MH_OK) {
        mem_free(job->path);
        job->path = path;
        job->idle_since_ms = 0;
    } else if (code != MH_BUSY) {
        finish(job, code);
    }
}

void
pull_begin(struct pull *pull)
{
    for (size_t i = 0; i < pull->job_count; i++)
        begin(pull, &pull->jobs[i]);
}

static bool
is_idle_too_long(struct pull_job *job, uint64_t now_ms)
{
    if (job->idle_since_ms == 0)
        job->idle_since_ms = now_ms;
    return now_ms - job->idle_since_ms > IDLE_MS;
}

static void
begin_late(const struct pull *pull, struct pull_job *job, uint64_t now_ms)
{
    begin(pull, job);
    if (!job->path && !job->is_finished && is_idle_too_long(job, now_ms))
        finish(job, MH_BUSY);
}

/* Nothing fetches it. Not at once an error: a flight may be between two states. */
static void
note_idle(struct pull_job *job, uint64_t now_ms)
{
    if (is_idle_too_long(job, now_ms))
        finish(job, fail(&job->fault, MH_CANCELLED, 0,
                         "'%s' is incomplete, and nothing fetches it any more; pull it again",
                         job->path));
}

static uint64_t
transfer_ms(const struct settings_transfer *transfer)
{
    return (transfer->retries + 1) * (transfer->connect_timeout_ms +
                                      transfer->first_byte_timeout_ms + transfer->stall_timeout_ms);
}

uint64_t
pull_patience_ms(const struct settings *settings)
{
    uint64_t longest = transfer_ms(&settings->transfer);

    for (size_t i = 0; i < settings->mirror_count; i++) {
        uint64_t ms = transfer_ms(&settings->mirrors[i].transfer);

        longest = ms > longest ? ms : longest;
    }
    return longest + MARGIN_MS;
}

static void
note_arriving(struct pull_job *job, bool has_moved, uint64_t patience_ms, uint64_t now_ms)
{
    job->idle_since_ms = 0;
    if (has_moved)
        job->moved_ms = now_ms;
    else if (now_ms - job->moved_ms > patience_ms)
        finish(job, fail(&job->fault, MH_TIMEOUT, 0,
                         "nothing of '%s' has arrived for %ju s; pull it again", job->path,
                         (uintmax_t) (patience_ms / 1000)));
}

/* The refresh is over, and what is cached is whole. */
static void
finish_complete(const struct pull *pull, struct pull_job *job)
{
    if (pull->refreshes && job->model.refresh_code != MH_OK)
        job->fault = job->model.refresh_fault;
    finish(job, pull->refreshes ? job->model.refresh_code : MH_OK);
}

static void
take_incomplete(const struct pull *pull, struct pull_job *job, uint64_t now_ms)
{
    if (job->model.code != MH_OK) {
        job->fault = job->model.fault;
        finish(job, job->model.code);
    } else if (pull->refreshes && !job->is_pulled) {
        job->is_pulled = true;
        begin(pull, job);
    } else {
        note_idle(job, now_ms);
    }
}

static void
take_model(const struct pull *pull, struct pull_job *job, struct mh_model *model, uint64_t now_ms)
{
    bool has_moved = !job->has_model || model->bytes_present != job->model.bytes_present;

    if (job->has_model)
        mh_model_done(&job->model);
    job->model = *model;
    job->has_model = true;
    if (model->is_refreshing && pull->refreshes) {
        note_arriving(job, has_moved, pull->patience_ms, now_ms);
        return;
    }
    switch (model->state) {
    case MH_MODEL_COMPLETE:
        finish_complete(pull, job);
        break;
    case MH_MODEL_ARRIVING:
        note_arriving(job, has_moved, pull->patience_ms, now_ms);
        break;
    case MH_MODEL_INCOMPLETE:
    case MH_MODEL_CORRUPT:
        take_incomplete(pull, job, now_ms);
        break;
    }
}

static void
look(const struct pull *pull, struct pull_job *job, uint64_t now_ms)
{
    struct mh_model model = {0};
    struct mh_fault fault = {0};

    if (!job->path) {
        begin_late(pull, job, now_ms);
        return;
    }
    enum mh_code code = pull->puller->look(pull->puller, job->path, &model, &fault);

    if (code == MH_OK) {
        take_model(pull, job, &model, now_ms);
    } else if (code == MH_BUSY) {
        note_idle(job, now_ms);
    } else if (code == MH_NOT_FOUND && pull->refreshes) {
        finish(job, fail(&job->fault, MH_NOT_FOUND, 0,
                         "the upstream has '%s' no more, so it left the cache", job->path));
    } else if (code == MH_NOT_FOUND) {
        /* It was begun, so it was there: only a failed check takes a model back without a trace. */
        finish(job,
               fail(&job->fault, MH_CORRUPT, 0,
                    "'%s' failed a check and was taken back, or was removed meanwhile", job->path));
    } else {
        job->fault = fault;
        finish(job, code);
    }
}

/* --- all jobs --- */

static struct progress_line
summarise(const struct pull *pull, char *name, size_t size)
{
    struct progress_line line = {.name = name};
    const char *current = "";
    size_t finished = 0;
    int n;

    for (size_t i = 0; i < pull->job_count; i++) {
        const struct pull_job *job = &pull->jobs[i];

        finished += job->is_finished;
        if (!job->is_finished && current[0] == '\0' && job->path != NULL)
            current = job->path;
        line.bytes += job->has_model ? job->model.bytes_present : 0;
        line.total += job->has_model ? job->model.bytes : 0;
    }
    if (pull->job_count > 1)
        n = snprintf(name, size, "%zu of %zu models", finished, pull->job_count);
    else
        n = snprintf(name, size, "%s",
                     strrchr(current, '/') != NULL ? strrchr(current, '/') + 1 : current);
    if (n < 0)
        name[0] = '\0'; /* a cut name is as good as any */
    return line;
}

static void
draw(struct pull *pull, uint64_t now_ms)
{
    char name[128];

    progress_draw(pull->progress, now_ms, summarise(pull, name, sizeof name));
}

/* Returns whether a job is still unfinished. */
static bool
look_at_all(struct pull *pull)
{
    uint64_t now_ms = clock_mono_ms();
    bool is_waiting = false;

    for (size_t i = 0; i < pull->job_count; i++) {
        if (!pull->jobs[i].is_finished)
            look(pull, &pull->jobs[i], now_ms);
        is_waiting = is_waiting || !pull->jobs[i].is_finished;
    }
    return is_waiting;
}

static struct pull_job *
untold(struct pull *pull)
{
    for (size_t i = 0; i < pull->job_count; i++) {
        struct pull_job *job = &pull->jobs[i];

        if (job->is_finished && !job->is_told) {
            job->is_told = true;
            return job;
        }
    }
    return NULL;
}

struct pull_job *
pull_next(struct pull *pull)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

    while (!pull_was_interrupted()) {
        struct pull_job *job = untold(pull);
        bool is_waiting;

        if (job == NULL) {
            is_waiting = look_at_all(pull);
            job = untold(pull);
        }
        if (job != NULL) {
            progress_clear(pull->progress);
            return job;
        }
        if (!is_waiting)
            break;
        draw(pull, clock_mono_ms());
        (void) nanosleep(&pause, NULL); /* a signal may cut it short: that is wanted */
    }
    progress_clear(pull->progress);
    return NULL;
}

/* --- telling --- */

/* Does the message lack this detail? */
static bool
is_news(const struct pull_job *job, const char *detail)
{
    return detail[0] != '\0' && strstr(job->fault.sentence, detail) == NULL &&
           strstr(job->what, detail) == NULL;
}

void
pull_tell_failure(const struct pull_job *job)
{
    const struct mh_fault *fault = &job->fault;
    struct buf details = BUF_INIT(2048);

    if (is_news(job, fault->expected))
        buf_printf(&details, "; expected %s", fault->expected);
    if (is_news(job, fault->found))
        buf_printf(&details, "; found %s", fault->found);
    if (is_news(job, fault->upstream))
        buf_printf(&details, "; upstream %s", fault->upstream);
    log_error("pull '%s': %s%s", job->what, fault->sentence, buf_text(&details));
    buf_done(&details);
}

static void
write_refusal(struct jsonw *w, const struct pull_job *job)
{
    jsonw_object_begin(w, NULL);
    jsonw_string(w, "what", job->what);
    jsonw_object_begin(w, "failure");
    jsonw_string(w, "code", mh_code_name(job->code));
    jsonw_string(w, "sentence", job->fault.sentence);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

bool
pull_print_json(const struct pull_job *jobs, size_t count)
{
    struct buf out = BUF_INIT((size_t) 64 << 20);
    struct jsonw w = JSONW_INIT(&out);
    bool is_printed;

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "models");
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].has_model)
            model_json_write(&w, NULL, &jobs[i].model);
        else
            write_refusal(&w, &jobs[i]);
    }
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    is_printed = buf_is_ok(&out) && fputs(buf_text(&out), stdout) >= 0;
    buf_done(&out);
    return is_printed;
}
