/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner's states between strings: containers, commas and colons, words and numbers.
 *
 * Every function here is a state's (json_scan_state.h): it may stop after any byte, and must leave
 * enough in the scan to go on with the next piece. Lines are counted in white space alone, because
 * a line's end within a string is refused. Threads: the scan's. */
#include "json_scan_state.h"

#include "mem.h"

#include <string.h>

static const uint8_t *
open_container(struct json_scan *scan, bool is_object, const uint8_t *p)
{
    if (scan->depth == JSON_MAX_DEPTH)
        return JSON_REFUSE(p, "more than %d levels", JSON_MAX_DEPTH);
    if (scan->depth == scan->frame_room) {
        size_t room = scan->frame_room == 0 ? 16 : scan->frame_room * 2;
        struct json_frame *frames = mem_resize(scan->frames, room, sizeof(*frames));

        if (frames == NULL)
            return json_refuse_nomem(scan);
        memset(frames + scan->frame_room, 0, (room - scan->frame_room) * sizeof(*frames));
        scan->frames = frames;
        scan->frame_room = room;
    }
    scan->frames[scan->depth++].is_object = is_object;
    scan->state = is_object ? AT_MEMBER : AT_ITEM;
    return p + 1;
}

static const uint8_t *
close_container(struct json_scan *scan, const uint8_t *p)
{
    struct json_frame *frame = &scan->frames[--scan->depth];

    scan->open_keys -= frame->keys.count;
    json_keys_clear(&frame->keys);
    return json_value_ended(scan, p + 1);
}

static inline const uint8_t *
skip_space(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    for (; p < end && *p <= ' '; p++) {
        if (*p == '\n') {
            scan->line++;
            scan->line_at = json_offset(scan, p) + 1;
        } else if (*p != ' ' && *p != '\t' && *p != '\r') {
            break;
        }
    }
    return p;
}

const uint8_t *
json_at_start(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};

    for (; p < end && scan->mark_bytes < sizeof(mark) && *p == mark[scan->mark_bytes]; p++)
        scan->mark_bytes++;
    if (p == end && scan->mark_bytes < sizeof(mark))
        return p;
    if (scan->mark_bytes > 0 && scan->mark_bytes < sizeof(mark))
        return JSON_REFUSE(p, "a broken byte-order mark");
    scan->line_at = json_offset(scan, p);
    scan->state = AT_VALUE;
    return p;
}

static const uint8_t *
begin_word(struct json_scan *scan, const char *rest, const uint8_t *p)
{
    scan->word = rest;
    scan->state = IN_WORD;
    return p + 1;
}

static const uint8_t *
begin_value(struct json_scan *scan, const uint8_t *p)
{
    switch (*p) {
    case '"':
        json_value_begins(scan, JSON_STRING, p);
        scan->state = IN_STRING;
        return p + 1;
    case '{':
        json_value_begins(scan, JSON_OBJECT, p);
        return open_container(scan, true, p);
    case '[':
        json_value_begins(scan, JSON_ARRAY, p);
        return open_container(scan, false, p);
    case 't':
        json_value_begins(scan, JSON_BOOL, p);
        return begin_word(scan, "rue", p);
    case 'f':
        json_value_begins(scan, JSON_BOOL, p);
        return begin_word(scan, "alse", p);
    case 'n':
        json_value_begins(scan, JSON_NULL, p);
        return begin_word(scan, "ull", p);
    case 'N':
    case 'I':
        return JSON_REFUSE(p, "%s where a value should begin (JSON has no NaN and no Infinity)",
                           json_show(*p).text);
    default:
        break;
    }
    if (*p != '-' && (*p < '0' || *p > '9'))
        return JSON_REFUSE(p, "%s where a value should begin", json_show(*p).text);
    json_value_begins(scan, JSON_NUMBER, p);
    json_number_begin(&scan->number);
    scan->token_at = json_offset(scan, p);
    scan->state = IN_NUMBER;
    return p;
}

const uint8_t *
json_at_value(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    p = skip_space(scan, p, end);
    return p == end ? p : begin_value(scan, p);
}

const uint8_t *
json_at_item(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    p = skip_space(scan, p, end);
    if (p == end)
        return p;
    return *p == ']' ? close_container(scan, p) : begin_value(scan, p);
}

const uint8_t *
json_at_key(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    p = skip_space(scan, p, end);
    if (p == end)
        return p;
    if (*p != '"')
        return JSON_REFUSE(p, "%s where a key in double quotes should stand", json_show(*p).text);
    json_key_begins(scan, p);
    scan->is_key = true;
    scan->state = IN_STRING;
    return p + 1;
}

const uint8_t *
json_at_member(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    p = skip_space(scan, p, end);
    if (p < end && *p == '}')
        return close_container(scan, p);
    return json_at_key(scan, p, end);
}

const uint8_t *
json_at_colon(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    p = skip_space(scan, p, end);
    if (p == end)
        return p;
    if (*p != ':')
        return JSON_REFUSE(p, "%s where a ':' should stand", json_show(*p).text);
    scan->state = AT_VALUE;
    return p + 1;
}

const uint8_t *
json_after_value(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    bool is_object = scan->frames[scan->depth - 1].is_object;

    p = skip_space(scan, p, end);
    if (p == end)
        return p;
    if (*p == ',') {
        scan->state = is_object ? AT_KEY : AT_VALUE;
        return p + 1;
    }
    if (*p == (is_object ? '}' : ']'))
        return close_container(scan, p);
    return JSON_REFUSE(p, "%s where a ',' or a '%c' should stand", json_show(*p).text,
                       is_object ? '}' : ']');
}

const uint8_t *
json_at_end(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    p = skip_space(scan, p, end);
    return p == end ? p : JSON_REFUSE(p, "%s after the end of the value", json_show(*p).text);
}

const uint8_t *
json_in_word(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    for (; p < end && *scan->word != '\0'; p++, scan->word++)
        if (*p != (uint8_t) *scan->word)
            return JSON_REFUSE(p, "%s within what should be true, false or null",
                               json_show(*p).text);
    return *scan->word == '\0' ? json_value_ended(scan, p) : p;
}

const uint8_t *
json_number_ended(struct json_scan *scan, const uint8_t *p)
{
    const char *problem = json_number_problem(&scan->number);
    size_t length = (size_t) (json_offset(scan, p) - scan->token_at);

    if (problem != NULL) {
        json_refuse_at(scan, MH_BAD_INPUT, scan->token_at, "%s", problem);
        return NULL;
    }
    if (length > scan->longest_number)
        scan->longest_number = length;
    return json_value_ended(scan, p);
}

const uint8_t *
json_in_number(struct json_scan *scan, const uint8_t *p, const uint8_t *end)
{
    while (p < end && json_number_take(&scan->number, *p))
        p++;
    return p == end ? p : json_number_ended(scan, p);
}
