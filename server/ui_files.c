/* SPDX-License-Identifier: Apache-2.0 */
/* GET /-/ui/...: the scripts, the style and the icon of modelhost's own pages, from the program
 * itself. A new file is a row here, and a name in web/meson.build.
 *
 * HTTP threads; nothing waits. */
#include "fault.h"
#include "reply.h"
#include "request.h"
#include "web_files.h"

#include <string.h>

#define JAVASCRIPT "text/javascript; charset=utf-8"

static const struct {
    const char *path;
    const char *type;
    const char *text;
} files[] = {
    {"/-/ui/api.js", JAVASCRIPT, web_api_js},
    {"/-/ui/bodypix.js", JAVASCRIPT, web_bodypix_js},
    {"/-/ui/charts.js", JAVASCRIPT, web_charts_js},
    {"/-/ui/dashboard.js", JAVASCRIPT, web_dashboard_js},
    {"/-/ui/format.js", JAVASCRIPT, web_format_js},
    {"/-/ui/icon.svg", "image/svg+xml", web_icon_svg},
    {"/-/ui/style.css", "text/css; charset=utf-8", web_style_css},
    {"/-/ui/try.js", JAVASCRIPT, web_try_js},
};

enum answer
answer_ui(struct request *rq)
{
    struct reply reply = REPLY_INIT(200);
    size_t i = 0;

    while (i < COUNT_OF(files) && strcmp(files[i].path, buf_text(&rq->path)) != 0)
        i++;
    if (i == COUNT_OF(files))
        return answer_own_unknown(rq);
    reply_field(&reply, "Content-Type", files[i].type);
    reply_field(&reply, "Cache-Control", "no-cache"); /* it belongs to the program that runs now */
    reply_field(&reply, "X-Content-Type-Options", "nosniff");
    if (rq->is_head)
        reply_absent(&reply, strlen(files[i].text));
    else
        reply_static(&reply, files[i].text);
    return reply_send(rq, &reply);
}
