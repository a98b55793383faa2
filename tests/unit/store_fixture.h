/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the store share: a cache in a directory of its own, and objects to put into it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "fd.h"
#include "hash.h"
#include "mem.h"
#include "store.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static inline char *
fixture_url(const char *name)
{
    return str_printf("https://upstream.example/%s", name);
}

/* Metadata of an object with these bytes. */
static inline struct meta
fixture_meta(const char *name, const char *bytes)
{
    struct meta meta = {.name = str_dup(name),
                        .target = str_dup(name),
                        .url = fixture_url(name),
                        .bytes = strlen(bytes),
                        .fetched_at = 1700000000,
                        .validated_at = 1700000000};

    hash_sha256(bytes, strlen(bytes), meta.sha256);
    return meta;
}

/* A finished transfer. */
static inline void
fixture_receive(const struct store *store, const char *mirror, const char *name, const char *bytes,
                char id[STORE_ID_SIZE])
{
    struct mh_fault fault = {0};
    int fd = -1;

    store_partial_id(mirror, name, id);
    if (store_partial_open(store, id, &fd, &fault) != MH_OK)
        fail_msg("%s", fault.sentence);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(fd_pwrite_all(fd, bytes, strlen(bytes), 0, NULL), MH_OK);
    fd_close(fd);
}

/* The whole of a file below a directory, or NULL if there is none. Freed by mem_free(). */
static inline char *
fixture_read(const char *dir, const char *name)
{
    char *path = str_printf("%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *text = NULL;

    mem_free(path);
    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &st), 0);
    text = mem_calloc((size_t) st.st_size + 1, 1);
    assert_int_equal(fd_pread_full(fd, text, (size_t) st.st_size, 0), st.st_size);
    fd_close(fd);
    return text;
}

static inline void
fixture_write(const char *dir, const char *name, const char *bytes)
{
    char *path = str_printf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, bytes, strlen(bytes), NULL), MH_OK);
    fd_close(fd);
    mem_free(path);
}

#endif
