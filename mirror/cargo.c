/* SPDX-License-Identifier: Apache-2.0 */
/* An archive's manifest, from and to JSON.
 *
 * It comes from a USB stick: whatever is missing, of the wrong kind or beyond a ceiling refuses the
 * whole, and so does a path that is not plainly below a mirror's directory. The paths serve to find
 * the archive's entries; what an object is called in the cache follows from its target, and the
 * importer compares the two. No times are written but the upstream's own, so that the same content
 * gives the same archive wherever and whenever it was fetched. Members that are not known are
 * passed over; a change that an older reader must not pass over raises MH_CARGO_VERSION.
 *
 * Pure; any thread. */
#include <modelhost/cargo.h>

#include "buf.h"
#include "fault.h"
#include "hash.h"
#include "httpdate.h"
#include "json.h"
#include "map.h"
#include "mem.h"
#include "units.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define FORMAT           "modelhost-archive"
#define MAX_FILES        100000
#define MAX_PATH_BYTES   4000
#define MAX_NAME_BYTES   255
#define EPOCH_1980       INT64_C(315532800)
#define TWENTY_YEARS_S   (20u * 365 * 24 * 60 * 60)
#define MTIME_TEXT_BYTES 24

static const struct text_member {
    const char *name;
    size_t offset;
    bool is_required;
} text_members[] = {
    {"path", offsetof(struct mh_cargo_file, path), true},
    {"target", offsetof(struct mh_cargo_file, target), true},
    {"url", offsetof(struct mh_cargo_file, url), true},
    {"content_type", offsetof(struct mh_cargo_file, content_type), false},
    {"etag", offsetof(struct mh_cargo_file, etag), false},
    {"last_modified", offsetof(struct mh_cargo_file, last_modified), false},
    {"generation", offsetof(struct mh_cargo_file, generation), false},
    {"cache_control", offsetof(struct mh_cargo_file, cache_control), false},
};

static char **
text_of(struct mh_cargo_file *file, const struct text_member *member)
{
    return (char **) (void *) ((char *) file + member->offset);
}

void
mh_cargo_done(struct mh_cargo *cargo)
{
    for (size_t i = 0; i < cargo->count; i++)
        for (size_t m = 0; m < COUNT_OF(text_members); m++)
            mem_free(*text_of(&cargo->files[i], &text_members[m]));
    mem_free(cargo->files);
    *cargo = (struct mh_cargo){0};
}

int64_t
mh_cargo_time(const struct mh_cargo_file *file)
{
    int64_t told = 0;
    uint32_t digest = 0;

    if (file->last_modified && httpdate_parse(file->last_modified, 0, &told) && told > 0)
        return told;
    memcpy(&digest, file->sha256, sizeof(digest));
    return EPOCH_1980 + (int64_t) (be32toh(digest) % TWENTY_YEARS_S);
}

/* --- writing --- */

static void
write_file(struct jsonw *w, struct mh_cargo_file *file)
{
    char hex[65];
    char digits[MTIME_TEXT_BYTES];
    int n = 0;

    jsonw_object_begin(w, NULL);
    for (size_t i = 0; i < COUNT_OF(text_members); i++) {
        const char *text = *text_of(file, &text_members[i]);

        if (text)
            jsonw_string(w, text_members[i].name, text);
    }
    jsonw_uint(w, "bytes", file->bytes);
    hex_encode(file->sha256, 32, hex);
    jsonw_string(w, "sha256", hex);
    if (file->mtime_ns != 0) {
        n = snprintf(digits, sizeof(digits), "%lld", (long long) file->mtime_ns);
        if (n > 0 && (size_t) n < sizeof(digits))
            jsonw_string(w, "mtime_ns", digits);
    }
    jsonw_object_end(w);
}

