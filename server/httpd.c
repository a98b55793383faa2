/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: listeners, daemons, and their end.
 *
 * Every address has a libmicrohttpd daemon of its own, because a daemon knows one socket: epoll, a
 * pool of threads, and suspended connections allowed. How many connections there may be follows
 * from the descriptors that the process may have; each connection may hold its socket and a file.
 *
 * The end has an order, since a daemon that is stopped with suspended connections aborts: turn new
 * connections away; stop the host, which ends every wait for good; wait until the last connection
 * has been resumed; stop the daemons, which cuts what is still being sent. MHD_quiesce_daemon() is
 * not used: under epoll it races with its own threads for the socket's removal from the epoll set,
 * and whoever loses aborts the process.
 *
 * server_open(), _start(), _stop() and _free() are the main thread's; the counting of paused
 * connections is entered by HTTP threads and by those of the host, under its flights' locks. */
#include "httpd.h"

#include "api.h"
#include "buf.h"
#include "certificate.h"
#include "clocks.h"
#include "control.h"
#include "events.h"
#include "fault.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "mhd_callbacks.h"
#include "patience.h"
#include "ready.h"
#include "sending.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/resource.h>

#define THREADS_MAX     256
#define CONNECTIONS_MAX 1000000
/* Descriptors that are not connections': the host's files and transfers, daemons, standard ones. */
#define SPARE_DESCRIPTORS   256
#define DESCRIPTORS_PER     2 /* a connection's socket, and the file that is being sent */
#define CONTROL_CONNECTIONS 64
#define OPTIONS_MAX         16

/* --- making --- */

static void
free_listener(struct listener *listener)
{
    if (listener == NULL)
        return;
    listen_close(&listener->socket);
    mem_free(listener);
}

/* Takes *socket. */
static enum mh_code
add_listener(struct server *server, struct listen_socket *socket, bool is_control,
             struct mh_fault *fault)
{
    struct listener *listener = mem_new(struct listener);

    if (listener == NULL) {
        listen_close(socket);
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    listener->server = server;
    listener->socket = *socket;
    listener->is_control = is_control;
    listener->is_tls = server->tls != NULL && socket->address.kind != LISTEN_UNIX;
    listener->is_loopback = is_control || listen_address_is_loopback(&socket->address);
    server->listeners[server->listener_count++] = listener;
    return MH_OK;
}

static enum mh_code
listen_on(struct server *server, const char *text, struct mh_fault *fault)
{
    struct listen_socket socket = LISTEN_SOCKET_INIT;
    struct listen_address address;
    enum mh_code code = listen_address_parse(text, &address, fault);

    if (code == MH_OK)
        code = listen_open(&address, &socket, fault);
    if (code == MH_UNSUPPORTED) {
        log_note("%s", fault->sentence);
        return MH_OK;
    }
    return code == MH_OK ? add_listener(server, &socket, false, fault) : code;
}

static enum mh_code
listen_on_all(struct server *server, struct mh_fault *fault)
{
    const struct strings *addresses = &server->settings->server.listen;
    enum mh_code code = MH_OK;

    server->listeners = mem_calloc(addresses->count + 1, sizeof(*server->listeners));
    if (server->listeners == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    for (size_t i = 0; code == MH_OK && i < addresses->count; i++)
        code = listen_on(server, addresses->items[i], fault);
    if (code == MH_OK && server->listener_count == 0)
        return fail(fault, MH_UNSUPPORTED, 0,
                    "there is no address left to listen on; name one by -l ADDR:PORT");
    return code;
}

/* Commands do without where the cache's file system has no sockets, and say so when they want it.
 */
static enum mh_code
listen_on_control(struct server *server, struct mh_fault *fault)
{
    struct listen_socket socket = LISTEN_SOCKET_INIT;

    /* Without the cache's LOCK the socket there may be another server's; serve has told already. */
    if (mh_host_check_writable(server->host, NULL) != MH_OK)
        return MH_OK;
    if (control_listen(server->host, &socket, fault) != MH_OK) {
        log_warning("%s; commands such as 'pull' cannot reach this server", fault->sentence);
        return MH_OK;
    }
    return add_listener(server, &socket, true, fault);
}

static enum mh_code
open_root(struct server *server, struct mh_fault *fault)
{
    const char *root = server->settings->server.root;

    if (root == NULL || root[0] == '\0')
        return MH_OK;
    server->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (server->root_fd < 0)
        return fail_errno(fault, errno, "cannot open the directory '%s' (root)", root);
    return MH_OK;
}

static enum mh_code
load_tls(struct server *server, struct mh_fault *fault)
{
    enum mh_code code = certificate_load(server->settings, server->host, &server->tls, fault);

    if (code == MH_OK)
        tls_present(server->tls, NULL);
    return code;
}

static bool
wants_token(const struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (!server->listeners[i]->is_loopback)
            return true;
    }
    return false;
}

enum mh_code
server_open(const struct settings *settings, struct mh_host *host, struct server **ret,
            struct mh_fault *fault)
{
    struct server *server = mem_new(struct server);
    enum mh_code code;

