/* SPDX-License-Identifier: Apache-2.0 */
/* Making one form.
 *
 * The object's file is read in blocks, and hashed beside being encoded: a form is only ever made of
 * the bytes whose sha256 the version has. What comes out goes to a temporary file, and gets its
 * name when it is whole. Nothing is synced: after a power loss a form whose bytes are not those
 * that its name says is thrown away and made again, as is one that rotted. Such a file, found by a
 * start, is hashed before it is first used.
 *
 * A form that saves less than a twentieth is given up as soon as that is plain.
 *
 * Work threads. A step reads STEP_BYTES at most, so that hashing and publishing get their turn in
 * between, and a stop is not held up. */
#include "encode_job.h"

#include "codec.h"
#include "fault.h"
#include "fd.h"
#include "hash.h"
#include "mem.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BLOCK_BYTES ((size_t) 64 << 10)
#define STEP_BYTES  ((uint64_t) 1 << 20)
#define SAVES_PART  20 /* one in so many bytes, or it is not worth it */

struct encode_job {
    const struct store *store;
    const char *mirror;
    const struct version *version;
    enum mh_encoding encoding;
    char key[ENCODE_KEY_SIZE];
    struct encode_file found;
    bool has_found;

    char *temporary; /* its path; NULL: nothing was made yet */
    int in_fd, out_fd;
    struct codec *codec;
    struct hash *in_hash, *out_hash;
    char *block;
    uint64_t in_bytes, out_bytes;
};

/* --- names --- */

char *
encode_path(const char *key, const uint8_t sha256[32], enum mh_encoding encoding)
{
    char own[ENCODE_KEY_SIZE];

    hex_encode(sha256, 32, own);
    return str_printf("encoded/%s.%s.%s", key, own, codec_suffix(encoding));
}

/* 64 hex digits and a dot. */
static bool
parse_digest(const char *text, uint8_t ret[32])
{
    char digits[ENCODE_KEY_SIZE];

    if (strlen(text) < ENCODE_KEY_SIZE || text[ENCODE_KEY_SIZE - 1] != '.')
        return false;
    memcpy(digits, text, ENCODE_KEY_SIZE - 1);
    digits[ENCODE_KEY_SIZE - 1] = '\0';
    return hex_decode(digits, ret, 32);
}

bool
encode_parse(const char *name, char ret_key[ENCODE_KEY_SIZE], uint8_t ret_sha256[32],
             enum mh_encoding *ret_encoding)
{
    uint8_t source[32];

    if (!parse_digest(name, source) || !parse_digest(name + ENCODE_KEY_SIZE, ret_sha256))
        return false;
    for (unsigned i = 0; i < MH_ENCODING_COUNT; i++) {
        if (strcmp(name + (size_t) 2 * ENCODE_KEY_SIZE, codec_suffix(i)) != 0)
            continue;
        *ret_encoding = i;
        hex_encode(source, 32, ret_key);
        return true;
    }
    return false;
}

/* --- life --- */

static enum mh_code
no_memory(struct mh_fault *f)
{
    return fail(f, MH_NOMEM, 0, "out of memory for encoding");
}

enum mh_code
encode_job_new(const struct store *store, const char *mirror, const struct version *version,
               enum mh_encoding encoding, const struct encode_file *found, struct encode_job **ret,
               struct mh_fault *fault)
{
    struct encode_job *job = mem_new(struct encode_job);

    if (!job)
        return no_memory(fault);
    job->store = store;
    job->mirror = mirror;
    job->version = version;
    job->encoding = encoding;
    job->in_fd = job->out_fd = -1;
    hex_encode(version->meta.sha256, 32, job->key);
    if (found) {
        job->found = *found;
        job->has_found = true;
    }
    *ret = job;
    return MH_OK;
}

void
encode_job_free(struct encode_job *job)
{
    if (!job)
        return;
    fd_close(job->in_fd);
    fd_close(job->out_fd);
    /* What cannot be removed is removed by the next start. */
    if (job->temporary)
        (void) file_unlink(job->store->dir_fd, job->temporary);
    codec_free(job->codec);
    hash_free(job->in_hash);
    hash_free(job->out_hash);
    mem_free(job->block);
    mem_free(job->temporary);
    mem_free(job);
}

/* --- what an earlier process left --- */

static bool
hashes_to(int fd, char *block, const struct encode_file *file, struct hash *hash)
{
    uint8_t digest[32];
    uint64_t at = 0;
    ssize_t n = 1;

    while (n > 0) {
        n = fd_pread_full(fd, block, BLOCK_BYTES, at);
        if (n < 0)
            return false;
        hash_add(hash, block, (size_t) n);
        at += (uint64_t) n;
    }
    hash_end(hash, digest);
    return at == file->bytes && memcmp(digest, file->sha256, sizeof(digest)) == 0;
}

