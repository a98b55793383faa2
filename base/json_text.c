/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner's states within strings, and what is kept of a key.
 *
 * A string is checked, not decoded: only a key's bytes are unescaped, into a running hash and a
 * short beginning for messages. So "a" and "\u0061" are the same key, and a key may be as long as
 * the text. UTF-8 is what Unicode's table 3-7 says it is: no overlong forms, no surrogates, nothing
 * beyond U+10FFFF. Threads: the scan's. */
#include "json_scan_state.h"

#include <string.h>

void
json_key_begins(struct json_scan *scan, const uint8_t *p)
{
    keyhash_begin(&scan->key_hash);
    scan->key_length = 0;
    scan->token_at = json_offset(scan, p);
}

static void
key_add(struct json_scan *scan, const void *bytes, size_t n)
{
    keyhash_add(&scan->key_hash, bytes, n);
    if (scan->key_length < JSON_KEY_TEXT_ROOM) {
        size_t room = JSON_KEY_TEXT_ROOM - scan->key_length;

        memcpy(scan->key_text + scan->key_length, bytes, n < room ? n : room);
    }
    scan->key_length += n;
}

/* The code point of an escape. */
static void
key_add_code(struct json_scan *scan, unsigned code)
{
    uint8_t bytes[4];
    size_t n = 0;

    if (code < 0x80) {
        bytes[n++] = (uint8_t) code;
    } else {
        if (code < 0x800) {
            bytes[n++] = (uint8_t) (0xC0 | code >> 6);
        } else if (code < 0x10000) {
            bytes[n++] = (uint8_t) (0xE0 | code >> 12);
            bytes[n++] = (uint8_t) (0x80 | (code >> 6 & 0x3F));
        } else {
            bytes[n++] = (uint8_t) (0xF0 | code >> 18);
            bytes[n++] = (uint8_t) (0x80 | (code >> 12 & 0x3F));
            bytes[n++] = (uint8_t) (0x80 | (code >> 6 & 0x3F));
        }
        bytes[n++] = (uint8_t) (0x80 | (code & 0x3F));
    }
    key_add(scan, bytes, n);
}

static const uint8_t *
refuse_duplicate(struct json_scan *scan)
{
    size_t n = scan->key_length < JSON_KEY_TEXT_ROOM ? scan->key_length : JSON_KEY_TEXT_ROOM;
    bool is_cut = n < scan->key_length;

    for (size_t i = 0; i < n; i++)
        if ((uint8_t) scan->key_text[i] < 0x20 || scan->key_text[i] == 0x7F)
            scan->key_text[i] = '?';
    /* No half of a character at the cut. */
    while (is_cut && n > 0 && ((uint8_t) scan->key_text[n - 1] & 0xC0) == 0x80)
        n--;
    if (is_cut && n > 0 && (uint8_t) scan->key_text[n - 1] >= 0xC0)
        n--;
    json_refuse_at(scan, MH_BAD_INPUT, scan->token_at,
                   "the key '%.*s%s' stands twice in one object", (int) n, scan->key_text,
                   is_cut ? "..." : "");
    return NULL;
}

static const uint8_t *
key_ended(struct json_scan *scan, const uint8_t *p)
{
    uint64_t hash = keyhash_end(&scan->key_hash);

    scan->is_key = false;
    scan->state = AT_COLON;
    if (scan->open_keys == JSON_MAX_KEYS) {
        json_refuse_at(scan, MH_TOO_LARGE, scan->token_at, "more than %u members in open objects",
                       JSON_MAX_KEYS);
        return NULL;
    }
    switch (json_keys_add(&scan->frames[scan->depth - 1].keys, hash)) {
    case JSON_KEYS_SEEN:
        return refuse_duplicate(scan);
    case JSON_KEYS_NOMEM:
        return json_refuse_nomem(scan);
    case JSON_KEYS_NEW:
        break;
    }
    scan->open_keys++;
    for (size_t i = 0; scan->depth == 1 && i < scan->wanted_count; i++)
        if (scan->wanted[i].name_hash == hash && scan->wanted[i].name_length == scan->key_length)
            scan->current = &scan->wanted[i];
    return p;
}

#define EVERY_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS  (EVERY_BYTE * 0x80)

/* Non-zero if one of the eight bytes is a quote, a backslash, a control byte or not ASCII. */
static inline uint64_t
special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EVERY_BYTE * '"';
    uint64_t slash = word ^ EVERY_BYTE * '\\';

    return (((word - EVERY_BYTE * 0x20) | (quote - EVERY_BYTE) | (slash - EVERY_BYTE)) & ~word &
            HIGH_BITS) |
           (word & HIGH_BITS);
}

