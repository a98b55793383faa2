/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers in progress: partial/<id>.part holds the bytes, partial/<id>.json says what they are,
 * partial/<id>.plain is what encoded bytes are being decoded to.
 *
 * Invariants: an id follows from the object alone, so one object has one partial file, and a
 * transfer that a process left behind is found again by whoever wants the object next. A note
 * without bytes, or bytes without a note that can be read, are of no use to anybody: a start
 * removes them. A note is replaced as a whole. One that claims bytes to be on disk is synced
 * itself, since it only matters after a power loss; before any are, losing the note costs nothing.
 *
 * Any thread; an id's files belong to its flight. */
#include "store_internal.h"

#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "json.h"
#include "list.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NOTE_MAX_BYTES (64u << 10)
#define ID_LENGTH      (STORE_ID_SIZE - 1)

static const char bytes_suffix[] = ".part";
static const char note_suffix[] = ".json";
static const char plain_suffix[] = ".plain";

void
store_partial_id(const char *mirror, const char *name, char ret[STORE_ID_SIZE])
{
    /* The digest of both digests: no text of unknown length has to be put together. */
    uint8_t digests[64];

    hash_sha256(mirror, strlen(mirror), digests);
    hash_sha256(name, strlen(name), digests + 32);
    hash_sha256(digests, sizeof(digests), digests);
    hex_encode(digests, 32, ret);
}

static char *
partial_path(const char *id, const char *suffix)
{
    return str_printf("partial/%s%s", id, suffix);
}

static enum mh_code
open_file(const struct store *store, const char *id, const char *suffix, int flags, int *ret_fd,
          struct mh_fault *fault)
{
    scoped(mem_freep) char *path = partial_path(id, suffix);

    if (!path)
        return fail(fault, MH_NOMEM, 0, "out of memory for a download");
    enum mh_code code = store_check_writable(store, fault);

    if (code != MH_OK)
        return code;
    int fd = fd_open_beneath_nolink(store->dir_fd, path, O_RDWR | O_CREAT | flags, 0666);

    if (fd < 0 && errno == ENOENT) { /* somebody removed the folder; that is no 404 */
        code = store_make_layout(store, fault);
        if (code != MH_OK)
            return code == MH_NOT_FOUND ? MH_IO : code;
        fd = fd_open_beneath_nolink(store->dir_fd, path, O_RDWR | O_CREAT | flags, 0666);
    }
    if (fd < 0)
        return fail_errno(fault, errno, "make '%s/%s'", store->dir, path);
    *ret_fd = fd;
    return MH_OK;
}

enum mh_code
store_partial_open(const struct store *store, const char *id, int *ret_fd, struct mh_fault *fault)
{
    return open_file(store, id, bytes_suffix, 0, ret_fd, fault);
}

enum mh_code
store_partial_open_plain(const struct store *store, const char *id, int *ret_fd,
                         struct mh_fault *fault)
{
    return open_file(store, id, plain_suffix, O_TRUNC, ret_fd, fault);
}

enum mh_code
store_partial_take_plain(const struct store *store, const char *id, struct mh_fault *fault)
{
    scoped(mem_freep) char *plain = partial_path(id, plain_suffix);
    scoped(mem_freep) char *path = partial_path(id, bytes_suffix);

    if (!plain || !path)
        return fail(fault, MH_NOMEM, 0, "out of memory for a download");
    /* The note is of the bytes that go: without it a later start begins anew. */
    partial_remove_note(store, id);
    if (file_rename(store->dir_fd, plain, path) < 0)
        return fail_errno(fault, errno, "rename '%s/%s'", store->dir, plain);
    return MH_OK;
}

void
store_partial_remove(const struct store *store, const char *id)
{
    scoped(mem_freep) char *path = partial_path(id, bytes_suffix);

    scoped(mem_freep) char *plain = partial_path(id, plain_suffix);

    /* Whatever stays is removed by the next start. */
    if (path)
        (void) file_unlink(store->dir_fd, path);
    if (plain)
        (void) file_unlink(store->dir_fd, plain);
    partial_remove_note(store, id);
}

void
partial_remove_note(const struct store *store, const char *id)
{
    scoped(mem_freep) char *path = partial_path(id, note_suffix);

    if (path)
        (void) file_unlink(store->dir_fd, path);
}

/* --- notes --- */

void
partial_note_done(struct partial_note *note)
{
    mem_free(note->url);
    mem_free(note->etag);
    mem_free(note->last_modified);
    *note = (struct partial_note){.url = NULL};
}

