/* SPDX-License-Identifier: Apache-2.0 */
/* What the dashboard and the page to try BodyPix have in common: the models that exist, taken from
 * the catalog, and how a page is sent.
 *
 * The catalog says which combinations exist by accepting or refusing one, so the rows come from
 * asking it for every one that load() takes; nothing here knows better. The pages are for people of
 * this server alone: no frame, no foreign content, no script but ours.
 *
 * HTTP threads; nothing waits. */
#include "dashboard_facts.h"

#include "catalog.h"
#include "catalog_words.h"
#include "problem.h"
#include "reply.h"

#define CATALOG_PATH_MAX ((size_t) 1 << 10)

static const char *const architectures[] = {"MobileNetV1", "ResNet50"};
static const char *const multipliers[] = {"0.50", "0.75", "1.0"};
static const char *const strides[] = {"8", "16", "32"};
static const char *const quants[] = {"4", "2", "1"};

#define CHOICES                                                                                    \
    (COUNT_OF(architectures) * COUNT_OF(multipliers) * COUNT_OF(strides) * COUNT_OF(quants))

/* Choice number `i` of all that could be thought of. Returns whether it exists. */
static bool
choice_at(const struct catalog_entry *entry, size_t i, struct catalog_choice *ret)
{
    const char *given[CATALOG_PARAM_COUNT] = {NULL};
    struct mh_fault fault;

    given[CATALOG_QUANT_BYTES] = quants[i % COUNT_OF(quants)];
    i /= COUNT_OF(quants);
    given[CATALOG_OUTPUT_STRIDE] = strides[i % COUNT_OF(strides)];
    i /= COUNT_OF(strides);
    given[CATALOG_MULTIPLIER] = multipliers[i % COUNT_OF(multipliers)];
    i /= COUNT_OF(multipliers);
    given[CATALOG_ARCHITECTURE] = architectures[i];
    return catalog_choose(entry, given, ret, &fault) == MH_OK;
}

/* Append the local path of a choice's model. */
static bool
write_path(const struct settings *settings, const struct catalog_entry *entry,
           const struct catalog_choice *choice, struct buf *out)
{
    struct mh_fault fault;

    for (size_t i = 0; i < entry->file_count; i++) {
        scoped(buf_done) struct buf path = BUF_INIT(CATALOG_PATH_MAX);

        if (catalog_path(&entry->files[i], choice, &path))
            return catalog_local_path(settings, &entry->files[i], buf_text(&path), out, &fault) ==
                   MH_OK;
    }
    return false;
}

static void
write_row(const struct catalog_choice *choice, const char *path, struct buf *page)
{
    const char *architecture = choice->values[CATALOG_ARCHITECTURE];
    const char *multiplier = choice->values[CATALOG_MULTIPLIER];
    const char *stride = choice->values[CATALOG_OUTPUT_STRIDE];
    const char *quant = choice->values[CATALOG_QUANT_BYTES];

    buf_printf(page,
               "<tr data-architecture=\"%s\" data-multiplier=\"%s\" data-output-stride=\"%s\" "
               "data-quant-bytes=\"%s\" data-path=\"",
               architecture, multiplier, stride, quant); /* the catalog's own words */
    html_escape(page, path);
    buf_printf(page, "\"><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td><code class=\"path\">",
               architecture, multiplier, stride, quant);
    html_escape(page, path);
    buf_add_str(page, "</code></td></tr>\n");
}

void
page_write_bodypix(const struct settings *settings, struct buf *page)
{
    const struct catalog_entry *entry;
    struct mh_fault fault;

    if (catalog_find("bodypix", &entry, &fault) != MH_OK)
        return;
    for (size_t i = 0; i < CHOICES; i++) {
        struct catalog_choice choice;
        scoped(buf_done) struct buf path = BUF_INIT(CATALOG_PATH_MAX);

        if (choice_at(entry, i, &choice) && write_path(settings, entry, &choice, &path))
            write_row(&choice, buf_text(&path), page);
    }
}

void
page_write_first_path(const struct settings *settings, struct buf *page)
{
    const char *given[CATALOG_PARAM_COUNT] = {NULL};
    const struct catalog_entry *entry;
    struct catalog_choice choice;
    struct mh_fault fault;
    scoped(buf_done) struct buf path = BUF_INIT(CATALOG_PATH_MAX);

    if (catalog_find("bodypix", &entry, &fault) == MH_OK &&
        catalog_choose(entry, given, &choice, &fault) == MH_OK &&
        write_path(settings, entry, &choice, &path))
        html_escape(page, buf_text(&path));
}

void
page_write_version(struct buf *page)
{
    html_escape(page, MODELHOST_VERSION);
}

void
page_write_offline(const struct settings *settings, struct buf *page)
{
    if (settings->cache.is_offline)
        buf_add_str(page, "<span class=\"badge warn\">offline: no upstream is asked</span> ");
}

enum answer
page_send(struct request *rq, struct buf *page, const char *csp)
{
    struct reply reply = REPLY_INIT(200);

    reply_field(&reply, "Content-Type", "text/html; charset=utf-8");
    reply_field(&reply, "Cache-Control", "no-store");
    reply_field(&reply, "Content-Security-Policy", csp);
    reply_field(&reply, "Cross-Origin-Opener-Policy", "same-origin");
    reply_field(&reply, "Cross-Origin-Resource-Policy", "same-origin");
    reply_field(&reply, "Referrer-Policy", "no-referrer");
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    if (rq->is_head)
        reply_absent(&reply, page->length);
    else
        reply_buf(&reply, page);
    buf_done(page); /* of HEAD; else it is empty by now */
    return reply_send(rq, &reply);
}
