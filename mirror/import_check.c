/* SPDX-License-Identifier: Apache-2.0 */
/* Is what an archive brings what it says, and would it have been taken from an upstream?
 *
 * The archive's manifest is believed in nothing. Every hash is computed from the staged bytes, what
 * a document names is read from the document, and the paths under which `tar` would unpack the
 * files must be those that the cache would give them, lest the archive shows one thing and brings
 * another. Documents are read first: whether a file is a shard decides what its bytes may look
 * like.
 *
 * No lock is held; the mirrors are immutable. Any thread but the fetch thread. */
#include "import.h"

#include "buf.h"
#include "clocks.h"
#include "document.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "manifest.h"
#include "map.h"
#include "mem.h"
#include "name.h"
#include "sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES (256u * 1024)

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "out of memory for an archive");
}

void
import_items_free(struct import *import)
{
    for (size_t i = 0; i < import->count; i++) {
        mem_free(import->items[i].key);
        meta_done(&import->items[i].meta);
    }
    mem_free(import->items);
    map_free(import->by_key);
    import->items = NULL;
    import->by_key = NULL;
    import->count = 0;
}

/* --- what it is called --- */

static const struct mirror *
find_mirror(const struct mh_host *host, const char *path, size_t n)
{
    for (size_t i = 0; i < host->mirror_count; i++)
        if (strlen(host->mirrors[i].name) == n && memcmp(host->mirrors[i].name, path, n) == 0)
            return &host->mirrors[i];
    return NULL;
}

static enum mh_code
say_no_mirror(const struct mh_cargo_file *file, size_t n, struct mh_fault *f)
{
    size_t below = strlen(file->target);
    size_t url = strlen(file->url);
    int base =
        url > below && strcmp(file->url + url - below, file->target) == 0 ? (int) (url - below) : 0;

    return fail(f, MH_BAD_INPUT, 0,
                "the archive has files of the mirror '%.*s', which is not configured here; add "
                "`--mirror %.*s=%.*s`, or its section to the configuration file",
                (int) n, file->path, (int) n, file->path, base ? base : 3,
                base ? file->url : "URL");
}

/* The path in the archive is the name's own, or a hashed one. */
static bool
is_its_path(const struct import_item *item, size_t mirror_length)
{
    const char *place = item->file->path + mirror_length + 1;

    return (name_is_plain(item->name) && strcmp(place, item->name) == 0) ||
           strncmp(place, "%/", 2) == 0;
}

static enum mh_code
name_item(struct import *import, struct import_item *item, struct mh_fault *f)
{
    const struct mh_cargo_file *file = item->file;
    size_t n = strcspn(file->path, "/");
    scoped(buf_done) struct buf name = BUF_INIT(16384);
    enum mh_code code;

    item->mirror = find_mirror(import->host, file->path, n);
    if (!item->mirror)
        return say_no_mirror(file, n, f);
    code =
        name_from_target(file->target, (const char *const *) item->mirror->query_ignore, &name, f);
    if (code == MH_NOMEM)
        return code;
    if (code != MH_OK || strchr(file->target, '#')) {
        (void) fail(f, MH_CORRUPT, 0, "the archive's file '%s' has a target that no file can have",
                    file->path);
        return MH_CORRUPT;
    }
    item->key = str_printf("%s/%s", item->mirror->name, buf_text(&name));
    if (!item->key)
        return no_memory(f);
    item->name = item->key + n + 1;
    if (!is_its_path(item, n))
        return fail(f, MH_CORRUPT, 0, "the archive's file '%s' claims to be '%s'", file->path,
                    item->key);
    if (map_get(import->by_key, item->key))
        return fail(f, MH_CORRUPT, 0, "the archive has '%s' twice", item->key);
    return map_set(import->by_key, item->key, item) ? MH_OK : no_memory(f);
}

static bool
copy_text(char **ret, const char *text)
{
    *ret = str_dup(text);
    return !text || *ret;
}

/* Validators are worth something only where they came from. */
static bool
is_of_mirror(const struct mirror *mirror, const char *url)
{
    for (size_t i = 0; i < mirror->base_count; i++)
        if (strncmp(url, mirror->bases[i].url, strlen(mirror->bases[i].url)) == 0)
            return true;
    return false;
}

static enum mh_code
fill_meta(struct import_item *item, struct mh_fault *f)
{
    const struct mh_cargo_file *file = item->file;
    struct meta *meta = &item->meta;
    bool is_ours = is_of_mirror(item->mirror, file->url);

    meta->bytes = file->bytes;
    memcpy(meta->sha256, file->sha256, sizeof(meta->sha256));
    meta->fetched_at = meta->validated_at = meta->used_at = clock_wall_s();
    return copy_text(&meta->name, item->name) && copy_text(&meta->target, file->target) &&
                   copy_text(&meta->url, file->url) &&
                   copy_text(&meta->content_type, file->content_type) &&
                   copy_text(&meta->last_modified, file->last_modified) &&
                   copy_text(&meta->etag, is_ours ? file->etag : NULL) &&
                   copy_text(&meta->generation, is_ours ? file->generation : NULL) &&
                   copy_text(&meta->cache_control, is_ours ? file->cache_control : NULL)
               ? MH_OK
               : no_memory(f);
}

