/* SPDX-License-Identifier: Apache-2.0 */
/* The push scanner: strict JSON (RFC 8259) from pieces of any size.
 *
 * A state machine whose states are functions (json_token.c, json_text.c): each takes what it can of
 * the piece and leaves the next state behind, so that a piece may end between any two bytes. What
 * is remembered is the stack of open containers with the hashes of their keys, the text of the
 * members that were asked for, and a few counters; never the text itself. Plain string bytes, most
 * of a manifest, go eight at a time.
 *
 * After a failure the scan stays failed. It knows nothing of models, and makes no tree. A scan
 * belongs to one thread at a time; manifests are scanned on work threads, never on HTTP threads. */
#include "json.h"

#include "fault.h"
#include "json_scan_state.h"
#include "mem.h"

#include <string.h>

void
json_refuse_at(struct json_scan *scan, enum mh_code code, uint64_t offset, const char *format, ...)
{
    struct buf sentence = BUF_INIT(512);
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&sentence, format, arguments);
    va_end(arguments);
    scan->code = fail(scan->fault, code, 0, "line %ju, column %ju: %s", (uintmax_t) scan->line,
                      (uintmax_t) (offset - scan->line_at + 1), buf_text(&sentence));
    buf_done(&sentence);
}

const uint8_t *
json_refuse_nomem(struct json_scan *scan)
{
    scan->code = fail(scan->fault, MH_NOMEM, 0, "out of memory while reading JSON");
    return NULL;
}

struct json_byte_text
json_show(uint8_t byte)
{
    static const char digits[] = "0123456789ABCDEF";

    if (byte > 0x20 && byte < 0x7F)
        return (struct json_byte_text){{'\'', (char) byte, '\''}};
    return (struct json_byte_text){
        {'b', 'y', 't', 'e', ' ', '0', 'x', digits[byte >> 4], digits[byte & 15]}};
}

static bool
capture_to(struct json_scan *scan, const uint8_t *p)
{
    size_t n = (size_t) (p - scan->capture_from);

    if (n > scan->captured.max - scan->captured.length) {
        json_refuse_at(scan, MH_TOO_LARGE, json_offset(scan, p),
                       "the members that are needed are more than %zu bytes", scan->captured.max);
        return false;
    }
    buf_add(&scan->captured, scan->capture_from, n);
    if (!buf_is_ok(&scan->captured)) {
        (void) json_refuse_nomem(scan);
        return false;
    }
    return true;
}

void
json_value_begins(struct json_scan *scan, enum json_kind kind, const uint8_t *p)
{
    if (scan->depth == 0) {
        scan->kind = kind;
        if (kind == JSON_ARRAY && scan->keeps_array)
            scan->current = &scan->wanted[scan->wanted_count];
    }
    if (scan->current == NULL || scan->is_capturing)
        return;
    scan->current->kind = kind;
    if (scan->current->is_kind_only) {
        scan->current = NULL;
        return;
    }
    scan->current->from = scan->captured.length;
    scan->is_capturing = true;
    scan->capture_from = p;
}

const uint8_t *
json_value_ended(struct json_scan *scan, const uint8_t *p)
{
    scan->state = scan->depth == 0 ? AT_END : AFTER_VALUE;

    bool is_current = scan->depth == 0 || (scan->depth == 1 && scan->frames[0].is_object);

    if (!scan->is_capturing || !is_current)
        return p;
    if (!capture_to(scan, p))
        return NULL;
    scan->current->length = scan->captured.length - scan->current->from;
    scan->current = NULL;
    scan->is_capturing = false;
    return p;
}

static json_step *const steps[] = {
    [AT_START] = json_at_start,       [AT_VALUE] = json_at_value,
    [AT_ITEM] = json_at_item,         [AT_MEMBER] = json_at_member,
    [AT_KEY] = json_at_key,           [AT_COLON] = json_at_colon,
    [AFTER_VALUE] = json_after_value, [AT_END] = json_at_end,
    [IN_STRING] = json_in_string,     [IN_ESCAPE] = json_in_escape,
    [IN_HEX] = json_in_hex,           [AT_LOW_SLASH] = json_at_low_slash,
    [AT_LOW_U] = json_at_low_u,       [IN_CHARACTER] = json_in_character,
    [IN_WORD] = json_in_word,         [IN_NUMBER] = json_in_number,
};

