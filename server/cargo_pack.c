/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an archive.
 *
 * The same content gives the same bytes: the manifest first, then the files in the order of their
 * paths, all of root's, 0644, with a time that follows from them; ustar, with pax headers only for
 * what ustar cannot hold. A file is opened when its turn comes and compared with what the cache's
 * writer told of it; since a published file is only ever replaced by a rename, what is open stays
 * what it was. One thread; blocks on the disk. */
#include "cargo_tar.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "mem.h"
#include "pull.h"
#include "utf8_locale.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BLOCK_BYTES  (256u * 1024)
#define RECORD_BYTES 10240 /* tar's own */

struct packing {
    int cache_fd;
    int out_fd;
    bool is_discarding; /* it has failed: what the library still says is not written */
    enum mh_code write_code;
    struct mh_fault write_fault;
    struct archive *archive;
    struct archive_entry *entry;
    char *block;
    struct progress *progress;
    uint64_t done_bytes;
    uint64_t total_bytes;
};

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "memory ran out for the archive");
}

static enum mh_code
fail_write(const struct packing *p, struct mh_fault *f)
{
    const char *said = archive_error_string(p->archive);

    return fail(f, MH_IO, 0, "write the archive: %s", said != NULL ? said : "it failed");
}

/* Errors are kept and not told to the library, which loses memory when it knows of one (3.6.2). */
static la_ssize_t
on_bytes(struct archive *archive, void *arg, const void *bytes, size_t n)
{
    struct packing *p = arg;

    (void) archive;
    if (!p->is_discarding && p->write_code == MH_OK)
        p->write_code = fd_write_all(p->out_fd, bytes, n, &p->write_fault);
    return (la_ssize_t) n;
}

/* What became of all that was written up to now. */
static enum mh_code
check_written(const struct packing *p, struct mh_fault *f)
{
    if (p->write_code == MH_OK)
        return MH_OK;
    *f = p->write_fault;
    fault_prepend(f, "write the archive");
    return p->write_code;
}

static enum mh_code
begin_entry(struct packing *p, const char *path, uint64_t bytes, int64_t time, struct mh_fault *f)
{
    archive_entry_clear(p->entry);
    archive_entry_set_pathname(p->entry, path);
    archive_entry_set_filetype(p->entry, AE_IFREG);
    archive_entry_set_perm(p->entry, 0644);
    archive_entry_set_size(p->entry, (int64_t) bytes);
    archive_entry_set_mtime(p->entry, (time_t) time, 0);
    int result = archive_write_header(p->archive, p->entry);

    /* A warning: the name is written as raw bytes. */
    return result == ARCHIVE_OK || result == ARCHIVE_WARN ? check_written(p, f) : fail_write(p, f);
}

static enum mh_code
add_bytes(struct packing *p, const void *bytes, size_t n, struct mh_fault *f)
{
    la_ssize_t written = archive_write_data(p->archive, bytes, n);

    return written == (la_ssize_t) n ? check_written(p, f) : fail_write(p, f);
}

static enum mh_code
open_file(const struct packing *p, const struct mh_cargo_file *file, int *ret_fd,
          struct mh_fault *f)
{
    scoped(mem_freep) char *path = str_printf("objects/%s", file->path);
    scoped(fd_closep) int fd = -1;
    struct stat st;

    if (path == NULL)
        return no_memory(f);
    fd = fd_open_beneath_nolink(p->cache_fd, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return fail_errno(f, errno, "open the cached file '%s'", file->path);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (uint64_t) st.st_size != file->bytes || stat_mtime_ns(&st) != file->mtime_ns)
        return fail(f, MH_BUSY, 0,
                    "the cached file '%s' was changed from outside; `modelhost verify --repair` "
                    "mends it",
                    file->path);
    *ret_fd = fd_take(&fd);
    return MH_OK;
}

static enum mh_code
say_bad(const struct mh_cargo_file *file, const uint8_t digest[32], struct mh_fault *f)
{
    char hex[65];

    (void) fail(f, MH_CORRUPT, 0,
                "the cached file '%s' is damaged; `modelhost verify --repair` mends it",
                file->path);
    hex_encode(file->sha256, 32, hex);
    fault_expected(f, "sha256 %s", hex);
    hex_encode(digest, 32, hex);
    fault_found(f, "sha256 %s", hex);
    return MH_CORRUPT;
}

static void
draw(struct packing *p)
{
    progress_draw(
        p->progress, clock_mono_ms(),
        (struct progress_line){.name = "export", .bytes = p->done_bytes, .total = p->total_bytes});
}

