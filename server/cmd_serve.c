/* SPDX-License-Identifier: Apache-2.0 */
/* `modelhost serve`: the server from start to stop.
 *
 * The order is the contract's: descriptors and signals, then the host (which redoes what an
 * interrupted publish left), then sockets, then threads, and only then the ready lines. Signals are
 * blocked before the first thread is made, so that every thread inherits it, and are waited for by
 * the main thread alone. The first TERM or INT stops cleanly; from then on the signals have their
 * usual effect, so that a second one ends the process at once, which the cache survives.
 *
 * Main thread; report_event() on any of the host's. */
#include "command.h"
#include "fault.h"
#include "host_open.h"
#include "httpd.h"
#include "log.h"
#include "notify.h"
#include "ready.h"
#include "sending.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What the host tells, to people. What a client asked for in vain is the client's to hear. */
static void
report_event(void *arg, const struct mh_event *event)
{
    const char *path = event->path[0] != '\0' ? event->path : "the cache";

    (void) arg;
    switch (event->kind) {
    case MH_EVENT_FAILED:
        if (event->code == MH_NOT_FOUND || event->code == MH_CANCELLED)
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
    (void) pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    /* A client that is gone is an error of write(2), not the end of the process. */
    (void) signal(SIGPIPE, SIG_IGN);
}

/* Until a signal comes. Meanwhile what the HTTP threads keep ready is let go of when it is old. */
static void
await_stop(struct server *server, const sigset_t *signals)
{
    static const struct timespec beat = {.tv_sec = 1};
    int number;

    while ((number = sigtimedwait(signals, NULL, &beat)) <
           0) { /* also after EINTR, which does no harm */
        ready_sweep(server);
        sending_sweep(server);
    }
    log_debug("stopping: %s", strsignal(number));
    (void) pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

/* --- being ready --- */

static void
tell_manager(const char *state)
{
    struct mh_fault fault;

    if (notify_send(state, &fault) != MH_OK)
        log_warning("%s", fault.sentence);
}

/* One line per address, for people and for whoever started us. */
static void
print_ready(const struct server *server)
{
    char url[LISTEN_TEXT_SIZE];

    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = server->listeners[i];

        if (!listener->is_control)
            (void) printf("modelhost: listening on %s\n",
                          listen_address_url(&listener->socket.address,
                                             listener->is_tls ? "https" : "http", url));
    }
    /* Nobody may be reading, which is no reason not to serve. */
    (void) fflush(stdout);
}

/* --- the command --- */

static enum mh_code
serve_until_stopped(const struct settings *settings, struct mh_host *host, const sigset_t *signals,
                    struct mh_fault *fault)
{
    struct server *server = NULL;
    enum mh_code code = server_open(settings, host, &server, fault);

    if (code != MH_OK)
        return code;
    code = server_start(server, fault);
    if (code == MH_OK) {
        print_ready(server);
        tell_manager("READY=1");
        await_stop(server, signals);
        tell_manager("STOPPING=1");
    }
    server_free(server);
    return code;
}

int
cmd_serve(const struct invocation *invocation, const struct config *config)
{
    struct mh_host *host = NULL;
    struct mh_fault fault;
    sigset_t signals;
    enum mh_code code;

    (void) invocation; /* its options have become settings */
    raise_descriptor_limit();
    block_signals(&signals);
    code = host_open(&config->settings, HOST_AS_SET, report_event, &host, &fault);
    if (code == MH_OK)
        code = serve_until_stopped(&config->settings, host, &signals, &fault);
    mh_host_close(host);
    if (code == MH_OK)
        return EXIT_SUCCESS;
    log_error("%s", fault.sentence);
    return exit_status_of(code);
}