struct json_scan *
json_scan_new(const char *const *wanted, size_t wanted_count, size_t max_capture, bool keep_array)
{
    struct json_scan *scan = mem_new(struct json_scan);

    if (scan == NULL)
        return NULL;
    scan->wanted = mem_calloc(wanted_count + 1, sizeof(*scan->wanted));
    if (scan->wanted == NULL) {
        mem_free(scan);
        return NULL;
    }
    for (size_t i = 0; i < wanted_count; i++) {
        bool is_kind_only = wanted[i][0] == '?';
        const char *name = wanted[i] + is_kind_only;

        scan->wanted[i].name = name;
        scan->wanted[i].name_length = strlen(name);
        scan->wanted[i].name_hash = keyhash_of(name, strlen(name));
        scan->wanted[i].is_kind_only = is_kind_only;
    }
    scan->wanted_count = wanted_count;
    scan->keeps_array = keep_array;
    scan->captured = BUF_INIT(max_capture);
    scan->line = 1;
    return scan;
}

void
json_scan_free(struct json_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t i = 0; i < scan->frame_room; i++)
        json_keys_done(&scan->frames[i].keys);
    mem_free(scan->frames);
    mem_free(scan->wanted);
    buf_done(&scan->captured);
    mem_free(scan);
}

static enum mh_code
refuse_again(const struct json_scan *scan, struct mh_fault *fault)
{
    return fail(fault, scan->code, 0, "this JSON text has been refused already");
}

enum mh_code
json_scan_feed(struct json_scan *scan, const void *bytes, size_t n, struct mh_fault *fault)
{
    const uint8_t *p = bytes;
    const uint8_t *end = p + n;

    if (scan->code != MH_OK)
        return refuse_again(scan, fault);
    if (n == 0)
        return MH_OK;
    scan->fault = fault;
    scan->piece = p;
    if (scan->is_capturing)
        scan->capture_from = p;
    while (p != NULL && p < end)
        p = steps[scan->state](scan, p, end);
    if (p != NULL && scan->is_capturing)
        (void) capture_to(scan, end); /* sets the code */
    scan->piece_at += n;
    scan->fault = NULL;
    return scan->code;
}

static const char *
what_is_missing(const struct json_scan *scan)
{
    switch (scan->state) {
    case AT_START:
        return scan->mark_bytes == 0 ? "the text is empty" : "the text ends in a byte-order mark";
    case IN_STRING:
    case IN_ESCAPE:
    case IN_HEX:
    case AT_LOW_SLASH:
    case AT_LOW_U:
    case IN_CHARACTER:
        return "the text ends within a string";
    case IN_WORD:
        return "the text ends within true, false or null";
    case AT_VALUE:
    case AT_ITEM:
    case AT_MEMBER:
    case AT_KEY:
    case AT_COLON:
    case AFTER_VALUE:
    case AT_END:
    case IN_NUMBER:
        break;
    }
    if (scan->depth == 0)
        return "the text is empty";
    return scan->frames[scan->depth - 1].is_object ? "the text ends within an object"
                                                   : "the text ends within an array";
}

enum mh_code
json_scan_end(struct json_scan *scan, struct mh_fault *fault)
{
    static const uint8_t nothing[1];

    if (scan->code != MH_OK)
        return refuse_again(scan, fault);
    scan->fault = fault;
    scan->piece = nothing;
    scan->capture_from = nothing;
    /* Nothing but the end of the text tells that a number has ended. */
    if (scan->state == IN_NUMBER)
        (void) json_number_ended(scan, nothing);
    if (scan->code == MH_OK && scan->state != AT_END)
        json_refuse_at(scan, MH_BAD_INPUT, scan->piece_at, "%s", what_is_missing(scan));
    scan->is_ended = scan->code == MH_OK;
    scan->fault = NULL;
    return scan->code;
}

enum json_kind
json_scan_kind(const struct json_scan *scan)
{
    return scan->is_ended ? scan->kind : JSON_NONE;
}

size_t
json_scan_longest_number(const struct json_scan *scan)
{
    return scan->longest_number;
}

static const struct json_wanted *
find_wanted(const struct json_scan *scan, const char *name)
{
    if (name == NULL)
        return &scan->wanted[scan->wanted_count];
    for (size_t i = 0; i < scan->wanted_count; i++)
        if (strcmp(scan->wanted[i].name, name) == 0)
            return &scan->wanted[i];
    return NULL;
}

enum json_kind
json_scan_member(const struct json_scan *scan, const char *name, const char **ret_text,
                 size_t *ret_n)
{
    const struct json_wanted *member = find_wanted(scan, name);

    if (!scan->is_ended || member == NULL || member->kind == JSON_NONE)
        return JSON_NONE;
    if (ret_text != NULL) {
        *ret_text = buf_text(&scan->captured) + member->from;
        if (ret_n != NULL)
            *ret_n = member->length;
    }
    return member->kind;
}
