/* SPDX-License-Identifier: Apache-2.0 */
/* The user's browser, as a process that is none of ours.
 *
 * It is started by a shell that goes to the background at once, so that nobody has to wait for it,
 * with signals as they were before the server blocked its own, and in a session of its own: what
 * stops the server does not close the browser. $BROWSER is the user's own word, and may be a
 * command with arguments; of a list, separated by colons, the first is taken. Without it, xdg-open
 * decides, but only where there is a display to open a window on: through ssh, or for root, it
 * would start a browser of text in the server's own terminal.
 *
 * Main thread. Nothing that goes wrong here stops the server. */
#include "browser.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* $1 is split at blanks, as a user wrote it, and nothing else is expanded. */
#define START "set -f; $1 \"$2\" </dev/null >/dev/null 2>&1 &"

static bool
is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

/* The command, owned; NULL: there is nothing to open it with. */
static char *
choose(void)
{
    if (is_set("BROWSER"))
        return str_dup_n(getenv("BROWSER"), strcspn(getenv("BROWSER"), ":"));
    return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") ? str_dup("xdg-open") : NULL;
}

/* Signals as any program expects them. */
static int
prepare(posix_spawnattr_t *attributes)
{
    sigset_t none, usual;

    (void) sigemptyset(&none);
    (void) sigfillset(&usual);
    if (posix_spawnattr_setsigmask(attributes, &none) != 0 ||
        posix_spawnattr_setsigdefault(attributes, &usual) != 0)
        return EINVAL;
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETSID);
}

/* Returns 0 or an errno value. */
static int
start(const char *command, const char *url)
{
    const char *const arguments[] = {"sh", "-c", START, "modelhost", command, url, NULL};
    posix_spawnattr_t attributes;
    pid_t pid;
    int status = 0;
    int error = posix_spawnattr_init(&attributes);

    if (error != 0)
        return error;
    error = prepare(&attributes);
    if (error == 0)
        error = posix_spawn(&pid, "/bin/sh", NULL, &attributes, (char *const *) arguments, environ);
    (void) posix_spawnattr_destroy(&attributes);
    if (error != 0)
        return error;
    /* The shell ends when it has started the command. */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

void
browser_open(const char *url)
{
    scoped(mem_freep) char *command = choose();
    int error;

    if (command == NULL) {
        log_note("--open: there is no display, and BROWSER is not set; open %s yourself", url);
        return;
    }
    error = start(command, url);
    if (error != 0)
        log_note("--open: cannot start '%s': %s; open %s yourself", command, strerrordesc_np(error),
                 url);
}
