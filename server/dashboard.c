/* SPDX-License-Identifier: Apache-2.0 */
/* GET /-/: the dashboard.
 *
 * The page stands in web/dashboard.html. What it tells is written into it here, so that it can be
 * read without JavaScript; with it, web/dashboard.js keeps it up to date by /-/events and adds what
 * acts. Model paths, upstreams and sentences come from clients, upstreams and files: every one is
 * escaped. Credentials are not shown: an upstream is written by the settings' own writer.
 *
 * HTTP threads; the host's lock is taken for as long as copying takes. Nothing here changes
 * anything. */
#include "dashboard_facts.h"
#include "fault.h"
#include "mem.h"
#include "own_origin.h"
#include "page_template.h"
#include "problem.h"
#include "reply.h"
#include "units.h"
#include "web_files.h"

#include <modelhost/model.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <time.h>

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' " \
    "data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
#define UPSTREAM_MAX ((size_t) 64 << 10)

/* What the page is made of, looked up once. */
struct facts {
    const struct server *server;
    const char *origin; /* ours, as this client sees it */
    struct mh_counters host;
    struct mh_model *models;
    size_t n;
    size_t arriving;
};

static void
write_size(uint64_t bytes, struct buf *page)
{
    char text[UNIT_TEXT_SIZE];

    buf_add_str(page, size_format(bytes, text));
}

/* --- models --- */

static void
write_when(int64_t seconds, struct buf *page)
{
    const time_t when = (time_t) seconds;
    struct tm tm;
    char text[32];

    if (seconds > 0 && gmtime_r(&when, &tm) != NULL &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm) > 0)
        buf_add_str(page, text);
    else
        buf_add_str(page, "not yet");
}

/* What the state's badge looks like; the same in dashboard.js. */
static const char *
badge_of(enum mh_model_state state)
{
    static const char *const classes[] = {
        [MH_MODEL_COMPLETE] = "badge good",
        [MH_MODEL_ARRIVING] = "badge",
        [MH_MODEL_INCOMPLETE] = "badge warn",
        [MH_MODEL_CORRUPT] = "badge bad",
    };

    return classes[state];
}

static const char *
upstream_words(enum mh_upstream_state state)
{
    static const char *const words[] = {
        [MH_UPSTREAM_NONE] = "",
        [MH_UPSTREAM_FRESH] = "up to date",
        [MH_UPSTREAM_DUE] = "to be asked again",
        [MH_UPSTREAM_UPDATING] = "being asked",
        [MH_UPSTREAM_FAILING] = "not reachable",
        [MH_UPSTREAM_OFFLINE] = "offline",
    };

    return words[state];
}

static void
write_model(const struct mh_model *model, struct buf *page)
{
    buf_add_str(page, "<tr><td class=\"name\"><code class=\"model-name\">");
    html_escape(page, model->path);
    buf_add_str(page, "</code>");
    if (model->code != MH_OK) {
        buf_add_str(page, "<span class=\"why\">");
        html_escape(page, model->fault.sentence);
        buf_add_str(page, "</span>");
    }
    buf_printf(page, "</td><td><span class=\"%s\">%s%s</span> <span class=\"files\">",
               badge_of(model->state), mh_model_state_name(model->state),
               model->is_pinned ? ", pinned" : "");
    if (model->state != MH_MODEL_COMPLETE)
        buf_printf(page, "%" PRIu32 " of ", model->files_present);
    buf_printf(
        page,
        "%" PRIu32
        " %s</span> <span class=\"files\">%s</span></td><td class=\"number\" data-label=\"Size\">",
        model->files, model->files == 1 ? "file" : "files", upstream_words(model->upstream));
    write_size(model->bytes, page);
    buf_add_str(page, "</td><td class=\"when\" data-label=\"Used\">");
    write_when(model->last_used, page);
    buf_add_str(page, "</td></tr>\n");
}

static void
write_models(const void *arg, struct buf *page)
{
    const struct facts *facts = arg;

    for (size_t i = 0; i < facts->n; i++)
        write_model(&facts->models[i], page);
}

static void
write_transfers(const void *arg, struct buf *page)
{
    const struct facts *facts = arg;

    for (size_t i = 0; i < facts->n; i++) {
        const struct mh_model *model = &facts->models[i];

        if (model->state != MH_MODEL_ARRIVING)
            continue;
        buf_add_str(page, "<li><div class=\"transfer-head\"><b>");
        html_escape(page, model->path);
        buf_add_str(page, "</b><span class=\"quiet\">");
        write_size(model->bytes_present, page);
        buf_add_str(page, " of ");
        write_size(model->bytes, page);
        buf_printf(page,
                   "</span></div><progress aria-label=\"Download\" max=\"%" PRIu64
                   "\" value=\"%" PRIu64 "\"></progress></li>\n",
                   model->bytes > 0 ? model->bytes : 1, model->bytes_present);
    }
}

static void
hide_if(bool is_hidden, struct buf *page)
{
    if (is_hidden)
        buf_add_str(page, " hidden");
}

static void
hide_empty_models(const void *arg, struct buf *page)
{
    hide_if(((const struct facts *) arg)->n > 0, page);
}

static void
hide_table(const void *arg, struct buf *page)
{
    hide_if(((const struct facts *) arg)->n == 0, page);
}