/* The first byte that is not plain. */
static inline const uint8_t *
skip_plain(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8) {
        uint64_t word;

        memcpy(&word, p, sizeof(word));
        if (special_bytes(word) != 0)
            break;
        p += 8;
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* A byte of 0x80 or more: the bounds of the one after it (Unicode, table 3-7), and how many follow.
 * false: no character begins so. */
static bool
begin_character(struct json_scan *scan, uint8_t byte)
{
    if (byte < 0xC2 || byte > 0xF4)
        return false;
    scan->char_left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    scan->char_low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    scan->char_high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    scan->state = IN_CHARACTER;
    return true;
}

const uint8_t *
json_in_character(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    for (; p < end && scan->char_left > 0; p++, scan->char_left--) {
        if (*p < scan->char_low || *p > scan->char_high)
            return JSON_REFUSE(p, "%s in the middle of a character: the text is not UTF-8",
                               json_show(*p).text);
        if (scan->is_key)
            key_add(scan, p, 1);
        scan->char_low = 0x80;
        scan->char_high = 0xBF;
    }
    if (scan->char_left == 0)
        scan->state = IN_STRING;
    return p;
}

const uint8_t *
json_in_string(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *from = p;

    p = skip_plain(p, end);
    if (scan->is_key && p > from)
        key_add(scan, from, (size_t) (p - from));
    if (p == end)
        return p;
    if (*p == '"')
        return scan->is_key ? key_ended(scan, p + 1) : json_value_ended(scan, p + 1);
    if (*p == '\\') {
        scan->state = IN_ESCAPE;
        return p + 1;
    }
    if (*p < 0x20)
        return JSON_REFUSE(p, "a raw control byte 0x%02X in a string", *p);
    if (!begin_character(scan, *p))
        return JSON_REFUSE(p, "%s in a string: the text is not UTF-8", json_show(*p).text);
    if (scan->is_key)
        key_add(scan, p, 1);
    return json_in_character(scan, p + 1, end);
}

const uint8_t *
json_in_escape(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *found = *p == '\0' ? NULL : strchr(letters, *p);

    (void) end;
    if (*p == 'u') {
        scan->hex_digits = 0;
        scan->unit = 0;
        scan->state = IN_HEX;
        return p + 1;
    }
    if (found == NULL)
        return JSON_REFUSE(p, "%s after a backslash, which is no escape", json_show(*p).text);
    if (scan->is_key)
        key_add(scan, &meanings[found - letters], 1);
    scan->state = IN_STRING;
    return p + 1;
}

/* The four digits of \uXXXX are there, the last at p. */
static const uint8_t *
unit_ended(struct json_scan *scan, const uint8_t *p)
{
    unsigned code = scan->unit;
    bool is_low = code >= 0xDC00 && code <= 0xDFFF;

    if (code == 0)
        return JSON_REFUSE(p, "an escaped NUL (\\u0000)");
    if (is_low != (scan->high != 0))
        return JSON_REFUSE(p, "a lone surrogate (\\u%04X)", is_low ? code : scan->high);
    if (code >= 0xD800 && code <= 0xDBFF) {
        scan->high = code;
        scan->state = AT_LOW_SLASH;
        return p + 1;
    }
    if (is_low)
        code = 0x10000 + ((scan->high - 0xD800) << 10) + (code - 0xDC00);
    if (scan->is_key)
        key_add_code(scan, code);
    scan->high = 0;
    scan->state = IN_STRING;
    return p + 1;
}

const uint8_t *
json_in_hex(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    for (; p < end; p++) {
        unsigned digit = *p - (unsigned) '0';
        unsigned letter = (*p | 0x20u) - 'a';

        if (digit > 9 && letter > 5)
            return JSON_REFUSE(p, "%s where a hex digit of \\uXXXX should stand",
                               json_show(*p).text);
        scan->unit = scan->unit << 4 | (digit <= 9 ? digit : letter + 10);
        if (++scan->hex_digits == 4)
            return unit_ended(scan, p);
    }
    return p;
}

/* After a high surrogate only "\u" may come. */
static const uint8_t *
take_low_prefix(struct json_scan *scan, const uint8_t *p, uint8_t byte, enum json_scan_state next)
{
    if (*p != byte)
        return JSON_REFUSE(p, "a lone surrogate (\\u%04X)", scan->high);
    scan->hex_digits = 0;
    scan->unit = 0;
    scan->state = next;
    return p + 1;
}

const uint8_t *
json_at_low_slash(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    (void) end;
    return take_low_prefix(scan, p, '\\', AT_LOW_U);
}

const uint8_t *
json_at_low_u(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    (void) end;
    return take_low_prefix(scan, p, 'u', IN_HEX);
}