/* --- its bytes --- */

static bool
is_json(const struct import_item *item)
{
    size_t n = strcspn(item->file->target, "?#");

    return n >= 5 && strncmp(item->file->target + n - 5, ".json", 5) == 0;
}

static enum mh_code
open_item(const struct import *import, const struct import_item *item, int *ret_fd,
          struct mh_fault *f)
{
    char name[24];
    struct stat st;

    (void) snprintf(name, sizeof(name), "%zu", item->index); /* 20 digits at most */
    int fd = fd_open_beneath_nolink(import->stage_fd, name, O_RDONLY | O_NONBLOCK, 0);

    if (fd < 0 && errno == ENOENT)
        return fail(f, MH_CORRUPT, 0, "the archive lacks the file '%s'", item->file->path);
    if (fd < 0 || fstat(fd, &st) < 0) {
        enum mh_code code = fail_errno(f, errno, "open the unpacked '%s'", item->file->path);

        fd_close(fd);
        return code;
    }
    *ret_fd = fd;
    if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size != item->file->bytes) {
        (void) fail(f, MH_CORRUPT, 0, "the archive's file '%s' has a wrong length",
                    item->file->path);
        fault_expected(f, "%" PRIu64 " bytes", item->file->bytes);
        fault_found(f, "%lld bytes", (long long) st.st_size);
        return MH_CORRUPT;
    }
    return MH_OK;
}

static bool
is_stopping(struct mh_host *host)
{
    (void) pthread_mutex_lock(&host->lock);
    bool answer = host->is_stopping;

    (void) pthread_mutex_unlock(&host->lock);
    return answer;
}

static enum mh_code
check_first(const struct import_item *item, const char *block, size_t n, struct mh_fault *f)
{
    scoped(mem_freep) char *path = str_dup_n(item->file->target, strcspn(item->file->target, "?#"));

    if (!path)
        return no_memory(f);
    enum sniff_verdict verdict =
        sniff(sniff_kind_of(path, item->is_part), block, n < SNIFF_BYTES ? n : SNIFF_BYTES);

    if (verdict == SNIFF_FINE)
        return MH_OK;
    return fail(f, MH_CORRUPT, 0, "the archive has %s in place of '%s'", sniff_text(verdict),
                item->file->path);
}

/* Hash it, and feed the scanner where there is one. */
static enum mh_code
read_bytes(const struct import *import, const struct import_item *item, int fd, struct hash *hash,
           struct json_scan *scan, struct mh_fault *f)
{
    scoped(mem_freep) char *block = mem_calloc(1, BLOCK_BYTES);
    enum mh_code code = block ? MH_OK : no_memory(f);
    ssize_t n = 0;

    for (uint64_t at = 0; code == MH_OK && at < item->file->bytes; at += (uint64_t) n) {
        if (is_stopping(import->host))
            return fail(f, MH_CANCELLED, 0, "the server is stopping");
        n = fd_pread_full(fd, block, BLOCK_BYTES, at);
        if (n < 0)
            return fail_errno(f, errno, "read the unpacked '%s'", item->file->path);
        if (n == 0)
            return fail(f, MH_CORRUPT, 0, "the unpacked '%s' was cut", item->file->path);
        hash_add(hash, block, (size_t) n);
        if (at == 0)
            code = check_first(item, block, (size_t) n, f);
        if (code == MH_OK && scan)
            code = json_scan_feed(scan, block, (size_t) n, f);
    }
    return code;
}

static enum mh_code
check_hash(const struct import_item *item, struct hash *hash, struct mh_fault *f)
{
    uint8_t digest[32];
    char hex[65];

    hash_end(hash, digest);
    if (memcmp(digest, item->file->sha256, sizeof(digest)) == 0)
        return MH_OK;
    (void) fail(f, MH_CORRUPT, 0, "the archive's file '%s' is damaged", item->file->path);
    hex_encode(item->file->sha256, 32, hex);
    fault_expected(f, "sha256 %s", hex);
    hex_encode(digest, 32, hex);
    fault_found(f, "sha256 %s", hex);
    return MH_CORRUPT;
}

static enum mh_code
check_bytes(const struct import *import, struct import_item *item, struct json_scan *scan,
            struct mh_fault *f)
{
    scoped(fd_closep) int fd = -1;
    scoped(hash_freep) struct hash *hash = hash_new(HASH_SHA256);
    enum mh_code code = hash ? open_item(import, item, &fd, f) : no_memory(f);