enum mh_code
mh_cargo_write(const struct mh_cargo *cargo, char **ret_text, size_t *ret_n, struct mh_fault *fault)
{
    scoped(buf_done) struct buf text = BUF_INIT(MH_CARGO_MAX_TEXT);
    struct jsonw w = JSONW_INIT(&text);

    w.pretty = true;
    jsonw_object_begin(&w, NULL);
    jsonw_string(&w, "format", FORMAT);
    jsonw_uint(&w, "version", MH_CARGO_VERSION);
    jsonw_array_begin(&w, "files");
    for (size_t i = 0; i < cargo->count; i++)
        write_file(&w, &cargo->files[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    if (!buf_is_ok(&text))
        return fail(fault, MH_TOO_LARGE, 0, "these are too many files for one archive");
    size_t n = text.length;
    char *taken = buf_take(&text);

    if (!taken)
        return fail(fault, MH_NOMEM, 0, "out of memory for an archive's manifest");
    *ret_text = taken;
    *ret_n = n;
    return MH_OK;
}

/* --- reading --- */

static enum mh_code
wrong(struct mh_fault *fault, size_t index, const char *what)
{
    return fail(fault, MH_CORRUPT, 0, "the archive's " MH_CARGO_NAME ": files[%zu] %s", index,
                what);
}

/* One component: not empty, not a dot segment, no bytes that could mislead. */
static bool
is_plain_component(const char *text, size_t n)
{
    if (n == 0 || n > MAX_NAME_BYTES || (n == 1 && text[0] == '.') ||
        (n == 2 && text[0] == '.' && text[1] == '.'))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f || text[i] == '\\')
            return false;
    return true;
}

/* "<mirror>/<place>", of plain components. */
static bool
is_plain_path(const char *path)
{
    size_t components = 0;

    if (strlen(path) > MAX_PATH_BYTES)
        return false;
    for (const char *at = path;; components++) {
        size_t n = strcspn(at, "/");

        if (!is_plain_component(at, n))
            return false;
        at += n;
        if (*at == '\0')
            return components > 0;
        at++;
    }
}

/* What will stand in header fields, ours and those to an upstream. */
static bool
has_control(const char *text)
{
    for (; text && *text != '\0'; text++)
        if ((unsigned char) *text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static enum mh_code
read_texts(const struct json *value, struct mh_cargo_file *file, size_t index,
           struct mh_fault *fault)
{
    for (size_t i = 0; i < COUNT_OF(text_members); i++) {
        const struct text_member *member = &text_members[i];
        const struct json *found = json_get(value, member->name);
        char **text = text_of(file, member);

        if (found ? json_kind_of(found) != JSON_STRING : member->is_required)
            return fail(fault, MH_CORRUPT, 0,
                        "the archive's " MH_CARGO_NAME ": files[%zu] has no '%s'", index,
                        member->name);
        if (has_control(json_string(found)))
            return wrong(fault, index, "has a control byte in a text");
        *text = str_dup(json_string(found));
        if (found && !*text)
            return fail(fault, MH_NOMEM, 0, "out of memory for an archive's manifest");
    }
    return MH_OK;
}

static enum mh_code
read_file(const struct json *value, struct mh_cargo_file *file, size_t index,
          struct mh_fault *fault)
{
    const char *hex = json_string(json_get(value, "sha256"));
    const struct json *mtime = json_get(value, "mtime_ns");
    enum mh_code code = read_texts(value, file, index, fault);

    if (code != MH_OK)
        return code;
    if (!is_plain_path(file->path))
        return wrong(fault, index, "has a path that is not plainly below a mirror's directory");
    if (!json_uint(json_get(value, "bytes"), &file->bytes))
        return wrong(fault, index, "has no length in 'bytes'");
    if (!hex || !hex_decode(hex, file->sha256, sizeof(file->sha256)))
        return wrong(fault, index, "has no sha256 in hex");
    if (mtime && !int_parse(json_string(mtime), &file->mtime_ns))
        return wrong(fault, index, "has a malformed 'mtime_ns'");
    return MH_OK;
}

static enum mh_code
read_files(const struct json *files, struct mh_cargo *cargo, struct map *seen,
           struct mh_fault *fault)
{
    for (const struct json *item = json_first(files); item; item = json_next(item)) {
        size_t index = cargo->count;
        struct mh_cargo_file *file = &cargo->files[index];

        cargo->count++; /* first: what a failure leaves is freed with the rest */
        enum mh_code code = read_file(item, file, index, fault);

        if (code != MH_OK)
            return code;
        if (map_get(seen, file->path))
            return wrong(fault, index, "has the path of another file");
        if (!map_set(seen, file->path, file))
            return fail(fault, MH_NOMEM, 0, "out of memory for an archive's manifest");
        if (__builtin_add_overflow(cargo->bytes, file->bytes, &cargo->bytes))
            return wrong(fault, index, "is absurdly large");
    }
    return MH_OK;
}

static enum mh_code
read_tree(const struct json *tree, struct mh_cargo *cargo, struct mh_fault *fault)
{
    const char *format = json_string(json_get(tree, "format"));
    const struct json *files = json_get(tree, "files");
    size_t count = json_count(files);
    uint64_t version = 0;

    if (!format || strcmp(format, FORMAT) != 0 || !json_uint(json_get(tree, "version"), &version) ||
        version == 0)
        return fail(fault, MH_CORRUPT, 0,
                    "the archive's " MH_CARGO_NAME " is not one that `modelhost export` wrote");
    if (version > MH_CARGO_VERSION)
        return fail(fault, MH_UNSUPPORTED, 0,
                    "the archive was made by a newer modelhost (archive version %llu, this one "
                    "reads up to %d); install that one here",
                    (unsigned long long) version, MH_CARGO_VERSION);
    if (json_kind_of(files) != JSON_ARRAY || count == 0)
        return fail(fault, MH_CORRUPT, 0, "the archive's " MH_CARGO_NAME " names no files");
    if (count > MAX_FILES)
        return fail(fault, MH_TOO_LARGE, 0, "the archive's " MH_CARGO_NAME " names over %d files",
                    MAX_FILES);
    cargo->files = mem_calloc(count, sizeof(*cargo->files));
    struct map *seen = map_new();
    enum mh_code code = cargo->files && seen
                            ? read_files(files, cargo, seen, fault)
                            : fail(fault, MH_NOMEM, 0, "out of memory for an archive's manifest");

    map_free(seen);
    return code;
}

enum mh_code
mh_cargo_read(const char *text, size_t n, struct mh_cargo *ret, struct mh_fault *fault)
{
    scoped(json_freep) struct json *tree = NULL;
    struct mh_cargo cargo = {0};
    enum mh_code code = MH_OK;

    if (n > MH_CARGO_MAX_TEXT)
        return fail(fault, MH_TOO_LARGE, 0, "the archive's " MH_CARGO_NAME " is too large");
    code = json_parse(text, n, &tree, fault);
    if (code == MH_BAD_INPUT) {
        fault_prepend(fault, "the archive's " MH_CARGO_NAME);
        return MH_CORRUPT;
    }
    if (code == MH_OK)
        code = read_tree(tree, &cargo, fault);
    if (code == MH_OK)
        *ret = cargo;
    else
        mh_cargo_done(&cargo);
    return code;
}
