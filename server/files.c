/* SPDX-License-Identifier: Apache-2.0 */
/* The app's own files.
 *
 * A path becomes a name, the name an open descriptor, and everything that is said of the file comes
 * from fstat() of that descriptor: type, length and ETag are those of the bytes that will be sent,
 * whatever happens to the name meanwhile. The kernel keeps the lookup beneath the root.
 *
 * An ETag of a file that was changed within the last two seconds is weak: the file system's clock
 * ticks, and within one tick a second change would leave size and time as they are. Its opaque part
 * does not change when it becomes strong, so that a client's copy stays valid.
 *
 * Refused, each as if it were not there: dotfiles, links that lead out, devices, pipes, sockets,
 * and names with a slash in them (an escaped one), which no file system has. Falling back to
 * another file is the caller's decision.
 *
 * Entered by the HTTP threads; no state, no lock. Blocks on the disk as open(2) does. */
#include "files.h"

#include "accept.h"
#include "fault.h"
#include "fd.h"
#include "mem.h"
#include "mime.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INDEX     "index.html"
#define SETTLED_S 2
/* A name is no longer than its target and the index; a location may have every byte escaped. */
#define ROOM_BYTES ((size_t) 3 * TARGET_MAX_BYTES + sizeof(INDEX))

/* What each failure says, and its status. The last row is for every other code. */
static const struct {
    enum mh_code code;
    unsigned status;
    const char *before; /* the path */
    const char *after;
    bool has_reason; /* whether errno's words may follow: of what is hidden, nothing is told */
} refusals[] = {
    {MH_NOT_FOUND, 404, "there is no file '", "'", false},
    {MH_DENIED, 403, "the file '", "' may not be read", true},
    {MH_BUSY, 503, "the file '", "' could not be opened now", true},
    {MH_NOMEM, 503, "memory ran out for the file '", "'", false},
    {MH_IO, 500, "the file '", "' could not be opened", true},
};

static enum mh_code
refuse(struct files_answer *answer, const struct target *target, enum mh_code code, int error,
       struct mh_fault *fault)
{
    const char *reason = strerrordesc_np(error);
    size_t i = 0;

    while (i + 1 < COUNT_OF(refusals) && refusals[i].code != code)
        i++;
    if (!refusals[i].has_reason)
        reason = NULL;
    answer->status = refusals[i].status;
    /* The path has TARGET_MAX_BYTES at most. */
    return fail(fault, code, error, "%s%.*s%s%s%s", refusals[i].before, (int) target->path_n,
                target->path, refusals[i].after, reason != NULL ? ": " : "",
                reason != NULL ? reason : "");
}

/* What an error of open(2) means for the client. */
static enum mh_code
code_of(int error)
{
    static const struct {
        int error;
        enum mh_code code;
    } table[] = {
        {ENOENT, MH_NOT_FOUND}, {ENOTDIR, MH_NOT_FOUND}, {ENAMETOOLONG, MH_NOT_FOUND},
        {ELOOP, MH_NOT_FOUND},  {EXDEV, MH_NOT_FOUND},  /* it leads out of the root */
        {ENXIO, MH_NOT_FOUND},  {ENODEV, MH_NOT_FOUND}, /* a socket, or a device of nothing */
        {EACCES, MH_DENIED},    {EPERM, MH_DENIED},      {EMFILE, MH_BUSY},
        {ENFILE, MH_BUSY},      {EAGAIN, MH_BUSY},       {ENOMEM, MH_NOMEM},
    };

    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (table[i].error == error)
            return table[i].code;
    }
    return MH_IO;
}

/* target_decode() has said NOT_FOUND to these already; a caller that went on is stopped here. */
static bool
has_dotfile(const char *path)
{
    static const char well_known[] = ".well-known";

    for (const char *at = path; *at != '\0';) {
        const size_t n = strcspn(at, "/");

        if (at[0] == '.' && (n != sizeof(well_known) - 1 || strncmp(at, well_known, n) != 0))
            return true;
        at += n;
        at += strspn(at, "/");
    }
    return false;
}

/* urlpath_decode()'s two escapes are undone. */
bool
files_name(const char *path, struct buf *name)
{
    path += strspn(path, "/");
    if (has_dotfile(path))
        return false;
    for (const char *p = path; *p != '\0'; p++) {
        buf_add_char(name, *p);
        if (*p != '%')
            continue;
        if (strncmp(p, "%25", 3) != 0) /* "%2F" */
            return false;
        p += 2;
    }
    return true;
}

static bool
write_name(const char *path, struct buf *name)
{
    if (!files_name(path, name))
        return false;
    if (name->length == 0 || name->text[name->length - 1] == '/')
        buf_add_str(name, INDEX);
    return true;
}

/* Bytes above 0x7F may stand in a target that a client sent, but not in a header of ours. */
static void
add_ascii(struct buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char) text[i] < 0x80)
            buf_add_char(out, text[i]);
        else
            buf_printf(out, "%%%02X", (unsigned) (unsigned char) text[i]);
    }
}

/* To the directory's path with its slash. Several slashes in front become one: "//host/" would lead
 * to another host. */
static enum mh_code
redirect(const struct target *target, struct files_answer *answer, struct mh_fault *fault)
{
    struct buf location = BUF_INIT(ROOM_BYTES);
    const size_t slashes = strspn(target->path, "/");

    buf_add_char(&location, '/');
    add_ascii(&location, target->path + slashes, target->path_n - slashes);
    buf_add_char(&location, '/');
    if (target->query != NULL) {
        buf_add_char(&location, '?');
        add_ascii(&location, target->query, target->query_n);
    }
    answer->location = buf_take(&location);
    buf_done(&location);
    if (answer->location == NULL)
        return refuse(answer, target, MH_NOMEM, ENOMEM, fault);
    answer->status = 308;
    return MH_OK;
}

