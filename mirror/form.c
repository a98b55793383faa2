/* SPDX-License-Identifier: Apache-2.0 */
/* Forms as views see them (include/modelhost/form.h says what is promised).
 *
 * A form belongs to the bytes of the view's version, also when the object has moved on: then no new
 * ones are made, and those that there are may go at any moment, which costs the caller one attempt
 * to open. A file that is not as long or as old as when it was made is never given out.
 *
 * HTTP threads. */
#include <modelhost/form.h>

#include "encode.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "mem.h"
#include "view_internal.h"

#include <errno.h>
#include <fcntl.h>

size_t
mh_view_forms(struct mh_view *view, struct mh_form *ret)
{
    struct object *object;
    const struct version *version = view_version(view, &object);

    if (!version)
        return 0;
    (void) pthread_mutex_lock(&object->host->lock);
    size_t n = encode_list_locked(version, object->host, ret);

    (void) pthread_mutex_unlock(&object->host->lock);
    return n;
}

void
mh_view_want_form(struct mh_view *view, enum mh_encoding encoding)
{
    struct object *object;
    struct version *version = view_version(view, &object);

    if (!version)
        return;
    (void) pthread_mutex_lock(&object->host->lock);
    encode_want_locked(object, version, encoding);
    (void) pthread_mutex_unlock(&object->host->lock);
}

static enum mh_code
open_file(const struct mh_host *host, const struct version *version, enum mh_encoding encoding,
          const struct encode_file *file, int *ret_fd, struct mh_fault *f)
{
    char key[ENCODE_KEY_SIZE];
    struct stat st;

    hex_encode(version->meta.sha256, 32, key);
    scoped(mem_freep) char *path = encode_path(key, file->sha256, encoding);

    if (!path)
        return fail(f, MH_NOMEM, 0, "out of memory for a request");
    scoped(fd_closep) int fd =
        fd_open_beneath_nolink(store_dir_fd(host->store), path, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(f, errno, "open '%s'", path);
    if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size != file->bytes ||
        stat_mtime_ns(&st) != file->mtime_ns)
        return fail(f, MH_NOT_FOUND, 0, "'%s' was changed from outside", path);
    *ret_fd = fd_take(&fd);
    return MH_OK;
}

enum mh_code
mh_view_open_form(struct mh_view *view, const struct mh_form *form, int *ret_fd,
                  struct mh_fault *fault)
{
    struct object *object;
    const struct version *version = view_version(view, &object);
    struct encode_file file;

    if (!version)
        return fail(fault, MH_NOT_FOUND, 0, "there are no forms of what is arriving");
    struct mh_host *host = object->host;

    (void) pthread_mutex_lock(&host->lock);
    const bool is_there = encode_find_locked(version, host, form, &file);

    (void) pthread_mutex_unlock(&host->lock);
    if (!is_there)
        return fail(fault, MH_NOT_FOUND, 0, "the form has gone");
    enum mh_code code = open_file(host, version, form->encoding, &file, ret_fd, fault);

    if (code != MH_NOT_FOUND)
        return code;
    (void) pthread_mutex_lock(&host->lock);
    encode_lost_locked(version, host, form->encoding);
    (void) pthread_mutex_unlock(&host->lock);
    return code;
}
