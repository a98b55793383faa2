/* SPDX-License-Identifier: Apache-2.0 */
/* An object's metadata and its text: one JSON object, indented, so that it can be read in an
 * editor.
 *
 * Invariants: reading what was written gives the same metadata back. Two things need care for that.
 * A JSON number is exact to 2^53 only, so the time of modification in nanoseconds is written as a
 * string of digits. And a name may hold bytes that are no UTF-8, which JSON cannot: it is written
 * by name_to_text(). Validators with such bytes are left out; a revalidation without them costs a
 * download, one with a mended ETag would be wrong.
 *
 * The text comes from a disk, where anybody may have changed it: whatever is missing, of the wrong
 * kind or beyond a ceiling makes it CORRUPT, and nothing is guessed. Members that are not known are
 * passed over, so that an older modelhost reads what a newer one of the same FORMAT wrote.
 *
 * Pure; any thread. */
#include "meta.h"

#include "fault.h"
#include "hash.h"
#include "json.h"
#include "manifest.h"
#include "mem.h"
#include "name.h"
#include "units.h"

#include <string.h>

#define EXACT_NUMBER (INT64_C(1) << 53)
#define MTIME_SIZE   24

/* The members that are plain strings. */
static const struct text_member {
    const char *name;
    size_t offset;
    bool is_required;
    bool is_name; /* by name_to_text() */
} text_members[] = {
    {"name", offsetof(struct meta, name), true, true},
    {"target", offsetof(struct meta, target), true, false},
    {"url", offsetof(struct meta, url), true, false},
    {"etag", offsetof(struct meta, etag), false, false},
    {"last_modified", offsetof(struct meta, last_modified), false, false},
    {"generation", offsetof(struct meta, generation), false, false},
    {"content_type", offsetof(struct meta, content_type), false, false},
    {"cache_control", offsetof(struct meta, cache_control), false, false},
    {"format", offsetof(struct meta, format), false, false},
};

static const struct time_member {
    const char *name;
    size_t offset;
} time_members[] = {
    {"fetched_at", offsetof(struct meta, fetched_at)},
    {"validated_at", offsetof(struct meta, validated_at)},
    {"used_at", offsetof(struct meta, used_at)},
};

static char **
text_of(struct meta *meta, const struct text_member *member)
{
    return (char **) (void *) ((char *) meta + member->offset);
}

static const char *
const_text_of(const struct meta *meta, const struct text_member *member)
{
    return *(char *const *) (const void *) ((const char *) meta + member->offset);
}

static int64_t *
time_of(struct meta *meta, const struct time_member *member)
{
    return (int64_t *) (void *) ((char *) meta + member->offset);
}

/* --- life --- */

void
meta_done(struct meta *meta)
{
    for (size_t i = 0; i < COUNT_OF(text_members); i++)
        mem_free(*text_of(meta, &text_members[i]));
    for (size_t i = 0; meta->parts && i < meta->part_count; i++) {
        mem_free(meta->parts[i].name);
        mem_free(meta->parts[i].target);
    }
    mem_free(meta->parts);
    mem_free(meta->group_bytes);
    *meta = (struct meta){.name = NULL};
}

static bool
copy_parts(const struct meta *meta, struct meta *copy)
{
    if (meta->part_count == 0)
        return true;
    copy->parts = mem_calloc(meta->part_count, sizeof(*copy->parts));
    if (!copy->parts)
        return false;
    for (size_t i = 0; i < meta->part_count; i++) {
        struct meta_part *part = &copy->parts[i];

        part->name = str_dup(meta->parts[i].name);
        part->target = str_dup(meta->parts[i].target);
        part->group = meta->parts[i].group;
        copy->part_count = i + 1;
        if (!part->name || !part->target)
            return false;
    }
    return true;
}

static bool
copy_owned(const struct meta *meta, struct meta *copy)
{
    for (size_t i = 0; i < COUNT_OF(text_members); i++) {
        const char *text = const_text_of(meta, &text_members[i]);
        char **to = text_of(copy, &text_members[i]);

        *to = str_dup(text);
        if (text && !*to)
            return false;
    }
    if (meta->group_count > 0) {
        copy->group_bytes = mem_dup(meta->group_bytes, meta->group_count * sizeof(uint64_t));
        if (!copy->group_bytes)
            return false;
        copy->group_count = meta->group_count;
    }
    return copy_parts(meta, copy);
}

enum mh_code
meta_copy(const struct meta *meta, struct meta *ret)
{
    struct meta copy = *meta;

    for (size_t i = 0; i < COUNT_OF(text_members); i++)
        *text_of(&copy, &text_members[i]) = NULL;
    copy.parts = NULL;
    copy.part_count = 0;
    copy.group_bytes = NULL;
    copy.group_count = 0;
    if (!copy_owned(meta, &copy)) {
        meta_done(&copy);
        return MH_NOMEM;
    }
    *ret = copy;
    return MH_OK;
}

/* --- writing --- */

