/* SPDX-License-Identifier: Apache-2.0 */
/* The first words of a server.
 *
 * The lines "listening on" are a promise to programs, one per address and nothing else like them;
 * what follows is for people. "0.0.0.0" is an address that nobody can open, so where every address
 * is listened on, those of the network are told. The QR code is for a phone, and only drawn where
 * somebody can see it.
 *
 * Main thread, when the server is ready; reads the system's tables. */
#include "greeting.h"

#include "browser.h"
#include "lan.h"
#include "log.h"
#include "qr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QR_MAX ((size_t) 64 << 10)

static const char *
url_of(const struct listener *listener, const struct listen_address *address,
       char ret[LISTEN_TEXT_SIZE])
{
    return listen_address_url(address, listener->is_tls ? "https" : "http", ret);
}

static bool
is_wild(const struct listen_address *address)
{
    return address->kind != LISTEN_UNIX &&
           (strcmp(address->host, "0.0.0.0") == 0 || strcmp(address->host, "::") == 0);
}

/* The listener's URL under another numeric address; false: it does not listen there. */
static bool
url_at(const struct listener *listener, const char *host, char ret[LISTEN_TEXT_SIZE])
{
    struct listen_address address = listener->socket.address;
    const enum listen_kind kind = strchr(host, ':') != NULL ? LISTEN_IPV6 : LISTEN_IPV4;

    if (!is_wild(&address) || (address.kind != kind && !address.is_every))
        return false;
    address.kind = kind;
    address.is_every = false;
    (void) snprintf(address.host, sizeof(address.host), "%s", host); /* a numeric address fits */
    (void) url_of(listener, &address, ret);
    return true;
}

/* --- the network --- */

/* Print the URLs for other machines. `ret_best` is set to the one that most likely works, or "". */
static void
greet_network(const struct server *server, char ret_best[LISTEN_TEXT_SIZE])
{
    struct strings addresses = {0};
    char url[LISTEN_TEXT_SIZE];

    ret_best[0] = '\0';
    if (!lan_addresses(&addresses))
        log_debug("memory ran out while the network's addresses were looked for");
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = server->listeners[i];

        if (listener->is_control || listener->is_loopback)
            continue;
        if (ret_best[0] == '\0' && !is_wild(&listener->socket.address))
            (void) url_of(listener, &listener->socket.address, ret_best);
        for (size_t j = 0; j < addresses.count; j++) {
            if (!url_at(listener, addresses.items[j], url))
                continue;
            (void) printf("modelhost: from other machines: %s\n", url);
            if (ret_best[0] == '\0')
                memcpy(ret_best, url, sizeof(url));
        }
    }
    strings_done(&addresses);
}

/* Does somebody look at standard output who sees half blocks? */
static bool
is_for_eyes(unsigned *ret_columns)
{
    const char *term = getenv("TERM");
    struct winsize size = {0};

    if (log_level_shown() < LOG_LEVEL_NOTE || isatty(STDOUT_FILENO) == 0 || term == NULL ||
        strcmp(term, "dumb") == 0)
        return false;
    *ret_columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    return true;
}

static void
draw(const struct server *server, const char *url)
{
    struct buf out = BUF_INIT(QR_MAX);
    unsigned columns;

    if (url[0] == '\0' || !is_for_eyes(&columns))
        return;
    if (qr_write(url, columns, &out) && buf_is_ok(&out))
        (void) printf("\n%s%s\n", buf_text(&out), url);
    if (server->tls == NULL)
        (void) printf("Cameras and threads want HTTPS when a page comes from another machine: "
                      "--tls-self-signed.\n");
    buf_done(&out);
}

void
greet_with_fingerprint(const struct server *server)
{
    char fingerprint[TLS_FINGERPRINT_SIZE];

    if (server->tls == NULL || !server->settings->tls.is_self_signed)
        return;
    (void) printf("modelhost: the certificate's SHA-256 fingerprint is %s\n",
                  tls_identity_fingerprint(server->tls, fingerprint));
    (void) fflush(stdout);
}

void
greet(const struct server *server)
{
    char url[LISTEN_TEXT_SIZE];

    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = server->listeners[i];

        if (!listener->is_control)
            (void) printf("modelhost: listening on %s\n",
                          url_of(listener, &listener->socket.address, url));
    }
    greet_network(server, url);
    greet_with_fingerprint(server);
    draw(server, url);
    /* Nobody may be reading, which is no reason not to serve. */
    (void) fflush(stdout);
}

/* --- the browser --- */

/* Where a browser on this machine finds the server; false: nowhere, as there are unix sockets only.
 */
static bool
local_url(const struct server *server, char ret[LISTEN_TEXT_SIZE])
{
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = server->listeners[i];

        if (listener->is_control || listener->socket.address.kind == LISTEN_UNIX)
            continue;
        if (!url_at(listener, "127.0.0.1", ret) && !url_at(listener, "::1", ret))
            (void) url_of(listener, &listener->socket.address, ret);
        return true;
    }
    return false;
}

void
greet_in_browser(const struct server *server)
{
    char url[LISTEN_TEXT_SIZE];

    if (!local_url(server, url))
        log_note("--open opens nothing: a browser cannot come to a unix socket");
    else
        browser_open(url);
}
