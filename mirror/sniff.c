/* SPDX-License-Identifier: Apache-2.0 */
/* What the first bytes of a body give away: an error page, a bucket's error document, a git-lfs
 * pointer or a compressed file where a model's bytes should be.
 *
 * A false alarm would make a good model unusable, so each verdict needs more than a lucky first
 * byte. Markup wants a known beginning and a window that is text from end to end; gzip wants a
 * header that a compressor would write (chance among random weights: about 2^-37). A vocabulary
 * that begins with
 * "<unk>" or "<pad>" is no markup: of unknown elements only those with an xmlns attribute count.
 *
 * Plain-text error bodies ("Not Found") look like nothing in particular; the length checks are
 * there for those.
 *
 * Pure; any thread. */
#include "sniff.h"

#include "name.h"

#include <string.h>
#include <strings.h>

struct window {
    const char *at;
    size_t n;
};

static const struct {
    const char *extension;
    enum sniff_kind kind;
} kinds[] = {
    {"json", SNIFF_KIND_JSON},   {"js", SNIFF_KIND_TEXT},          {"mjs", SNIFF_KIND_TEXT},
    {"cjs", SNIFF_KIND_TEXT},    {"ts", SNIFF_KIND_TEXT},          {"css", SNIFF_KIND_TEXT},
    {"txt", SNIFF_KIND_TEXT},    {"map", SNIFF_KIND_TEXT},         {"yaml", SNIFF_KIND_TEXT},
    {"yml", SNIFF_KIND_TEXT},    {"csv", SNIFF_KIND_TEXT},         {"tsv", SNIFF_KIND_TEXT},
    {"vocab", SNIFF_KIND_TEXT},  {"pbtxt", SNIFF_KIND_TEXT},       {"toml", SNIFF_KIND_TEXT},
    {"jsonl", SNIFF_KIND_TEXT},  {"webmanifest", SNIFF_KIND_TEXT}, {"jinja", SNIFF_KIND_TEXT},
    {"html", SNIFF_KIND_MARKUP}, {"htm", SNIFF_KIND_MARKUP},       {"xhtml", SNIFF_KIND_MARKUP},
    {"xml", SNIFF_KIND_MARKUP},  {"svg", SNIFF_KIND_MARKUP},       {"md", SNIFF_KIND_MARKUP},
    {"gz", SNIFF_KIND_ARCHIVE},  {"tgz", SNIFF_KIND_ARCHIVE},      {"zip", SNIFF_KIND_ARCHIVE},
    {"bz2", SNIFF_KIND_ARCHIVE}, {"xz", SNIFF_KIND_ARCHIVE},       {"zst", SNIFF_KIND_ARCHIVE},
    {"br", SNIFF_KIND_ARCHIVE},  {"7z", SNIFF_KIND_ARCHIVE},       {"tar", SNIFF_KIND_ARCHIVE},
};

enum sniff_kind
sniff_kind_of(const char *path, bool is_shard)
{
    size_t n = name_path_length(path);
    size_t dot = n;

    if (is_shard)
        return SNIFF_KIND_BINARY;
    while (dot > 0 && path[dot - 1] != '.' && path[dot - 1] != '/')
        dot--;
    if (dot == 0 || path[dot - 1] != '.')
        return SNIFF_KIND_BINARY;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strlen(kinds[i].extension) == n - dot &&
            strncasecmp(kinds[i].extension, path + dot, n - dot) == 0)
            return kinds[i].kind;
    }
    return SNIFF_KIND_BINARY;
}

static bool
begins_with(struct window w, const char *text)
{
    size_t n = strlen(text);

    return w.n >= n && strncasecmp(w.at, text, n) == 0;
}