static void
write_name(struct jsonw *w, const char *member, const char *name)
{
    scoped(buf_done) struct buf text = BUF_INIT(SIZE_MAX / 4);

    name_to_text(name, &text);
    if (!buf_is_ok(&text))
        w->buf->has_failed = true;
    jsonw_string(w, member, buf_text(&text));
}

/* Would it come back as it is? */
static bool
is_utf8(const char *text)
{
    scoped(buf_done) struct buf escaped = BUF_INIT(SIZE_MAX / 4);

    name_to_text(text, &escaped);
    return buf_is_ok(&escaped) && strcmp(text, buf_text(&escaped)) == 0;
}

static void
write_text(struct jsonw *w, const struct text_member *member, const char *text)
{
    if (!text)
        return;
    /* A byte beyond ASCII that a client sent raw in a target means the same when it is escaped. */
    if (member->is_name || member->is_required)
        write_name(w, member->name, text);
    else if (is_utf8(text))
        jsonw_string(w, member->name, text);
}

static void
write_mtime(struct jsonw *w, int64_t mtime_ns)
{
    scoped(buf_done) struct buf digits = BUF_INIT(MTIME_SIZE);

    buf_printf(&digits, "%lld", (long long) mtime_ns);
    jsonw_string(w, "mtime_ns", buf_text(&digits));
}