    if (server == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    server->settings = settings;
    server->host = host;
    server->root_fd = -1;
    server->started_mono_ms = clock_mono_ms();
    (void) pthread_mutex_init(&server->paused_lock, NULL); /* cannot fail without attributes */
    (void) pthread_mutex_init(&server->ready_lock, NULL);
    (void) pthread_mutex_init(&server->sending_lock, NULL);
    (void) pthread_mutex_init(&server->patience_lock, NULL);
    (void) pthread_cond_init(&server->paused_none, NULL);

    code = open_root(server, fault);
    if (code == MH_OK)
        code = load_tls(server, fault);
    if (code == MH_OK)
        code = listen_on_all(server, fault);
    if (code == MH_OK && wants_token(server))
        code = api_token_init(server, fault);
    if (code == MH_OK)
        code = listen_on_control(server, fault);
    if (code != MH_OK) {
        server_free(server);
        return code;
    }
    *ret = server;
    return MH_OK;
}

/* --- daemons --- */

static unsigned
thread_count(const struct settings_server *settings)
{
    cpu_set_t cores;
    int n = 1;

    if (settings->threads > 0)
        return settings->threads < THREADS_MAX ? (unsigned) settings->threads : THREADS_MAX;
    if (sched_getaffinity(0, sizeof(cores), &cores) == 0)
        n = CPU_COUNT(&cores);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned) n;
}

/* How many connections the descriptor limit leaves to each of `listeners`. */
static unsigned
affordable_connections(size_t listeners)
{
    struct rlimit limit = {.rlim_cur = 1024};
    uint64_t n;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = 1024;
    limit.rlim_cur -= ready_files_max(limit.rlim_cur);
    n = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS
                                               : limit.rlim_cur / 2;
    n = n / DESCRIPTORS_PER / (listeners > 0 ? listeners : 1);
    return n < 1 ? 1 : n > CONNECTIONS_MAX ? CONNECTIONS_MAX : (unsigned) n;
}

static unsigned
connection_limit(const struct server *server, const struct listener *listener)
{
    uint64_t wanted = server->settings->server.max_connections;

    if (listener->is_control)
        return CONTROL_CONNECTIONS;
    if (wanted == 0)
        return affordable_connections(server->listener_count);
    return wanted < CONNECTIONS_MAX ? (unsigned) wanted : CONNECTIONS_MAX;
}

/* The memory of a connection. The library keeps a head in about half of it; the rest of the
 * formula was measured (a pool of 8 KiB takes 3.5 KiB of fields, one of 20 KiB takes 9.5). */
static size_t
pool_bytes(const struct settings_server *settings)
{
    const size_t header = (size_t) settings->header_bytes;

    return 2 * header + header / 4 + 512;
}

static unsigned
idle_seconds(const struct settings_server *settings)
{
    const uint64_t seconds = (settings->idle_timeout_ms + 999) / 1000;

    return seconds < UINT_MAX / 2 ? (unsigned) seconds : UINT_MAX / 2;
}

static void on_library_message(void *arg, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

/* Nothing that the library says is about more than one client's connection. */
static void
on_library_message(void *arg, const char *format, va_list arguments)
{
    struct buf text = BUF_INIT(1024);

    (void) arg;
    buf_vprintf(&text, format, arguments);
    log_debug("libmicrohttpd: %s", buf_text(&text));
    buf_done(&text);
}

/* The options with one integer each; `options` has OPTIONS_MAX rows. */
static void
fill_options(const struct server *server, const struct listener *listener,
             struct MHD_OptionItem *options)
{
    const struct settings_server *settings = &server->settings->server;
    const unsigned connections = connection_limit(server, listener);
    unsigned threads = listener->is_control ? 1 : thread_count(settings);
    size_t n = 0;

    /* The limit is shared out among the threads; one without a share would be of no use. */
    if (threads > connections)
        threads = connections;
    if (threads > 1)
        options[n++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t) threads, NULL};
    options[n++] =
        (struct MHD_OptionItem){MHD_OPTION_CONNECTION_LIMIT, (intptr_t) connections, NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                           (intptr_t) pool_bytes(settings), NULL};
    options[n++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_TIMEOUT,
                                           (intptr_t) idle_seconds(settings), NULL};
    if (listener->socket.address.kind != LISTEN_UNIX && settings->max_connections_per_address > 0)
        options[n++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                    (intptr_t) settings->max_connections_per_address, NULL};
    if (listener->is_tls) {
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_callback()};
        options[n++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) tls_priorities};
    }
    options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

