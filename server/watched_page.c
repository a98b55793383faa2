/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that renew themselves: the script in HTML answers, and the script itself.
 *
 * The text that is put in names the state of the app that the page was made of; so a page's answer
 * is another one after every change, and its ETag says so. The file's own time would not, and is
 * left out. Ranges are of the file, not of what is sent, and are not given; precompressed siblings
 * are passed over. Nothing of all this is done without --watch.
 *
 * HTTP threads; may block on the disk. */
#include "watched_page.h"

#include "body_answer.h"
#include "fault.h"
#include "fd.h"
#include "inject.h"
#include "mem.h"
#include "own_pages.h"
#include "reply.h"
#include "web_files.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define PAGE_MAX   ((size_t) 16 << 20)
#define SCRIPT_MAX 256
#define SCRIPT     "<script src=\"/-/watch.js\" data-seen=\"%s\" defer></script>"

bool
watched_page_is_for(const struct request *rq, const struct files_answer *found)
{
    return rq->server->watch != NULL && found->status == 200 && found->bytes <= PAGE_MAX &&
           strncasecmp(found->content_type, "text/html", 9) == 0;
}

/* A byte order mark of UTF-16: ASCII put into that would garble it. */
static bool
is_wide(const char *html, size_t n)
{
    return n >= 2 && (memcmp(html, "\xfe\xff", 2) == 0 || memcmp(html, "\xff\xfe", 2) == 0);
}

static void
add_marked(struct buf *out, const char *html, size_t n, const char *mark)
{
    const size_t place = inject_place(html, n);

    if (is_wide(html, n)) {
        buf_add(out, html, n);
        return;
    }
    buf_add(out, html, place);
    buf_printf(out, SCRIPT, mark);
    buf_add(out, html + place, n - place);
}

void
watched_page_mark(struct buf *page, const char *mark)
{
    struct buf marked = BUF_INIT(PAGE_MAX + SCRIPT_MAX);

    add_marked(&marked, buf_text(page), page->length, mark);
    buf_done(page);
    *page = marked;
}

static enum mh_code
read_page(const struct files_answer *found, const char *mark, struct buf *out,
          struct mh_fault *fault)
{
    scoped(mem_freep) char *html = mem_calloc((size_t) found->bytes + 1, 1);
    ssize_t n;

    if (html == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    n = fd_pread_full(found->fd, html, (size_t) found->bytes, 0);
    if (n < 0)
        return fail_errno(fault, errno, "cannot read the file");
    /* One that is being written is told again when it is done. */
    add_marked(out, html, (size_t) n, mark);
    return buf_is_ok(out) ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");
}

/* The file's ETag, with the mark inside of its quotes. */
static char *
tag_of(const struct files_answer *found, const char *mark)
{
    const size_t n = strlen(found->etag);

    return n > 0 ? str_printf("%.*s-%s\"", (int) n - 1, found->etag, mark) : str_dup("");
}

enum answer
watched_page_answer(struct request *rq, struct files_answer *found, const char *mark, int64_t now)
{
    scoped(buf_done) struct buf page = BUF_INIT(PAGE_MAX + SCRIPT_MAX);
    scoped(mem_freep) char *etag = tag_of(found, mark);
    struct conditional_object object = {.etag = etag, .modified_at = -1};
    struct range_set set;
    struct mh_fault fault;
    struct reply reply;
    enum body_part part;
    enum mh_code code = etag != NULL ? read_page(found, mark, &page, &fault)
                                     : fail(&fault, MH_NOMEM, 0, "memory ran out");

    if (code != MH_OK)
        return reply_problem(rq, code == MH_NOMEM ? 503 : 500, code, &fault);
    part = body_judge(rq, &object, MH_BYTES_UNKNOWN, now, &set); /* of no range, that is */
    reply = REPLY_INIT(body_status(part));
    body_fields(&reply, part, &object, MH_BYTES_UNKNOWN, &set.spans[0]);
    if (part == BODY_NOT_MATCHED)
        return body_problem(rq, &reply, part);
    reply_field(&reply, "Cache-Control", "no-cache");
    reply_field(&reply, "Content-Type", found->content_type);
    if (rq->server->settings->server.is_spa)
        reply_field(&reply, "Vary", "Accept");
    if (part == BODY_NOT_MODIFIED || rq->is_head)
        reply_absent(&reply, page.length);
    else
        reply_buf(&reply, &page);
    return reply_send(rq, &reply);
}

enum answer
answer_watch_script(struct request *rq)
{
    struct reply reply = REPLY_INIT(200);

    if (rq->server->watch == NULL)
        return answer_own_unknown(rq);
    reply_field(&reply, "Content-Type", "text/javascript; charset=utf-8");
    reply_field(&reply, "Cache-Control", "no-cache");
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    if (rq->is_head)
        reply_absent(&reply, strlen(web_watch_js));
    else
        reply_static(&reply, web_watch_js);
    return reply_send(rq, &reply);
}