static void
write_manifest(struct jsonw *w, const struct meta *meta)
{
    jsonw_array_begin(w, "groups");
    for (size_t i = 0; i < meta->group_count; i++) {
        if (meta->group_bytes[i] == MANIFEST_BYTES_UNKNOWN)
            jsonw_null(w, NULL);
        else
            jsonw_uint(w, NULL, meta->group_bytes[i]);
    }
    jsonw_array_end(w);
    jsonw_array_begin(w, "parts");
    for (size_t i = 0; i < meta->part_count; i++) {
        jsonw_object_begin(w, NULL);
        write_name(w, "name", meta->parts[i].name);
        write_name(w, "target", meta->parts[i].target);
        jsonw_uint(w, "group", meta->parts[i].group);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

void
meta_write(const struct meta *meta, struct buf *buf)
{
    struct jsonw w = JSONW_INIT(buf);
    char hex[2 * sizeof(meta->sha256) + 1];

    w.pretty = true;
    hex_encode(meta->sha256, sizeof(meta->sha256), hex);
    jsonw_object_begin(&w, NULL);
    for (size_t i = 0; i < COUNT_OF(text_members); i++)
        write_text(&w, &text_members[i], const_text_of(meta, &text_members[i]));
    jsonw_uint(&w, "bytes", meta->bytes);
    write_mtime(&w, meta->mtime_ns);
    jsonw_string(&w, "sha256", hex);
    jsonw_int(&w, "fetched_at", meta->fetched_at);
    jsonw_int(&w, "validated_at", meta->validated_at);
    if (meta->vouched_at)
        jsonw_int(&w, "vouched_at", meta->vouched_at);
    jsonw_int(&w, "used_at", meta->used_at);
    jsonw_bool(&w, "pinned", meta->is_pinned);
    if (meta->format)
        write_manifest(&w, meta);
    jsonw_object_end(&w);
}

/* --- reading --- */

static enum mh_code
wrong(struct mh_fault *fault, const char *member, const char *what)
{
    return fail(fault, MH_CORRUPT, 0, "its member \"%s\" is %s", member, what);
}

static enum mh_code
no_memory(struct mh_fault *fault)
{
    return fail(fault, MH_NOMEM, 0, "out of memory for metadata");
}

static enum mh_code
read_name(const struct json *value, const char *member, char **ret, struct mh_fault *fault)
{
    const char *text = json_string(value);
    scoped(buf_done) struct buf name = BUF_INIT(text ? strlen(text) + 1 : 1);

    if (!text || !*text)
        return wrong(fault, member, "no text");
    name_from_text(text, &name);
    *ret = buf_take(&name);
    return *ret ? MH_OK : no_memory(fault);
}

static enum mh_code
read_text(const struct json *value, const char *member, char **ret, struct mh_fault *fault)
{
    const char *text = json_string(value);

    if (!text)
        return wrong(fault, member, "no text");
    *ret = str_dup(text);
    return *ret ? MH_OK : no_memory(fault);
}

static enum mh_code
read_texts(const struct json *tree, struct meta *meta, struct mh_fault *fault)
{
    enum mh_code code = MH_OK;

    for (size_t i = 0; code == MH_OK && i < COUNT_OF(text_members); i++) {
        const struct text_member *member = &text_members[i];
        const struct json *value = json_get(tree, member->name);
        enum json_kind kind = json_kind_of(value);

        if (!member->is_required && (kind == JSON_NONE || kind == JSON_NULL))
            continue;
        if (kind == JSON_NONE)
            return wrong(fault, member->name, "missing");
        code = (member->is_name ? read_name : read_text)(value, member->name, text_of(meta, member),
                                                         fault);
    }
    return code;
}

static bool
read_exact_int(const struct json *value, int64_t *ret)
{
    double number = json_number(value, 0.5);

    if (!(number >= (double) -EXACT_NUMBER && number <= (double) EXACT_NUMBER))
        return false;
    *ret = (int64_t) number;
    return (double) *ret == number;
}

static enum mh_code
read_times(const struct json *tree, struct meta *meta, struct mh_fault *fault)
{
    for (size_t i = 0; i < COUNT_OF(time_members); i++) {
        if (!read_exact_int(json_get(tree, time_members[i].name), time_of(meta, &time_members[i])))
            return wrong(fault, time_members[i].name, "no time in seconds");
    }
    /* Metadata of before this member was lacks it, and some upstreams have no clock. */
    if (json_get(tree, "vouched_at") &&
        !read_exact_int(json_get(tree, "vouched_at"), &meta->vouched_at))
        return wrong(fault, "vouched_at", "no time in seconds");
    return MH_OK;
}

static enum mh_code
read_identity(const struct json *tree, struct meta *meta, struct mh_fault *fault)
{
    const char *hex = json_string(json_get(tree, "sha256"));

    if (!json_uint(json_get(tree, "bytes"), &meta->bytes))
        return wrong(fault, "bytes", "no length");
    if (!int_parse(json_string(json_get(tree, "mtime_ns")), &meta->mtime_ns))
        return wrong(fault, "mtime_ns", "no time in nanoseconds, as a string of digits");
    if (!hex || !hex_decode(hex, meta->sha256, sizeof(meta->sha256)))
        return wrong(fault, "sha256", "no sha256 in hex");
    meta->is_pinned = json_bool(json_get(tree, "pinned"), false);
    return MH_OK;
}

static enum mh_code
read_groups(const struct json *groups, struct meta *meta, struct mh_fault *fault)
{
    size_t count = json_count(groups);

    if (json_kind_of(groups) != JSON_ARRAY || count > MANIFEST_MAX_PARTS)
        return wrong(fault, "groups", "no list of lengths");
    if (count == 0)
        return MH_OK;
    meta->group_bytes = mem_calloc(count, sizeof(*meta->group_bytes));
    if (!meta->group_bytes)
        return no_memory(fault);
    for (const struct json *g = json_first(groups); g; g = json_next(g)) {
        uint64_t *bytes = &meta->group_bytes[meta->group_count++];

        if (json_kind_of(g) == JSON_NULL)
            *bytes = MANIFEST_BYTES_UNKNOWN;
        else if (!json_uint(g, bytes))
            return wrong(fault, "groups", "no list of lengths");
    }
    return MH_OK;
}

static enum mh_code
read_part(const struct json *value, const struct meta *meta, struct meta_part *part,
          struct mh_fault *fault)
{
    uint64_t group = 0;
    enum mh_code code = read_name(json_get(value, "name"), "parts[].name", &part->name, fault);

    if (code == MH_OK)
        code = read_text(json_get(value, "target"), "parts[].target", &part->target, fault);
    if (code != MH_OK)
        return code;
    if (!json_uint(json_get(value, "group"), &group) || group >= meta->group_count)
        return wrong(fault, "parts[].group", "no group of this manifest");
    part->group = (uint32_t) group;
    return MH_OK;
}

static enum mh_code
read_parts(const struct json *parts, struct meta *meta, struct mh_fault *fault)
{
    size_t count = json_count(parts);

    if (json_kind_of(parts) != JSON_ARRAY || count > MANIFEST_MAX_PARTS)
        return wrong(fault, "parts", "no list of parts");
    if (count == 0)
        return MH_OK;
    meta->parts = mem_calloc(count, sizeof(*meta->parts));
    if (!meta->parts)
        return no_memory(fault);
    for (const struct json *p = json_first(parts); p; p = json_next(p)) {
        enum mh_code code = read_part(p, meta, &meta->parts[meta->part_count++], fault);

        if (code != MH_OK)
            return code;
    }
    return MH_OK;
}

static enum mh_code
read_members(const struct json *tree, struct meta *meta, struct mh_fault *fault)
{
    if (json_kind_of(tree) != JSON_OBJECT)
        return fail(fault, MH_CORRUPT, 0, "it is no JSON object");
    enum mh_code code = read_texts(tree, meta, fault);

    if (code == MH_OK)
        code = read_identity(tree, meta, fault);
    if (code == MH_OK)
        code = read_times(tree, meta, fault);
    if (code == MH_OK && meta->format)
        code = read_groups(json_get(tree, "groups"), meta, fault);
    if (code == MH_OK && meta->format)
        code = read_parts(json_get(tree, "parts"), meta, fault);
    return code;
}

enum mh_code
meta_read(const char *text, size_t n, struct meta *ret, struct mh_fault *fault)
{
    scoped(json_freep) struct json *tree = NULL;
    struct meta meta = {.name = NULL};
    enum mh_code code = json_parse(text, n, &tree, fault);

    /* To a caller a disk's bad JSON is damage, not input. */
    if (code == MH_BAD_INPUT)
        return MH_CORRUPT;
    if (code == MH_OK)
        code = read_members(tree, &meta, fault);
    if (code == MH_OK)
        *ret = meta;
    else
        meta_done(&meta);
    return code;
}