static enum mh_code
copy_file(struct packing *p, const struct mh_cargo_file *file, int fd, struct mh_fault *f)
{
    scoped(hash_freep) struct hash *hash = hash_new(HASH_SHA256);
    enum mh_code code = hash != NULL ? MH_OK : no_memory(f);
    uint8_t digest[32];
    ssize_t n = 0;

    for (uint64_t at = 0; code == MH_OK && at < file->bytes; at += (uint64_t) n) {
        if (pull_was_interrupted())
            return fail(f, MH_CANCELLED, 0, "interrupted");
        n = fd_pread_full(fd, p->block, BLOCK_BYTES, at);
        if (n < 0)
            return fail_errno(f, errno, "read the cached file '%s'", file->path);
        if (n == 0 || (uint64_t) n > file->bytes - at)
            return fail(f, MH_BUSY, 0, "the cached file '%s' changed while it was read",
                        file->path);
        hash_add(hash, p->block, (size_t) n);
        code = add_bytes(p, p->block, (size_t) n, f);
        p->done_bytes += (uint64_t) n;
        draw(p);
    }
    if (code != MH_OK)
        return code;
    hash_end(hash, digest);
    return memcmp(digest, file->sha256, 32) == 0 ? MH_OK : say_bad(file, digest, f);
}

static enum mh_code
add_file(struct packing *p, const struct mh_cargo_file *file, struct mh_fault *f)
{
    scoped(fd_closep) int fd = -1;
    enum mh_code code = open_file(p, file, &fd, f);

    if (code == MH_OK)
        code = begin_entry(p, file->path, file->bytes, mh_cargo_time(file), f);
    return code == MH_OK ? copy_file(p, file, fd, f) : code;
}

/* Its time is that of the youngest file: it changes when they do. */
static enum mh_code
add_manifest(struct packing *p, const struct mh_cargo *cargo, struct mh_fault *f)
{
    scoped(mem_freep) struct mh_cargo_file *files =
        mem_dup(cargo->files, cargo->count * sizeof(*files));
    struct mh_cargo bare = {files, cargo->count, cargo->bytes};
    scoped(mem_freep) char *text = NULL;
    int64_t time = 0;
    size_t n = 0;
    enum mh_code code = files != NULL ? MH_OK : no_memory(f);

    for (size_t i = 0; code == MH_OK && i < cargo->count; i++) {
        files[i].mtime_ns = 0;
        time = mh_cargo_time(&files[i]) > time ? mh_cargo_time(&files[i]) : time;
    }
    if (code == MH_OK)
        code = mh_cargo_write(&bare, &text, &n, f);
    if (code == MH_OK)
        code = begin_entry(p, MH_CARGO_NAME, n, time, f);
    return code == MH_OK ? add_bytes(p, text, n, f) : code;
}

static enum mh_code
pack(struct packing *p, const struct mh_cargo *cargo, struct mh_fault *f)
{
    enum mh_code code;

    if (archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(p->archive, RECORD_BYTES) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(p->archive, RECORD_BYTES) != ARCHIVE_OK ||
        archive_write_open2(p->archive, p, NULL, on_bytes, NULL, NULL) != ARCHIVE_OK)
        return fail_write(p, f);
    code = add_manifest(p, cargo, f);
    for (size_t i = 0; code == MH_OK && i < cargo->count; i++)
        code = add_file(p, &cargo->files[i], f);
    p->is_discarding = code != MH_OK; /* else closing would end it as if it were whole */
    int closed = archive_write_close(p->archive);

    if (code != MH_OK)
        return code;
    return closed == ARCHIVE_OK ? check_written(p, f) : fail_write(p, f);
}

enum mh_code
cargo_pack(int cache_fd, const struct mh_cargo *cargo, int out_fd, struct progress *progress,
           struct mh_fault *fault)
{
    struct packing p = {
        .cache_fd = cache_fd,
        .out_fd = out_fd,
        .archive = archive_write_new(),
        .entry = archive_entry_new(),
        .block = mem_calloc(1, BLOCK_BYTES),
        .progress = progress,
        .total_bytes = cargo->bytes,
    };
    struct utf8_locale locale;
    enum mh_code code;

    utf8_locale_begin(&locale);
    code = p.archive != NULL && p.entry != NULL && p.block != NULL ? pack(&p, cargo, fault)
                                                                   : no_memory(fault);

    utf8_locale_end(&locale);
    archive_entry_free(p.entry);
    (void) archive_write_free(p.archive);
    mem_free(p.block);
    return code;
}