/* The format is bounded: four numbers of 16 digits and the signs fit FILES_ETAG_SIZE. */
static void
write_etag(const struct stat *st, int64_t now, char ret[FILES_ETAG_SIZE])
{
    const int64_t changed_at =
        st->st_mtim.tv_sec > st->st_ctim.tv_sec ? st->st_mtim.tv_sec : st->st_ctim.tv_sec;
    const uint64_t changed_ns =
        (uint64_t) st->st_ctim.tv_sec * 1000000000u + (uint64_t) st->st_ctim.tv_nsec;

    (void) snprintf(ret, FILES_ETAG_SIZE, "%s\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
                    now - changed_at >= SETTLED_S ? "" : "W/", (uint64_t) st->st_size,
                    (uint64_t) stat_mtime_ns(st), changed_ns, (uint64_t) st->st_ino);
}

static void
describe(const struct stat *st, const char *name, int64_t now, struct files_answer *answer)
{
    answer->status = 200;
    answer->bytes = (uint64_t) st->st_size;
    /* Never in the future (RFC 9110 §8.8.2.1), and no date that HTTP cannot say. */
    answer->modified_at = st->st_mtim.tv_sec < now ? st->st_mtim.tv_sec : now;
    if (answer->modified_at < 0)
        answer->modified_at = -1;
    answer->content_type = mime_of(name);
    write_etag(st, now, answer->etag);
}

static enum mh_code
open_name(int root_fd, const struct target *target, const char *name, int64_t now,
          struct files_answer *ret, struct mh_fault *fault)
{
    /* O_NONBLOCK: a pipe that nobody writes to must not hold the thread until it is refused. */
    scoped(fd_closep) int fd = fd_open_beneath(root_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(ret, target, code_of(errno), errno, fault);
    /* Without the slash the name is the path's own, not its index. */
    if (S_ISDIR(st.st_mode) && target->path[target->path_n - 1] != '/')
        return redirect(target, ret, fault);
    if (!S_ISREG(st.st_mode))
        return refuse(ret, target, MH_NOT_FOUND, 0, fault);
    describe(&st, name, now, ret);
    ret->fd = fd_take(&fd);
    return MH_OK;
}

enum mh_code
files_open(int root_fd, const struct target *target, const char *path, int64_t now,
           struct files_answer *ret, struct mh_fault *fault)
{
    struct buf name = BUF_INIT(ROOM_BYTES);
    enum mh_code code;

    if (!write_name(path, &name))
        code = refuse(ret, target, MH_NOT_FOUND, 0, fault);
    else if (!buf_is_ok(&name))
        code = refuse(ret, target, MH_NOMEM, ENOMEM, fault);
    else
        code = open_name(root_fd, target, buf_text(&name), now, ret, fault);
    buf_done(&name);
    return code;
}

/* --- precompressed siblings --- */

bool
files_may_be_encoded(const struct files_answer *found)
{
    return found->status == 200 && mime_is_text(found->content_type);
}

/* The sibling's answer in place of the file's. One that is older was made from other bytes. */
static bool
take_sibling(int root_fd, const struct target *target, const char *name, int64_t now,
             enum accept_encoding encoding, struct files_answer *found)
{
    struct files_answer sibling = FILES_ANSWER_INIT;
    struct mh_fault fault;
    bool is_taken;

    /* Whatever is wrong with it, the file itself is there. */
    is_taken = open_name(root_fd, target, name, now, &sibling, &fault) == MH_OK &&
               sibling.status == 200 && sibling.modified_at >= found->modified_at;
    if (is_taken) {
        sibling.content_type = found->content_type;
        sibling.encoding = accept_encoding_name(encoding);
        files_answer_done(found);
        *found = sibling;
        sibling = FILES_ANSWER_INIT;
    }
    files_answer_done(&sibling);
    return is_taken;
}

static bool
try_sibling(int root_fd, const struct target *target, const char *path, int64_t now,
            enum accept_encoding encoding, struct files_answer *found)
{
    static const char *const suffixes[] = {
        [ACCEPT_BR] = ".br", [ACCEPT_ZSTD] = ".zst", [ACCEPT_GZIP] = ".gz"};
    struct buf name = BUF_INIT(ROOM_BYTES);
    bool is_taken = false;

    if (write_name(path, &name)) {
        buf_add_str(&name, suffixes[encoding]);
        if (buf_is_ok(&name))
            is_taken = take_sibling(root_fd, target, buf_text(&name), now, encoding, found);
    }
    buf_done(&name);
    return is_taken;
}

void
files_prefer_encoded(int root_fd, const struct target *target, const char *path, int64_t now,
                     const char *accept_encoding, struct files_answer *found)
{
    unsigned untried = ACCEPT_HAS(ACCEPT_BR) | ACCEPT_HAS(ACCEPT_ZSTD) | ACCEPT_HAS(ACCEPT_GZIP);

    while (accept_encoding != NULL && files_may_be_encoded(found)) {
        const enum accept_encoding encoding = accept_encoding_choose(accept_encoding, untried);

        if (encoding == ACCEPT_IDENTITY || try_sibling(root_fd, target, path, now, encoding, found))
            return;
        untried &= ~ACCEPT_HAS(encoding);
    }
}

void
files_answer_done(struct files_answer *answer)
{
    fd_close(answer->fd);
    mem_free(answer->location);
    *answer = FILES_ANSWER_INIT;
}