static struct window
skip(struct window w, size_t n)
{
    return (struct window){w.at + n, w.n - n};
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static struct window
skip_blanks(struct window w)
{
    while (w.n > 0 && is_blank(*w.at))
        w = skip(w, 1);
    return w;
}

/* Blanks, a byte-order mark, and comments, in which pages like to hide their beginning. */
static struct window
skip_preamble(struct window w)
{
    if (begins_with(w, "\xEF\xBB\xBF"))
        w = skip(w, 3);
    w = skip_blanks(w);
    while (begins_with(w, "<!--")) {
        const char *end = memmem(w.at, w.n, "-->", 3);

        if (!end)
            break;
        w = skip_blanks(skip(w, (size_t) (end - w.at) + 3));
    }
    return w;
}

static bool
is_text(struct window w)
{
    for (size_t i = 0; i < w.n; i++) {
        unsigned char c = (unsigned char) w.at[i];

        if ((c < 0x20 && !is_blank((char) c)) || c == 0x7F)
            return false;
    }
    return true;
}

/* Does the window begin with one of these tags? A tag's name must end where the text says so. */
static bool
begins_with_tag(struct window w, const char *const *tags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(tags[i]);

        if (!begins_with(w, tags[i]))
            continue;
        if (w.n == n || is_blank(w.at[n]) || w.at[n] == '>' || w.at[n] == '/' || w.at[n] == ':')
            return true;
    }
    return false;
}

static bool
is_html(struct window w)
{
    static const char *const tags[] = {"<!doctype html", "<html",   "<head",  "<body", "<title",
                                       "<meta",          "<script", "<style", "<h1",   "<center"};

    return begins_with_tag(w, tags, COUNT_OF(tags));
}

static bool
is_xml(struct window w)
{
    /* The error documents of the buckets come with and without the declaration. */
    static const char *const tags[] = {"<?xml", "<error", "<listbucketresult", "<rss", "<feed",
                                       "<svg",  "<soap",  "<!doctype"};
    const char *close = w.n > 0 && *w.at == '<' ? memchr(w.at, '>', w.n) : NULL;

    if (begins_with_tag(w, tags, COUNT_OF(tags)))
        return true;
    return close && memmem(w.at, (size_t) (close - w.at), " xmlns", 6);
}

static bool
is_lfs_pointer(struct window w)
{
    return begins_with(w, "version https://git-lfs.github.com/spec/") ||
           begins_with(w, "version https://hawser.github.com/spec/");
}

/* RFC 1952 §2.3: magic, deflate, no reserved flag, an extra-flags byte and a system that exist. */
static bool
is_gzip(struct window w)
{
    const unsigned char *b = (const unsigned char *) w.at;

    return w.n >= 18 && b[0] == 0x1F && b[1] == 0x8B && b[2] == 8 && (b[3] & 0xE0) == 0 &&
           (b[8] == 0 || b[8] == 2 || b[8] == 4) && (b[9] <= 13 || b[9] == 255);
}

enum sniff_verdict
sniff(enum sniff_kind kind, const void *bytes, size_t n)
{
    struct window w = {bytes, n < SNIFF_BYTES ? n : SNIFF_BYTES};

    if (is_lfs_pointer(w))
        return SNIFF_LFS_POINTER;
    if (kind != SNIFF_KIND_ARCHIVE && is_gzip(w))
        return SNIFF_GZIP;
    if (kind == SNIFF_KIND_MARKUP || !is_text(w))
        return SNIFF_FINE;
    w = skip_preamble(w);
    if (is_html(w))
        return SNIFF_HTML;
    /* No JSON begins with '<'. */
    return is_xml(w) || (kind == SNIFF_KIND_JSON && begins_with(w, "<")) ? SNIFF_XML : SNIFF_FINE;
}

const char *
sniff_text(enum sniff_verdict verdict)
{
    static const char *const texts[] = {
        [SNIFF_FINE] = "what it should", [SNIFF_HTML] = "an HTML page",
        [SNIFF_XML] = "an XML document", [SNIFF_LFS_POINTER] = "a git-lfs pointer",
        [SNIFF_GZIP] = "gzip data",
    };

    return texts[verdict];
}