    if (code == MH_OK)
        code = read_bytes(import, item, fd, hash, scan, f);
    return code == MH_OK ? check_hash(item, hash, f) : code;
}

static enum mh_code
check_document(const struct import *import, struct import_item *item, struct mh_fault *f)
{
    struct json_scan *scan;
    enum mh_code code;

    if (item->file->bytes > import->host->json_max_bytes)
        return fail(f, MH_TOO_LARGE, 0, "'%s' is larger than JSON may be here (json_max)",
                    item->file->path);
    scan = manifest_scan_new();
    code = scan ? check_bytes(import, item, scan, f) : no_memory(f);
    if (code == MH_OK)
        code = document_read(scan, item->file->target,
                             (const char *const *) item->mirror->query_ignore, &item->meta, f);
    json_scan_free(scan);
    if (code == MH_BAD_INPUT || code == MH_TOO_LARGE) {
        fault_prepend(f, "the archive's file '%s' is not what it should be", item->file->path);
        return MH_CORRUPT;
    }
    return code;
}

/* --- models --- */

static struct import_item *
part_of(const struct import *import, const struct import_item *item, size_t index)
{
    scoped(mem_freep) char *key =
        str_printf("%s/%s", item->mirror->name, item->meta.parts[index].name);

    return key ? map_get(import->by_key, key) : NULL;
}

static enum mh_code
mark_parts(const struct import *import, const struct import_item *item, struct mh_fault *f)
{
    for (size_t i = 0; i < item->meta.part_count; i++) {
        struct import_item *part = part_of(import, item, i);

        if (!part)
            return fail(f, MH_CORRUPT, 0, "the archive lacks the file '%s' that '%s' names",
                        item->meta.parts[i].name, item->file->path);
        if (part == item)
            return fail(f, MH_CORRUPT, 0, "the manifest '%s' names itself as a shard",
                        item->file->path);
        part->is_part = true;
    }
    return MH_OK;
}

static enum mh_code
check_sums(const struct import *import, const struct import_item *item, struct mh_fault *f)
{
    const struct meta *meta = &item->meta;
    scoped(mem_freep) uint64_t *sums = mem_calloc(meta->group_count + 1, sizeof(*sums));

    if (!sums)
        return no_memory(f);
    for (size_t i = 0; i < meta->part_count; i++) {
        const struct import_item *part = part_of(import, item, i);

        /* The cargo's own sum did not overflow; a part that two groups name is rare and small. */
        if (!part || __builtin_add_overflow(sums[meta->parts[i].group], part->file->bytes,
                                            &sums[meta->parts[i].group]))
            return fail(f, MH_CORRUPT, 0, "the shards of '%s' are absurdly large",
                        item->file->path);
    }
    for (size_t g = 0; g < meta->group_count; g++) {
        if (meta->group_bytes[g] == MANIFEST_BYTES_UNKNOWN || sums[g] == meta->group_bytes[g])
            continue;
        (void) fail(f, MH_CORRUPT, 0,
                    "the archive's shards of weight group %zu of '%s' have a wrong length "
                    "together",
                    g + 1, item->file->path);
        fault_expected(f, "%" PRIu64 " bytes", meta->group_bytes[g]);
        fault_found(f, "%" PRIu64 " bytes", sums[g]);
        return MH_CORRUPT;
    }
    return MH_OK;
}

static enum mh_code
check_all(struct import *import, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    for (size_t i = 0; code == MH_OK && i < import->count; i++)
        if (is_json(&import->items[i]))
            code = check_document(import, &import->items[i], f);
    for (size_t i = 0; code == MH_OK && i < import->count; i++)
        code = mark_parts(import, &import->items[i], f);
    for (size_t i = 0; code == MH_OK && i < import->count; i++)
        if (!is_json(&import->items[i]))
            code = check_bytes(import, &import->items[i], NULL, f);
    for (size_t i = 0; code == MH_OK && i < import->count; i++)
        code = check_sums(import, &import->items[i], f);
    return code;
}

enum mh_code
import_check(struct import *import, struct mh_fault *f)
{
    enum mh_code code = MH_OK;

    import->items = mem_calloc(import->cargo.count + 1, sizeof(*import->items));
    import->by_key = map_new();
    if (!import->items || !import->by_key)
        return no_memory(f);
    for (size_t i = 0; code == MH_OK && i < import->cargo.count; i++) {
        struct import_item *item = &import->items[import->count++];

        item->file = &import->cargo.files[i];
        item->index = i;
        code = name_item(import, item, f);
        if (code == MH_OK)
            code = fill_meta(item, f);
    }
    return code == MH_OK ? check_all(import, f) : code;
}
