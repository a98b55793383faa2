/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an archive that comes from anywhere.
 *
 * Entries have no say in where they go: each is looked up in the manifest, which came first, and is
 * written to the stage under its number there. So a path that leads out, a link, a device, a second
 * copy or a file too many is refused for not being what the manifest names, and nothing is ever
 * created under a name from the archive. What is written is bounded by the lengths of the manifest,
 * whose sum must fit on the disk before the first byte is. Directories are passed over: `tar`
 * writes them when somebody packs an unpacked archive again. Hashes are the importer's business.
 *
 * One thread; blocks on the disk, or on the pipe that it reads from. */
#include "cargo_tar.h"

#include "clocks.h"
#include "fault.h"
#include "fd.h"
#include "map.h"
#include "mem.h"
#include "pull.h"
#include "utf8_locale.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES ((size_t) 256 * 1024)

struct unpacking {
    struct archive *archive;
    struct archive_entry *entry; /* the archive's */
    struct mh_stage *stage;
    struct mh_cargo cargo;
    struct map *wanted; /* path -> struct mh_cargo_file, less those that have come */
    char *block;
    struct progress *progress;
    uint64_t done_bytes;
};

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "memory ran out for the archive");
}

static enum mh_code
fail_read(struct archive *archive, struct mh_fault *f)
{
    int error = archive_errno(archive);
    const char *said = archive_error_string(archive);

    if (error == EIO || error == EISDIR || error == EBADF)
        return fail_errno(f, error, "read the archive");
    return error == ENOMEM ? no_memory(f)
                           : fail(f, MH_CORRUPT, 0, "it is no whole tar archive: %s",
                                  said != NULL ? said : "it cannot be read");
}

/* As `tar -C DIR .` writes them. */
static const char *
entry_path(struct archive_entry *entry)
{
    const char *path = archive_entry_pathname_utf8(entry);

    if (path == NULL)
        path = archive_entry_pathname(entry);
    if (path == NULL)
        return "";
    return strncmp(path, "./", 2) == 0 ? path + 2 : path;
}

/* The next entry that is no directory. *ret_is false: the archive has ended. */
static enum mh_code
next_entry(struct unpacking *u, bool *ret_is, struct mh_fault *f)
{
    int result;

    do {
        result = archive_read_next_header(u->archive, &u->entry);
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN && result != ARCHIVE_EOF)
            return fail_read(u->archive, f);
    } while (result != ARCHIVE_EOF && archive_entry_filetype(u->entry) == AE_IFDIR);
    *ret_is = result != ARCHIVE_EOF;
    return MH_OK;
}

static enum mh_code
check_plain(struct archive_entry *entry, struct mh_fault *f)
{
    if (archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == NULL &&
        archive_entry_symlink(entry) == NULL && archive_entry_size_is_set(entry))
        return MH_OK;
    return fail(f, MH_CORRUPT, 0, "its entry '%.200s' is a link or a device, and no file",
                entry_path(entry));
}

/* --- the manifest --- */

static enum mh_code
read_text(struct unpacking *u, char *text, size_t n, struct mh_fault *f)
{
    size_t got = 0;

    while (got < n) {
        la_ssize_t piece = archive_read_data(u->archive, text + got, n - got);

        if (piece < 0)
            return fail_read(u->archive, f);
        if (piece == 0)
            return fail(f, MH_CORRUPT, 0, "its " MH_CARGO_NAME " is cut");
        got += (size_t) piece;
    }
    return MH_OK;
}

static enum mh_code
take_cargo(struct unpacking *u, const char *text, size_t n, struct mh_fault *f)
{
    scoped(fd_closep) int fd = -1;
    enum mh_code code = mh_cargo_read(text, n, &u->cargo, f);

    if (code == MH_OK)
        code = mh_stage_make(u->stage, MH_CARGO_NAME, &fd, f);
    if (code == MH_OK)
        code = fd_write_all(fd, text, n, f);
    for (size_t i = 0; code == MH_OK && i < u->cargo.count; i++)
        if (!map_set(u->wanted, u->cargo.files[i].path, &u->cargo.files[i]))
            code = no_memory(f);
    return code;
}

static enum mh_code
read_cargo(struct unpacking *u, struct mh_fault *f)
{
    scoped(mem_freep) char *text = NULL;
    bool is_there = false;
    int64_t n;
    enum mh_code code = next_entry(u, &is_there, f);

    if (code != MH_OK)
        return code;
    if (!is_there || strcmp(entry_path(u->entry), MH_CARGO_NAME) != 0)
        return fail(f, MH_CORRUPT, 0,
                    "it does not begin with " MH_CARGO_NAME
                    ": it is not one that `modelhost export` wrote");
    code = check_plain(u->entry, f);
    n = archive_entry_size(u->entry);
    if (code == MH_OK && (n < 0 || (uint64_t) n > MH_CARGO_MAX_TEXT))
        code = fail(f, MH_TOO_LARGE, 0, "its " MH_CARGO_NAME " is too large");
    if (code != MH_OK)
        return code;
    text = mem_calloc((size_t) n + 1, 1);
    code = text != NULL ? read_text(u, text, (size_t) n, f) : no_memory(f);
    return code == MH_OK ? take_cargo(u, text, (size_t) n, f) : code;
}

