/* SPDX-License-Identifier: Apache-2.0 */
/* GET /-/try: BodyPix on a picture or the camera.
 *
 * The page stands in web/try.html and does its work in web/try.js. It is told which models exist
 * and where the mirror npm is, since TensorFlow.js comes through that; where it is switched off,
 * the page says so. Its policy lets it load from this server alone, and no code from text: the
 * backends that TensorFlow.js chooses by itself need neither eval nor WebAssembly.
 *
 * HTTP threads; nothing waits. */
#include "dashboard_facts.h"
#include "page_template.h"
#include "problem.h"
#include "web_files.h"

#include <string.h>

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' " \
    "data: blob:; media-src 'self' blob: mediastream:; base-uri 'none'; form-action 'self'; "      \
    "frame-ancestors 'none'"

static void
write_npm(const void *arg, struct buf *page)
{
    const struct settings *settings = arg;

    for (size_t i = 0; i < settings->mirror_count; i++) {
        const struct settings_mirror *mirror = &settings->mirrors[i];

        if (mirror->is_enabled && strcmp(mirror->name, "npm") == 0)
            html_escape(page, mirror->path);
    }
}

static void
write_bodypix(const void *arg, struct buf *page)
{
    page_write_bodypix(arg, page);
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
    page_write_offline(arg, page);
}

static const struct page_place places[] = {
    {"npm", write_npm},
    {"bodypix", write_bodypix},
    {"version", write_version},
    {"offline", write_offline},
};

enum answer
answer_try(struct request *rq)
{
    struct buf page = BUF_INIT(PAGE_BYTES_MAX);

    page_fill(web_try_html, places, COUNT_OF(places), rq->server->settings, &page);
    return page_send(rq, &page, POLICY);
}