static void
hide_empty_transfers(const void *arg, struct buf *page)
{
    hide_if(((const struct facts *) arg)->arriving > 0, page);
}

/* --- figures --- */

static void
write_cache(const void *arg, struct buf *page)
{
    write_size(((const struct facts *) arg)->host.object_bytes, page);
}

static void
write_limit(const void *arg, struct buf *page)
{
    const struct facts *facts = arg;
    const uint64_t limit = facts->server->settings->cache.max_bytes;

    if (limit == 0) {
        buf_add_str(page, "no limit");
        return;
    }
    buf_add_str(page, "of ");
    write_size(limit, page);
}

static void
write_model_count(const void *arg, struct buf *page)
{
    buf_printf(page, "%zu", ((const struct facts *) arg)->n);
}

static void
write_file_count(const void *arg, struct buf *page)
{
    const uint64_t n = ((const struct facts *) arg)->host.objects;

    buf_printf(page, "%" PRIu64 " %s", n, n == 1 ? "file" : "files");
}

static uint64_t
asked(const struct server *server, uint64_t *ret_hits)
{
    *ret_hits = atomic_load(&server->counters.hits);
    return *ret_hits + atomic_load(&server->counters.misses);
}

static void
write_hit_rate(const void *arg, struct buf *page)
{
    uint64_t hits;
    const uint64_t all = asked(((const struct facts *) arg)->server, &hits);

    if (all > 0)
        buf_printf(page, "%" PRIu64 " %%", (uint64_t) (100.0 * (double) hits / (double) all));
    else
        buf_add_str(page, "–");
}

static void
write_hits(const void *arg, struct buf *page)
{
    uint64_t hits;
    const uint64_t all = asked(((const struct facts *) arg)->server, &hits);

    if (all > 0)
        buf_printf(page, "%" PRIu64 " of %" PRIu64, hits, all);
    else
        buf_add_str(page, "no requests yet");
}

static void
write_sent(const void *arg, struct buf *page)
{
    write_size(atomic_load(&((const struct facts *) arg)->server->counters.bytes), page);
}

static void
write_fetched(const void *arg, struct buf *page)
{
    write_size(((const struct facts *) arg)->host.upstream_bytes, page);
    buf_add_str(page, " fetched");
}

/* --- the rest --- */

static void
write_mirror(const struct settings_mirror *mirror, struct buf *page)
{
    const struct setting_key *key = settings_key_find("mirror", "upstream");
    scoped(buf_done) struct buf upstream = BUF_INIT(UPSTREAM_MAX);

    /* The settings' writer hides a password that stands in the URL. */
    if (key != NULL)
        setting_write(key, &mirror->upstream, &upstream);
    buf_add_str(page, "<tr><td><code>");
    html_escape(page, mirror->path);
    buf_add_str(page, "</code></td><td class=\"quiet\">");
    html_escape(page, buf_text(&upstream));
    buf_add_str(page, "</td></tr>\n");
}

static void
write_mirrors(const void *arg, struct buf *page)
{
    const struct settings *settings = ((const struct facts *) arg)->server->settings;

    for (size_t i = 0; i < settings->mirror_count; i++) {
        if (settings->mirrors[i].is_enabled)
            write_mirror(&settings->mirrors[i], page);
    }
}

static void
write_first_url(const void *arg, struct buf *page)
{
    const struct facts *facts = arg;

    html_escape(page, facts->origin);
    page_write_first_path(facts->server->settings, page);
}

static void
write_bodypix(const void *arg, struct buf *page)
{
    page_write_bodypix(((const struct facts *) arg)->server->settings, page);
}

static void
write_version(const void *arg, struct buf *page)
{
    (void) arg;
    page_write_version(page);
}

static void
write_offline(const void *arg, struct buf *page)
{
    page_write_offline(((const struct facts *) arg)->server->settings, page);
}

static const struct page_place places[] = {
    {"version", write_version},
    {"offline", write_offline},
    {"cache", write_cache},
    {"limit", write_limit},
    {"model-count", write_model_count},
    {"file-count", write_file_count},
    {"hit-rate", write_hit_rate},
    {"hits", write_hits},
    {"sent", write_sent},
    {"fetched", write_fetched},
    {"transfers", write_transfers},
    {"transfers-hidden", hide_empty_transfers},
    {"models", write_models},
    {"models-hidden", hide_empty_models},
    {"table-hidden", hide_table},
    {"first-url", write_first_url},
    {"bodypix", write_bodypix},
    {"mirrors", write_mirrors},
};

enum answer
answer_dashboard(struct request *rq)
{
    struct buf page = BUF_INIT(PAGE_BYTES_MAX);
    scoped(mem_freep) char *origin = own_origin(rq);
    struct facts facts = {.server = rq->server, .origin = origin != NULL ? origin : ""};
    struct mh_fault fault;
    enum mh_code code = mh_models_list(rq->server->host, &facts.models, &facts.n, &fault);

    if (code != MH_OK)
        return reply_problem(rq, 0, code, &fault);
    mh_host_counters(rq->server->host, &facts.host);
    for (size_t i = 0; i < facts.n; i++)
        facts.arriving += facts.models[i].state == MH_MODEL_ARRIVING;
    page_fill(web_dashboard_html, places, COUNT_OF(places), &facts, &page);
    mh_models_free(facts.models, facts.n);
    return page_send(rq, &page, POLICY);
}