enum mh_code
store_partial_write_note(const struct store *store, const char *id, const struct partial_note *note,
                         struct mh_fault *fault)
{
    scoped(mem_freep) char *path = partial_path(id, note_suffix);
    scoped(buf_done) struct buf text = BUF_INIT(NOTE_MAX_BYTES);
    struct jsonw w = JSONW_INIT(&text);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "url", note->url);
    jsonw_string(&w, "etag", note->etag);
    jsonw_string(&w, "last_modified", note->last_modified);
    if (note->total != UINT64_MAX)
        jsonw_uint(&w, "total", note->total);
    jsonw_uint(&w, "synced", note->synced);
    jsonw_string(&w, "boot_id", note->boot_id);
    jsonw_object_end(&w);
    if (!path || !buf_is_ok(&text))
        return fail(fault, MH_NOMEM, 0, "out of memory for a download's note");
    return fd_replace_file(store->dir_fd, path, buf_text(&text), text.length, 0666,
                           note->synced > 0, fault);
}

static bool
copy_text(const struct json *tree, const char *member, char **ret)
{
    const char *text = json_string(json_get(tree, member));

    *ret = str_dup(text);
    return !text || *ret;
}

static bool
read_note(const struct json *tree, struct partial_note *note)
{
    const struct json *total = json_get(tree, "total");
    const char *boot_id = json_string(json_get(tree, "boot_id"));
    size_t n = boot_id ? strlen(boot_id) : 0;

    note->total = UINT64_MAX;
    if (n >= sizeof(note->boot_id) || (total && !json_uint(total, &note->total)))
        return false;
    if (boot_id)
        memcpy(note->boot_id, boot_id, n + 1);
    return json_uint(json_get(tree, "synced"), &note->synced) &&
           copy_text(tree, "url", &note->url) && note->url &&
           copy_text(tree, "etag", &note->etag) &&
           copy_text(tree, "last_modified", &note->last_modified);
}

enum mh_code
store_partial_read_note(const struct store *store, const char *id, struct partial_note *ret,
                        struct mh_fault *fault)
{
    scoped(mem_freep) char *path = partial_path(id, note_suffix);
    scoped(mem_freep) char *text = NULL;
    scoped(json_freep) struct json *tree = NULL;
    struct partial_note note = {.url = NULL};
    size_t n = 0;

    if (!path)
        return fail(fault, MH_NOMEM, 0, "out of memory for a download's note");
    /* Why it cannot be read does not matter: the download starts over. */
    if (fd_read_file(store->dir_fd, path, NOTE_MAX_BYTES, &text, &n, fault) != MH_OK ||
        json_parse(text, n, &tree, fault) != MH_OK || !read_note(tree, &note)) {
        partial_note_done(&note);
        return fail(fault, MH_NOT_FOUND, 0, "no note to go on by in '%s'", path);
    }
    *ret = note;
    return MH_OK;
}

/* --- a start --- */

struct sweep {
    const struct store *store;
    struct list useless; /* char *: names */
    bool has_failed;
};

/* The id in a name that ends in `suffix`. */
static bool
read_id(const char *name, const char *suffix, char ret[STORE_ID_SIZE])
{
    if (strlen(name) != ID_LENGTH + strlen(suffix) || strcmp(name + ID_LENGTH, suffix) != 0)
        return false;
    memcpy(ret, name, ID_LENGTH);
    ret[ID_LENGTH] = '\0';
    return true;
}

static bool
is_useful(const struct store *store, const char *name)
{
    struct partial_note note = {.url = NULL};
    char id[STORE_ID_SIZE];

    if (!read_id(name, bytes_suffix, id) && !read_id(name, note_suffix, id))
        return false;
    scoped(mem_freep) char *path = partial_path(id, bytes_suffix);
    bool is_complete = path && file_exists(store->dir_fd, path) &&
                       store_partial_read_note(store, id, &note, NULL) == MH_OK;

    partial_note_done(&note);
    return is_complete;
}

static bool
judge(void *arg, const char *name)
{
    struct sweep *sweep = arg;

    if (is_useful(sweep->store, name))
        return true;
    char *copy = str_dup(name);

    if (!copy || !list_add(&sweep->useless, copy)) {
        mem_free(copy);
        sweep->has_failed = true;
    }
    return !sweep->has_failed;
}

enum mh_code
partial_sweep(const struct store *store, struct mh_fault *fault)
{
    struct sweep sweep = {.store = store, .useless = LIST_INIT(0)};
    enum mh_code code = file_list(store->dir_fd, "partial", judge, &sweep, fault);

    if (code == MH_OK && sweep.has_failed)
        code = fail(fault, MH_NOMEM, 0, "out of memory for the list of downloads");
    for (size_t i = 0; i < sweep.useless.count; i++) {
        scoped(mem_freep) char *path = str_printf("partial/%s", (char *) sweep.useless.items[i]);

        if (path)
            (void) file_unlink(store->dir_fd, path);
    }
    list_done(&sweep.useless, mem_free);
    return code;
}
