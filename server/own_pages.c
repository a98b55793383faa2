/* SPDX-License-Identifier: Apache-2.0 */
/* modelhost's own pages under /-/: what is mirrored here and where to ask for more, and two words
 * for whoever watches over the process.
 *
 * The pages hold no script and no style of other hosts, work with neither, and show no credentials:
 * values of settings are written by the settings' own writer. Nothing here changes anything.
 *
 * HTTP threads; nothing waits. */
#include "own_pages.h"

#include "fault.h"
#include "problem.h"
#include "reply.h"
#include "settings.h"

#include <stdatomic.h>

#define PAGE_MAX ((size_t) 256 << 10)

static void
begin_page(struct buf *page, const char *title)
{
    buf_printf(page,
               "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n"
               "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;"
               "padding:0 1em}td,th{text-align:left;padding:.2em 1em .2em 0}</style>\n"
               "<h1>%s</h1>\n",
               title, title);
}

static enum answer
send_page(struct request *rq, struct buf *page)
{
    struct reply reply = REPLY_INIT(200);

    buf_add_str(page, "</html>\n");
    reply_field(&reply, "Content-Type", "text/html; charset=utf-8");
    reply_field(&reply, "Cache-Control", "no-store");
    reply_field(&reply, "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    reply_buf(&reply, page);
    return reply_send(rq, &reply);
}

enum answer
own_page_front(struct request *rq)
{
    struct buf page = BUF_INIT(PAGE_MAX);

    begin_page(&page, "modelhost");
    buf_add_str(&page, "<p>It works. <a href=\"/-/\">What is mirrored here</a>.</p>\n"
                       "<p>No directory is served at this address: <code>modelhost serve "
                       "DIR</code> serves one.</p>\n");
    return send_page(rq, &page);
}

static enum answer
send_word(struct request *rq, unsigned status, const char *word)
{
    struct reply reply = REPLY_INIT(status);

    reply_field(&reply, "Content-Type", "text/plain; charset=utf-8");
    reply_field(&reply, "Cache-Control", "no-store");
    reply_static(&reply, word);
    return reply_send(rq, &reply);
}

enum answer
answer_own_healthy(struct request *rq)
{
    return send_word(rq, 200, "healthy\n");
}

enum answer
answer_own_ready(struct request *rq)
{
    if (atomic_load_explicit(&rq->server->is_stopping, memory_order_relaxed))
        return send_word(rq, 503, "stopping\n");
    return send_word(rq, 200, "ready\n");
}

enum answer
answer_own_unknown(struct request *rq)
{
    struct mh_fault fault;

    (void) fail(&fault, MH_NOT_FOUND, 0,
                "modelhost has no such page under /-/; /-/ lists what there is");
    return reply_problem(rq, 404, MH_OK, &fault);
}
