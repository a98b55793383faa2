/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the server that runs on a cache, as the commands do.
 *
 * What it answers is read strictly and as from a stranger; an error of it becomes a fault again,
 * with the code that its status stands for, so that a command's exit status is that of the same
 * work in this process. Any thread; blocks. */
#include "control_ask.h"

#include "fault.h"
#include "mem.h"

#include <modelhost/control.h>

#include <string.h>

static enum mh_code
code_of_status(long status)
{
    switch (status) {
    case 400:
    case 413:
        return MH_BAD_INPUT;
    case 401:
    case 403:
        return MH_DENIED;
    case 404:
        return MH_NOT_FOUND;
    case 502:
        return MH_UPSTREAM;
    case 503:
        return MH_BUSY;
    case 504:
        return MH_UNREACHABLE;
    case 507:
        return MH_NO_SPACE;
    default:
        return MH_IO;
    }
}

enum mh_code
control_ask(const char *cache_dir, const char *method, const char *path, const char *body,
            long wanted, struct json **ret_answer, struct mh_fault *fault)
{
    scoped(mem_freep) char *text = NULL;
    scoped(json_freep) struct json *answer = NULL;
    const char *detail;
    long status = 0;
    enum mh_code code = mh_control_call(cache_dir, method, path, body, &status, &text, fault);

    if (code != MH_OK)
        return code;
    code = json_parse(text, strlen(text), &answer, fault);
    if (code != MH_OK && status == wanted) {
        fault_prepend(fault, "the server's answer to %s", path);
        return code == MH_BAD_INPUT ? MH_CORRUPT : code;
    }
    if (status != wanted) {
        detail = json_string(json_get(answer, "detail"));
        return fail(fault, code_of_status(status), (int) status, "%s",
                    detail != NULL ? detail : "the server refused without saying why");
    }
    *ret_answer = ptr_take(&answer);
    return MH_OK;
}
