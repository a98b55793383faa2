/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost serve`: the server from start to stop.
 *
 * The order is the contract's: descriptors and signals, then the host (which redoes what an
 * interrupted publish left), then sockets, then threads, and only then the ready lines. Signals are
 * blocked before the first thread is made, so that every thread inherits it, and are waited for by
 * the main thread alone. HUP reloads (reload.c), unless it is the terminal's own. The first TERM or
 * INT stops cleanly; from then on the signals have their usual effect, so that a second one ends
 * the process at once, which the cache survives.
 *
 * Main thread; report_event() on any of the host's. */
#include "command.h"
#include "fault.h"
#include "fd.h"
#include "greeting.h"
#include "host_open.h"
#include "httpd.h"
#include "log.h"
#include "notify.h"
#include "patience.h"
#include "ready.h"
#include "reload.h"
#include "sending.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Is it one client's to hear, and nobody else's? A cache that cannot be written to was told of at
 * the start. */
static bool
is_the_clients(const struct mh_event *event)
{
    const int error = event->fault->foreign;

    return event->code == MH_NOT_FOUND || event->code == MH_CANCELLED ||
           (event->code == MH_NO_SPACE && (error == EROFS || error == EACCES || error == EPERM));
}

/* What the host tells, to people. */
static void
report_event(void *arg, const struct mh_event *event)
{
    const char *path = event->path[0] != '\0' ? event->path : "the cache";

    (void) arg;
    switch (event->kind) {
    case MH_EVENT_FAILED:
        if (is_the_clients(event))
            log_debug("%s: %s", path, event->fault->sentence);
        else
            log_error("%s: %s", path, event->fault->sentence);
        break;
    case MH_EVENT_RETRY:
        log_note("%s: will be tried again: %s", path, event->fault->sentence);
        break;
    case MH_EVENT_WARNING:
        log_warning("%s: %s", path, event->fault->sentence);
        break;
    case MH_EVENT_PUBLISHED:
    default:
        log_debug("%s: is in the cache", path);
        break;
    }
}

/* --- the process --- */

static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_debug("the limit of open files stays as it is: %s", strerrordesc_np(errno));
}

static void
block_signals(sigset_t *ret_signals)
{
    (void) sigemptyset(ret_signals);
    (void) sigaddset(ret_signals, SIGTERM);
    (void) sigaddset(ret_signals, SIGINT);
    (void) sigaddset(ret_signals, SIGHUP);
    (void) pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    /* A client that is gone is an error of write(2), not the end of the process. */
    (void) signal(SIGPIPE, SIG_IGN);
}

/* --- being ready --- */

static void
tell_manager(const char *state)
{
    struct mh_fault fault;

    if (notify_send(state, &fault) != MH_OK)
        log_warning("%s", fault.sentence);
}

/* systemd(1), Type=notify-reload: the time tells which reload it is. */
static void
tell_reloading(void)
{
    char state[64];
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    (void) snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%jd",
                    (intmax_t) now.tv_sec * 1000000 + now.tv_nsec / 1000); /* fits */
    tell_manager(state);
}

/* --- signals --- */

static bool
has_terminal(void)
{
    scoped(fd_closep) int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    return fd >= 0;
}

/* A terminal that closes says SIGHUP, too: then the server in it ends. Who asks for a reload sends
 * the signal and leaves the terminal alone; nohup(1) wants neither. */
static bool
is_hangup(const siginfo_t *info, bool had_terminal)
{
    return info->si_code == SI_KERNEL || (had_terminal && !has_terminal());
}

static bool
is_hangup_ignored(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Until a signal wants the end. Meanwhile what the HTTP threads keep ready is let go of when it is
 * old. */
static void
await_stop(struct server *server, struct reload *reload, const sigset_t *signals)
{
    static const struct timespec beat = {.tv_sec = 1};
    const bool had_terminal = has_terminal(), is_nohup = is_hangup_ignored();
    siginfo_t info = {0};

    for (;;) {
        const int number = sigtimedwait(signals, &info, &beat);

        ready_sweep(server); /* also after EINTR, which does no harm */
        sending_sweep(server);
        patience_sweep(server);
        if (number < 0)
            continue;
        if (number != SIGHUP || (!is_nohup && is_hangup(&info, had_terminal)))
            break;
        if (is_hangup(&info, had_terminal))
            continue;
        tell_reloading();
        reload_now(reload, server);
        tell_manager("READY=1");
    }
    log_debug("stopping: %s", strsignal(info.si_signo));
    (void) pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

/* --- the command --- */

static enum mh_code
serve_until_stopped(struct reload *reload, struct mh_host *host, const sigset_t *signals,
                    struct mh_fault *fault)
{
    struct server *server = NULL;
    enum mh_code code = server_open(&reload->config->settings, host, &server, fault);

    if (code != MH_OK)
        return code;
    code = server_start(server, fault);
    if (code == MH_OK) {
        greet(server);
        tell_manager("READY=1");
        if (reload->invocation->wants_open)
            greet_in_browser(server);
        await_stop(server, reload, signals);
        tell_manager("STOPPING=1");
    }
    server_free(server);
    return code;
}

/* Once, and the server goes on with what it can do. */
static void
tell_read_only(const struct mh_host *host)
{
    struct mh_fault fault;

    if (mh_host_check_writable(host, &fault) != MH_OK)
        log_warning("%s. What it holds is served; nothing is added to it or revalidated, and "
                    "commands do not find this server",
                    fault.sentence);
}

int
cmd_serve(const struct invocation *invocation, const struct config *config)
{
    struct reload reload = RELOAD_INIT(invocation, config);
    struct mh_host *host = NULL;
    struct mh_fault fault;
    sigset_t signals;
    enum mh_code code;

    raise_descriptor_limit();
    block_signals(&signals);
    code = host_open(&config->settings, HOST_AS_SET, report_event, &host, &fault);
    if (code == MH_OK)
        tell_read_only(host);
    if (code == MH_OK)
        code = serve_until_stopped(&reload, host, &signals, &fault);
    mh_host_close(host);
    reload_done(&reload);
    if (code == MH_OK)
        return EXIT_SUCCESS;
    log_error("%s", fault.sentence);
    return exit_status_of(code);
}
