/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells of itself, as JSON: for the API's answers and for the streams of events.
 *
 * Everything is copied out of the host first and written at leisure, so that no lock is held while
 * text is made. Functions of what the host and the counters say at the moment; any thread; nothing
 * waits. */
#include "api_text.h"

#include "clocks.h"
#include "fault.h"
#include "json.h"
#include "model_json.h"

#include <modelhost/model.h>
#include <modelhost/view.h>

#include <stdatomic.h>

static enum mh_code
verdict_of(const struct buf *json, struct mh_fault *fault)
{
    return buf_is_ok(json) ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out for the answer");
}

enum mh_code
api_text_models(const struct server *server, struct buf *json, struct mh_fault *fault)
{
    struct jsonw w = JSONW_INIT(json);
    struct mh_model *models = NULL;
    size_t n = 0;
    enum mh_code code = mh_models_list(server->host, &models, &n, fault);

    if (code != MH_OK)
        return code;
    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "models");
    for (size_t i = 0; i < n; i++)
        model_json_write(&w, NULL, &models[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    buf_add_char(json, '\n');
    mh_models_free(models, n);
    return verdict_of(json, fault);
}

static void
write_flight(struct jsonw *w, const struct mh_flight_info *flight)
{
    jsonw_object_begin(w, NULL);
    jsonw_string(w, "path", flight->path);
    jsonw_uint(w, "bytes", flight->bytes);
    if (flight->total == MH_BYTES_UNKNOWN)
        jsonw_null(w, "total");
    else
        jsonw_uint(w, "total", flight->total);
    jsonw_uint(w, "clients", flight->clients);
    jsonw_string(w, "state", flight->state);
    jsonw_object_end(w);
}

enum mh_code
api_text_flights(const struct server *server, struct buf *json, struct mh_fault *fault)
{
    struct jsonw w = JSONW_INIT(json);
    struct mh_flight_info *flights = NULL;
    size_t n = 0;
    enum mh_code code = mh_flights_list(server->host, &flights, &n, fault);

    if (code != MH_OK)
        return code;
    jsonw_object_begin(&w, NULL);
    jsonw_array_begin(&w, "flights");
    for (size_t i = 0; i < n; i++)
        write_flight(&w, &flights[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    buf_add_char(json, '\n');
    mh_flights_free(flights, n);
    return verdict_of(json, fault);
}

/* Where browsers find this server: port 0 was made a port only when it was opened. */
static void
write_listeners(struct jsonw *w, const struct server *server)
{
    char url[LISTEN_TEXT_SIZE];

    jsonw_array_begin(w, "listen");
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct listener *listener = server->listeners[i];

        if (!listener->is_control)
            jsonw_string(w, NULL,
                         listen_address_url(&listener->socket.address,
                                            listener->is_tls ? "https" : "http", url));
    }
    jsonw_array_end(w);
}

enum mh_code
api_text_status(const struct server *server, struct buf *json, struct mh_fault *fault)
{
    struct jsonw w = JSONW_INIT(json);
    struct mh_counters host;

    mh_host_counters(server->host, &host);
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "version", MODELHOST_VERSION);
    jsonw_uint(&w, "uptime_s", (clock_mono_ms() - server->started_mono_ms) / 1000);
    jsonw_bool(&w, "offline", server->settings->cache.is_offline);
    write_listeners(&w, server);
    jsonw_uint(&w, "requests", atomic_load(&server->counters.requests));
    jsonw_uint(&w, "hits", atomic_load(&server->counters.hits));
    jsonw_uint(&w, "misses", atomic_load(&server->counters.misses));
    jsonw_uint(&w, "kept", atomic_load(&server->counters.kept));
    jsonw_uint(&w, "bytes", atomic_load(&server->counters.bytes));
    jsonw_uint(&w, "upstream_requests", host.upstream_requests);
    jsonw_uint(&w, "upstream_bytes", host.upstream_bytes);
    jsonw_uint(&w, "published", host.published);
    jsonw_uint(&w, "failures", host.failures);
    jsonw_uint(&w, "flights", host.flights);
    jsonw_uint(&w, "objects", host.objects);
    jsonw_uint(&w, "object_bytes", host.object_bytes);
    jsonw_uint(&w, "form_bytes", host.form_bytes);
    jsonw_uint(&w, "forms_made", host.forms_made);
    jsonw_uint(&w, "max_bytes", server->settings->cache.max_bytes); /* 0: no limit */
    jsonw_object_end(&w);
    buf_add_char(json, '\n');
    return verdict_of(json, fault);
}
