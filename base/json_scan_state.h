/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the JSON scanner: for json_scan.c, json_token.c and json_text.c only. */
#ifndef BASE_JSON_SCAN_STATE_H
#define BASE_JSON_SCAN_STATE_H

#include "attrs.h"
#include "buf.h"
#include "json.h"
#include "json_keys.h"
#include "json_number.h"
#include "keyhash.h"

#define JSON_KEY_TEXT_ROOM 64

enum json_scan_state {
    AT_START,    /* before the byte-order mark that may be there */
    AT_VALUE,    /* a value must come */
    AT_ITEM,     /* after '[': a value or ']' */
    AT_MEMBER,   /* after '{': a key or '}' */
    AT_KEY,      /* after ',' in an object */
    AT_COLON,    /* after a key */
    AFTER_VALUE, /* ',' or the container's end */
    AT_END,      /* white space only */
    IN_STRING,
    IN_ESCAPE,    /* after '\' */
    IN_HEX,       /* after '\u' */
    AT_LOW_SLASH, /* after a high surrogate: '\' */
    AT_LOW_U,     /* and then 'u' */
    IN_CHARACTER, /* within a UTF-8 sequence */
    IN_WORD,      /* true, false, null */
    IN_NUMBER
};

struct json_frame {
    bool is_object;
    struct json_keys keys;
};

struct json_wanted {
    const char *name; /* NULL: the whole array */
    size_t name_length;
    uint64_t name_hash;
    bool is_kind_only; /* its text is not kept */
    enum json_kind kind;
    size_t from; /* in captured */
    size_t length;
};

struct json_scan {
    enum json_scan_state state;
    enum mh_code code;      /* of the failure */
    struct mh_fault *fault; /* of the call that is running */
    bool is_ended;

    /* Where we are. */
    const uint8_t *piece; /* of the call that is running */
    uint64_t piece_at;    /* offset of its first byte in the text */
    uint64_t line;        /* from 1 */
    uint64_t line_at;     /* offset of its first byte */

    struct json_frame *frames; /* the open containers, and some that are kept for their memory */
    size_t frame_room;
    size_t depth;
    size_t open_keys;
    enum json_kind kind; /* of the whole */

    /* The token that is being read. */
    unsigned mark_bytes; /* of the byte-order mark */
    bool is_key;         /* the string is a key */
    const char *word;    /* the rest of true, false or null */
    unsigned hex_digits;
    unsigned unit; /* of \uXXXX */
    unsigned high; /* surrogate that waits for its low one, or 0 */
    unsigned char_left;
    uint8_t char_low, char_high; /* bounds of the next byte of a UTF-8 sequence */
    struct json_number number;
    uint64_t token_at; /* offset of a key or number */
    size_t longest_number;

    /* The key that was read last. */
    struct keyhash key_hash;
    size_t key_length;
    char key_text[JSON_KEY_TEXT_ROOM]; /* its beginning, for messages */

    struct json_wanted *wanted;
    size_t wanted_count;         /* without the last, which is the whole array */
    struct json_wanted *current; /* member that the value to come belongs to, or NULL */
    bool keeps_array;
    bool is_capturing;
    const uint8_t *capture_from; /* in the piece */
    struct buf captured;
};

/* A state's function takes what it can of the bytes from p to end (there is at least one), sets the
 * next state and returns where it stopped, or NULL when the text is refused and scan->code set. */
typedef const uint8_t *json_step(struct json_scan *scan, const uint8_t *p, const uint8_t *end);

/* json_token.c: what stands between strings, and containers, words and numbers. */
json_step json_at_start, json_at_value, json_at_item, json_at_member, json_at_key, json_at_colon,
    json_after_value, json_at_end, json_in_word, json_in_number;
/* The number that was being read has ended before p. */
const uint8_t *json_number_ended(struct json_scan *scan, const uint8_t *p);

/* json_text.c: strings and keys. */
json_step json_in_string, json_in_escape, json_in_hex, json_at_low_slash, json_at_low_u,
    json_in_character;
/* A key's first quote is at p. */
void json_key_begins(struct json_scan *scan, const uint8_t *p);

/* json_scan.c: a value of this kind begins at p; a value has ended before p. The latter returns p,
 * or NULL as a step does. */
void json_value_begins(struct json_scan *scan, enum json_kind kind, const uint8_t *p);
const uint8_t *json_value_ended(struct json_scan *scan, const uint8_t *p);

/* Where p is in the text. */
static inline uint64_t
json_offset(const struct json_scan *scan, const uint8_t *p)
{
    return scan->piece_at + (uint64_t) (p - scan->piece);
}

/* Set the code, and the fault's sentence with the line and column of an offset in this line. */
void json_refuse_at(struct json_scan *scan, enum mh_code code, uint64_t offset, const char *format,
                    ...) PRINTF_LIKE(4, 5);
/* Refuse the text at p, in a step; for `return`. */
#define JSON_REFUSE(p, ...)                                                                        \
    (json_refuse_at(scan, MH_BAD_INPUT, json_offset(scan, (p)), __VA_ARGS__), NULL)
/* Set the code; returns NULL. */
const uint8_t *json_refuse_nomem(struct json_scan *scan);

struct json_byte_text {
    char text[16];
};
/* A byte as a message shows it: "'x'", "byte 0x01". */
struct json_byte_text json_show(uint8_t byte);

#endif
