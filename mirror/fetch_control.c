/* SPDX-License-Identifier: Apache-2.0 */
/* The client of a running server's control socket: one blocking exchange by libcurl.
 *
 * The socket is reached as /proc/self/fd/<directory>/control, since a cache directory's path may be
 * longer than the 108 bytes that a socket address holds. No proxy, no redirects, no network: a unix
 * socket only. It refuses answers over 64 MiB. */
#include <modelhost/control.h>

#include "buf.h"
#include "fault.h"
#include "fd.h"
#include "mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CONTROL_MAX_BYTES  (64u << 20)
#define CONTROL_TIMEOUT_MS (10L * 60 * 1000) /* a verification of a large cache takes its time */

static size_t
on_answer(char *bytes, size_t size, size_t n, void *arg)
{
    struct buf *answer = arg;

    buf_add(answer, bytes, n * size);
    return buf_is_ok(answer) ? n * size : 0;
}

static void
set_options(CURL *easy, const char *socket, const char *url, const char *method, const char *body,
            struct curl_slist *headers, struct buf *answer)
{
    (void) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void) curl_easy_setopt(easy, CURLOPT_URL, url);
    (void) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, CONTROL_TIMEOUT_MS);
    (void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (body)
        (void) curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
}

static enum mh_code
fail_exchange(CURLcode result, int error, const char *cache_dir, struct mh_fault *f)
{
    if (result == CURLE_COULDNT_CONNECT && (error == EACCES || error == EPERM))
        return fail(f, MH_DENIED, error, "the server on the cache '%s' belongs to somebody else",
                    cache_dir);
    if (result == CURLE_COULDNT_CONNECT)
        return fail(f, MH_NOT_FOUND, error, "no server runs on the cache '%s'", cache_dir);
    if (result == CURLE_OPERATION_TIMEDOUT)
        return fail(f, MH_TIMEOUT, (int) result, "the server on the cache '%s' does not answer",
                    cache_dir);
    return fail(f, MH_UNREACHABLE, (int) result, "the server on the cache '%s' failed: %s",
                cache_dir, curl_easy_strerror(result));
}

static enum mh_code
exchange(CURL *easy, const char *cache_dir, long *ret_status, char **ret_body, struct buf *answer,
         struct mh_fault *f)
{
    CURLcode result = curl_easy_perform(easy);
    long error = 0;

    (void) curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
    if (result != CURLE_OK)
        return fail_exchange(result, (int) error, cache_dir, f);
    char *body = buf_take(answer);

    if (!body)
        return fail(f, MH_NOMEM, 0, "out of memory for the server's answer");
    (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, ret_status);
    *ret_body = body;
    return MH_OK;
}

enum mh_code
mh_control_call(const char *cache_dir, const char *method, const char *path, const char *body,
                long *ret_status, char **ret_body, struct mh_fault *fault)
{
    scoped(fd_closep) int dir = open(cache_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0 && errno == ENOENT)
        return fail(fault, MH_NOT_FOUND, errno, "no server runs on the cache '%s'", cache_dir);
    if (dir < 0)
        return fail_errno(fault, errno, "cannot open the cache '%s'", cache_dir);
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    scoped(mem_freep) char *socket = str_printf("/proc/self/fd/%d/control", dir);
    scoped(mem_freep) char *url = str_printf("http://localhost%s", path);
    struct buf answer = BUF_INIT(CONTROL_MAX_BYTES);
    enum mh_code code;

    if (easy && headers && socket && url) {
        set_options(easy, socket, url, method, body, headers, &answer);
        code = exchange(easy, cache_dir, ret_status, ret_body, &answer, fault);
    } else {
        code = fail(fault, MH_NOMEM, 0, "out of memory");
    }
    buf_done(&answer);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return code;
}