/* Does the file hold what its name says? If not it goes. */
static bool
check_found(struct encode_job *job)
{
    scoped(mem_freep) char *path = encode_path(job->key, job->found.sha256, job->encoding);
    struct stat st;

    if (!path)
        return false;
    scoped(fd_closep) int fd = fd_open_beneath_nolink(job->store->dir_fd, path, O_RDONLY, 0);

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        job->found.bytes = (uint64_t) st.st_size;
        job->found.mtime_ns = stat_mtime_ns(&st);
        if (hashes_to(fd, job->block, &job->found, job->out_hash))
            return true;
    }
    /* If it stays it is found again by the next start, and fails again. */
    (void) file_unlink(job->store->dir_fd, path);
    return false;
}

/* --- making --- */

static enum mh_code
prepare(struct encode_job *job, struct mh_fault *f)
{
    job->block = mem_calloc(1, BLOCK_BYTES);
    job->in_hash = hash_new(HASH_SHA256);
    job->out_hash = hash_new(HASH_SHA256);
    return job->block && job->in_hash && job->out_hash ? MH_OK : no_memory(f);
}

static enum mh_code
open_files(struct encode_job *job, struct mh_fault *f)
{
    const struct version *version = job->version;
    enum mh_code code =
        store_open_object(job->store, job->mirror, version->place, &version->meta, &job->in_fd, f);

    if (code != MH_OK)
        return code;
    code = codec_new(job->encoding, version->meta.bytes, &job->codec, f);
    if (code != MH_OK)
        return code;
    job->temporary =
        str_printf("encoded/" FD_TEMP_PREFIX "%s.%s", job->key, codec_suffix(job->encoding));
    if (!job->temporary)
        return no_memory(f);
    job->out_fd = fd_open_beneath_nolink(job->store->dir_fd, job->temporary,
                                         O_WRONLY | O_CREAT | O_TRUNC, 0666);
    return job->out_fd >= 0 ? MH_OK : fail_errno(f, errno, "make '%s'", job->temporary);
}

static enum mh_code
take(void *arg, const void *bytes, size_t n, struct mh_fault *f)
{
    struct encode_job *job = arg;
    const uint64_t whole = job->version->meta.bytes;

    job->out_bytes += n;
    if (job->out_bytes > whole - whole / SAVES_PART)
        return fail(f, MH_TOO_LARGE, 0, "'%s' does not shrink", job->version->meta.name);
    hash_add(job->out_hash, bytes, n);
    return fd_write_all(job->out_fd, bytes, n, f);
}

/* Encode a step's worth. OK at the end of the file, BUSY before it. */
static enum mh_code
encode_blocks(struct encode_job *job, struct mh_fault *f)
{
    const uint64_t whole = job->version->meta.bytes;

    for (uint64_t done = 0; done < STEP_BYTES; done += BLOCK_BYTES) {
        const ssize_t n = fd_pread_full(job->in_fd, job->block, BLOCK_BYTES, job->in_bytes);

        if (n < 0)
            return fail_errno(f, errno, "cannot read '%s'", job->version->meta.name);
        job->in_bytes += (uint64_t) n;
        hash_add(job->in_hash, job->block, (size_t) n);
        const bool is_last = job->in_bytes >= whole || n == 0;
        enum mh_code code = codec_add(job->codec, job->block, (size_t) n, is_last, take, job, f);

        if (code != MH_OK || is_last)
            return code;
    }
    return MH_BUSY;
}

/* Give it its name. */
static enum mh_code
finish(struct encode_job *job, struct encode_file *ret, struct mh_fault *f)
{
    struct encode_file made = {.bytes = job->out_bytes};
    uint8_t digest[32];
    struct stat st;

    hash_end(job->in_hash, digest);
    if (job->in_bytes != job->version->meta.bytes ||
        memcmp(digest, job->version->meta.sha256, sizeof(digest)) != 0)
        return fail(f, MH_CORRUPT, 0, "the cached '%s' is not what was checked: verify it",
                    job->version->meta.name);
    hash_end(job->out_hash, made.sha256);
    if (fstat(job->out_fd, &st) < 0)
        return fail_errno(f, errno, "stat '%s'", job->temporary);
    made.mtime_ns = stat_mtime_ns(&st);
    scoped(mem_freep) char *path = encode_path(job->key, made.sha256, job->encoding);

    if (!path)
        return no_memory(f);
    if (file_rename(job->store->dir_fd, job->temporary, path) < 0)
        return fail_errno(f, errno, "rename '%s'", job->temporary);
    mem_free(job->temporary);
    job->temporary = NULL;
    *ret = made;
    return MH_OK;
}

enum mh_code
encode_job_step(struct encode_job *job, struct encode_file *ret_made, struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    if (!job->block) {
        code = prepare(job, fault);
        if (code == MH_OK && job->has_found && check_found(job)) {
            *ret_made = job->found;
            return MH_OK;
        }
        if (code == MH_OK)
            code = open_files(job, fault);
    }
    if (code == MH_OK)
        code = encode_blocks(job, fault);
    return code == MH_OK ? finish(job, ret_made, fault) : code;
}