static enum mh_code
check_room(const struct unpacking *u, struct mh_fault *f)
{
    uint64_t free_bytes = mh_stage_free_bytes(u->stage);

    if (u->cargo.bytes <= free_bytes)
        return MH_OK;
    return fail(f, MH_NO_SPACE, 0,
                "it holds %" PRIu64 " bytes, and the cache's disk has %" PRIu64 " free",
                u->cargo.bytes, free_bytes);
}

/* --- the files --- */

static enum mh_code
copy_bytes(struct unpacking *u, uint64_t bytes, int fd, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (uint64_t left = bytes; code == MH_OK && left > 0;) {
        la_ssize_t n =
            archive_read_data(u->archive, u->block, left < BLOCK_BYTES ? left : BLOCK_BYTES);

        if (n < 0)
            return fail_read(u->archive, f);
        if (n == 0)
            return fail(f, MH_CORRUPT, 0, "its file '%.200s' is cut", entry_path(u->entry));
        if (pull_was_interrupted())
            return fail(f, MH_CANCELLED, 0, "interrupted");
        code = fd_write_all(fd, u->block, (size_t) n, f);
        left -= (uint64_t) n;
        u->done_bytes += (uint64_t) n;
        progress_draw(u->progress, clock_mono_ms(),
                      (struct progress_line){
                          .name = "import", .bytes = u->done_bytes, .total = u->cargo.bytes});
    }
    return code;
}

static enum mh_code
take_entry(struct unpacking *u, struct mh_fault *f)
{
    const char *path = entry_path(u->entry);
    const struct mh_cargo_file *file;
    scoped(fd_closep) int fd = -1;
    char name[24];
    enum mh_code code = check_plain(u->entry, f);

    if (code != MH_OK)
        return code;
    file = map_remove(u->wanted, path);
    if (file == NULL)
        return fail(
            f, MH_CORRUPT, 0,
            "its entry '%.200s' is there twice, or is none that its " MH_CARGO_NAME " names", path);
    if (archive_entry_size(u->entry) < 0 ||
        (uint64_t) archive_entry_size(u->entry) != file->bytes) {
        (void) fail(f, MH_CORRUPT, 0, "its file '%.200s' has a wrong length", path);
        fault_expected(f, "%" PRIu64 " bytes", file->bytes);
        fault_found(f, "%" PRId64 " bytes", (int64_t) archive_entry_size(u->entry));
        return MH_CORRUPT;
    }
    (void) snprintf(name, sizeof(name), "%zu", (size_t) (file - u->cargo.files));
    code = mh_stage_make(u->stage, name, &fd, f);
    return code == MH_OK ? copy_bytes(u, file->bytes, fd, f) : code;
}

static enum mh_code
unpack(struct unpacking *u, int in_fd, struct mh_fault *f)
{
    bool is_there = true;
    enum mh_code code = MH_OK;

    if (archive_read_support_filter_gzip(u->archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(u->archive) != ARCHIVE_OK ||
        archive_read_open_fd(u->archive, in_fd, BLOCK_BYTES) != ARCHIVE_OK)
        return fail_read(u->archive, f);
    code = read_cargo(u, f);
    if (code == MH_OK)
        code = check_room(u, f);
    while (code == MH_OK && is_there) {
        code = next_entry(u, &is_there, f);
        if (code == MH_OK && is_there)
            code = take_entry(u, f);
    }
    if (code == MH_OK && map_count(u->wanted) > 0)
        code = fail(f, MH_CORRUPT, 0, "it ends without the file '%.200s'%s",
                    map_key(map_first(u->wanted)), map_count(u->wanted) > 1 ? " and others" : "");
    return code;
}

enum mh_code
cargo_unpack(int in_fd, struct mh_stage *stage, struct progress *progress, struct mh_fault *fault)
{
    struct unpacking u = {
        .archive = archive_read_new(),
        .stage = stage,
        .wanted = map_new(),
        .block = mem_calloc(1, BLOCK_BYTES),
        .progress = progress,
    };
    struct utf8_locale locale;
    enum mh_code code;

    utf8_locale_begin(&locale);
    code = u.archive != NULL && u.wanted != NULL && u.block != NULL ? unpack(&u, in_fd, fault)
                                                                    : no_memory(fault);

    utf8_locale_end(&locale);
    (void) archive_read_free(u.archive);
    mh_cargo_done(&u.cargo);
    map_free(u.wanted);
    mem_free(u.block);
    return code;
}