/* Once the server stops, who comes is turned away. */
static enum MHD_Result
may_connect(void *arg, const struct sockaddr *address, socklen_t address_bytes)
{
    struct listener *listener = arg;

    (void) address;
    (void) address_bytes;
    return atomic_load_explicit(&listener->server->is_stopping, memory_order_relaxed) ? MHD_NO
                                                                                      : MHD_YES;
}

/* A connection begins or ends; *context is its patience. */
static void
on_connection(void *arg, struct MHD_Connection *connection, void **context,
              enum MHD_ConnectionNotificationCode what)
{
    const struct listener *listener = arg;
    const union MHD_ConnectionInfo *info;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        patience_end(*context);
        *context = NULL;
        return;
    }
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        *context = patience_begin(listener->server, info->connect_fd);
}

static enum mh_code
start_listener(struct server *server, struct listener *listener, struct mh_fault *fault)
{
    struct MHD_OptionItem options[OPTIONS_MAX];

    fill_options(server, listener, options);
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (listener->is_tls ? MHD_USE_TLS : 0),
        0, may_connect, listener, request_on_access, listener, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_message, NULL, MHD_OPTION_LISTEN_SOCKET, listener->socket.fd,
        MHD_OPTION_URI_LOG_CALLBACK, request_on_target, listener, MHD_OPTION_UNESCAPE_CALLBACK,
        request_on_unescape, listener, MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, listener,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_ARRAY, options,
        MHD_OPTION_END);
    if (listener->daemon != NULL)
        return MH_OK;
    listener->socket.fd = -1; /* the library may have closed it; the process ends now anyhow */
    return fail(fault, MH_IO, errno,
                "the HTTP threads did not start; too many threads or open files? See "
                "threads = and max_connections = in the section [server]");
}

static void
on_app_change(void *arg)
{
    const struct server *server = arg;

    events_nudge(server->events);
}

enum mh_code
server_start(struct server *server, struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    struct rlimit limit = {.rlim_cur = 1024};

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = 1024;
    server->ready_files_max = ready_files_max(limit.rlim_cur);
    code = events_start(server, &server->events, fault);
    if (code == MH_OK && server->settings->server.is_watched && server->root_fd >= 0)
        code = watch_start(server->root_fd, on_app_change, server, &server->watch, fault);
    for (size_t i = 0; code == MH_OK && i < server->listener_count; i++)
        code = start_listener(server, server->listeners[i], fault);
    return code;
}

/* --- waiting connections --- */

bool
server_begin_wait(struct server *server)
{
    bool may_wait;

    (void) pthread_mutex_lock(&server->paused_lock);
    may_wait = !atomic_load_explicit(&server->is_stopping, memory_order_relaxed);
    server->paused_count += may_wait;
    (void) pthread_mutex_unlock(&server->paused_lock);
    return may_wait;
}

void
server_end_wait(struct server *server)
{
    (void) pthread_mutex_lock(&server->paused_lock);
    server->paused_count--;
    if (server->paused_count == 0)
        (void) pthread_cond_broadcast(&server->paused_none);
    (void) pthread_mutex_unlock(&server->paused_lock);
}

static void
await_all_resumed(struct server *server)
{
    (void) pthread_mutex_lock(&server->paused_lock);
    while (server->paused_count > 0)
        (void) pthread_cond_wait(&server->paused_none, &server->paused_lock);
    (void) pthread_mutex_unlock(&server->paused_lock);
}

/* --- the end --- */

void
server_stop(struct server *server)
{
    if (atomic_exchange(&server->is_stopping, true))
        return;
    mh_host_stop(server->host);
    events_stop(server->events);
    await_all_resumed(server);
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i]->daemon == NULL)
            continue;
        MHD_stop_daemon(server->listeners[i]->daemon); /* closes the socket, too */
        server->listeners[i]->daemon = NULL;
        server->listeners[i]->socket.fd = -1;
    }
    sending_free_all(server);
    ready_free_all(server); /* its threads are gone; the views must go before the host does */
}

void
server_free(struct server *server)
{
    if (server == NULL)
        return;
    server_stop(server);
    for (size_t i = 0; i < server->listener_count; i++)
        free_listener(server->listeners[i]);
    mem_free(server->listeners);
    watch_free(server->watch); /* it nudges the events */
    events_free(server->events);
    mem_free(server->token);
    tls_present(NULL, NULL);
    tls_identity_free(server->tls);
    fd_close(server->root_fd);
    (void) pthread_cond_destroy(&server->paused_none);
    (void) pthread_mutex_destroy(&server->paused_lock);
    (void) pthread_mutex_destroy(&server->patience_lock);
    (void) pthread_mutex_destroy(&server->ready_lock);
    (void) pthread_mutex_destroy(&server->sending_lock);
    mem_free(server);
}
