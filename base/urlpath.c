/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in URLs (RFC 3986 §2.1, §3.3).
 *
 * One pass decodes, checks and watches the segments. Decoding happens once: a '%' that was escaped
 * comes out as "%25", so that nobody can decode a second time and find a "../" that was not there.
 * An escaped slash comes out as "%2F", but for dot segments and dotfiles it counts as a slash: the
 * file system or upstream behind may take it for one. The same text is refused here whether it
 * comes from a client or from a manifest. Pure; any thread. */
#include "urlpath.h"

#include <stdint.h>
#include <string.h>

static const char well_known[] = ".well-known";

/* What is known of the segment that is being read. */
struct segment {
    size_t length;  /* decoded bytes */
    size_t dots;    /* leading ones */
    size_t matched; /* leading bytes that are those of well_known */
};

static void
segment_add(struct segment *segment, unsigned char byte)
{
    if (byte == '.' && segment->dots == segment->length)
        segment->dots++;
    if (segment->matched == segment->length && byte == (unsigned char) well_known[segment->matched])
        segment->matched++;
    segment->length++;
}

/* The segment has ended. */
static enum urlpath_verdict
segment_verdict(const struct segment *segment)
{
    size_t whole = sizeof(well_known) - 1;

    if (segment->dots == 0)
        return URLPATH_OK;
    if (segment->dots == segment->length && segment->length <= 2)
        return URLPATH_DOT_SEGMENT;
    return segment->length == whole && segment->matched == whole ? URLPATH_OK : URLPATH_DOTFILE;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte at `at`, escaped or not; moves on. false: a broken escape. */
static bool
take_byte(const char **at, const char *end, unsigned char *ret, bool *ret_is_escaped)
{
    *ret_is_escaped = **at == '%';
    if (!*ret_is_escaped) {
        *ret = (unsigned char) *(*at)++;
        return true;
    }
    if (end - *at < 3)
        return false;

    int high = hex_value((*at)[1]);
    int low = hex_value((*at)[2]);

    if (high < 0 || low < 0)
        return false;
    *ret = (unsigned char) (high << 4 | low);
    *at += 3;
    return true;
}

static enum urlpath_verdict
byte_verdict(unsigned char byte)
{
    if (byte == 0)
        return URLPATH_NUL;
    if (byte == '\\')
        return URLPATH_BACKSLASH;
    return byte < 0x20 || byte == 0x7F ? URLPATH_CONTROL : URLPATH_OK;
}

static void
put_byte(struct buf *decoded, unsigned char byte, bool is_escaped)
{
    if (decoded == NULL)
        return;
    if (byte == '/' && is_escaped)
        buf_add_str(decoded, "%2F");
    else if (byte == '%')
        buf_add_str(decoded, "%25");
    else
        buf_add_char(decoded, (char) byte);
}

enum urlpath_verdict
urlpath_decode(const char *path, size_t n, struct buf *decoded)
{
    const char *at = path;
    const char *end = path + n;
    struct segment segment = {0};
    enum urlpath_verdict last = URLPATH_OK; /* or DOTFILE, told when nothing worse is found */

    if (n == 0 || *at != '/')
        return URLPATH_RELATIVE;
    while (at < end) {
        unsigned char byte;
        bool is_escaped;

        if (!take_byte(&at, end, &byte, &is_escaped))
            return URLPATH_BAD_ESCAPE;

        enum urlpath_verdict verdict = byte_verdict(byte);

        if (verdict != URLPATH_OK)
            return verdict;
        put_byte(decoded, byte, is_escaped);
        if (byte != '/')
            segment_add(&segment, byte);
        if (byte != '/' && at < end)
            continue;
        verdict = segment_verdict(&segment);
        if (verdict == URLPATH_DOT_SEGMENT)
            return verdict;
        if (verdict == URLPATH_DOTFILE)
            last = verdict;
        segment = (struct segment){0};
    }
    return last;
}

const char *
urlpath_verdict_text(enum urlpath_verdict verdict)
{
    static const char *const texts[] = {
        [URLPATH_OK] = "is fine",
        [URLPATH_BAD_ESCAPE] = "has a broken percent escape",
        [URLPATH_NUL] = "has a NUL byte",
        [URLPATH_BACKSLASH] = "has a backslash",
        [URLPATH_CONTROL] = "has a control character",
        [URLPATH_DOT_SEGMENT] = "has a '.' or '..' segment",
        [URLPATH_RELATIVE] = "does not begin with '/'",
        [URLPATH_DOTFILE] = "names a dotfile",
    };

    return (unsigned) verdict < COUNT_OF(texts) ? texts[verdict] : "is bad";
}

size_t
urlpath_length(const char *target)
{
    return strcspn(target, "?#");
}

static bool
stays_as_it_is(unsigned char byte)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9'))
        return true;
    return byte != 0 && strchr("-._~/!$&'()*+,;=:@", byte) != NULL;
}

void
urlpath_encode(struct buf *buf, const char *bytes, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char) bytes[i];

        if (stays_as_it_is(byte))
            buf_add_char(buf, (char) byte);
        else
            buf_add(buf, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
}
