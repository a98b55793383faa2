/* SPDX-License-Identifier: Apache-2.0 */
/* The one strict JSON reader (RFC 8259), and a writer.
 *
 * Reading is done by a scanner that takes the text in pieces of any size and keeps only what was
 * asked for, so that a 64 MiB manifest costs what its weightsManifest costs. The scanner refuses
 * what cJSON lets pass: NUL (raw or escaped), duplicate keys (after unescaping, at every level),
 * bad UTF-8 and lone surrogates, raw control bytes, leading zeros, numbers that overflow a double,
 * text after the value, more than JSON_MAX_DEPTH levels, more than JSON_MAX_KEYS members in the
 * objects that are open at once. A UTF-8 byte-order mark in front is passed over (TF.js loads such
 * files). Only what passed the scanner is given to cJSON, which is included in json.c alone. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 512
#define JSON_MAX_KEYS  (1u << 20)

enum json_kind {
    JSON_NONE, /* absent */
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* --- scanning text that arrives in pieces --- */

struct json_scan; /* opaque */

/* wanted       names of top-level members whose text is kept; borrowed until json_scan_free()
 *              (a name with '?' in front: only its kind is found out, its text is not kept)
 * max_capture  ceiling of what is kept, in bytes, all members together
 * keep_array   keep the whole value, if it is an array (up to max_capture)
 * NULL when memory runs out. */
struct json_scan *json_scan_new(const char *const *wanted, size_t wanted_count, size_t max_capture,
                                bool keep_array);
void json_scan_free(struct json_scan *scan); /* NULL is accepted */
/* Take the next piece; it may end anywhere, also within a character or an escape. Returns OK,
 * BAD_INPUT ("line 3, column 7: a raw control byte 0x01 in a string"; columns are bytes, from 1),
 * TOO_LARGE (max_capture, JSON_MAX_KEYS) or NOMEM; after a failure the scan is over, and further
 * pieces get the same code. */
MUST_USE enum mh_code json_scan_feed(struct json_scan *scan, const void *bytes, size_t n,
                                     struct mh_fault *fault);
/* The text has ended. Returns OK or BAD_INPUT (it ended too early, or was empty). */
MUST_USE enum mh_code json_scan_end(struct json_scan *scan, struct mh_fault *fault);
/* After json_scan_end(): the kind of the whole value. */
enum json_kind json_scan_kind(const struct json_scan *scan);
/* After json_scan_end(): length in bytes of the longest number. */
size_t json_scan_longest_number(const struct json_scan *scan);
/* After json_scan_end(): kind of a wanted member (JSON_NONE: absent), and its text where ret_text
 * is not NULL; borrowed from the scan. name NULL: the kept array. */
enum json_kind json_scan_member(const struct json_scan *scan, const char *name,
                                const char **ret_text, size_t *ret_n);

/* --- a small text as a tree --- */

struct json; /* a value; borrowed from the tree that json_parse() gave */

/* Read a whole text strictly; it need not be NUL-terminated. *ret is owned by the caller,
 * json_free(). Returns OK, BAD_INPUT (the scanner's sentences; a number of more than 63 characters,
 * which cJSON cannot hold), TOO_LARGE (JSON_MAX_KEYS) or NOMEM. */
MUST_USE enum mh_code json_parse(const char *text, size_t n, struct json **ret,
                                 struct mh_fault *fault);
void json_free(struct json *tree); /* NULL is accepted */
void json_freep(struct json **tree);

/* All accept NULL and the wrong kind, and then answer NULL, JSON_NONE, 0, the fallback or false. */
enum json_kind json_kind_of(const struct json *value);
const struct json *json_get(const struct json *object, const char *name); /* case-sensitive */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *value);
const char *json_name(const struct json *member); /* a member's name in its object */
size_t json_count(const struct json *container);
const char *json_string(const struct json *value);
double json_number(const struct json *value, double fallback);
bool json_bool(const struct json *value, bool fallback);
/* An integer from 0 to 2^53 - 1: a double holds it without losing anything. "1.0" and "1e3" are. */
MUST_USE bool json_uint(const struct json *value, uint64_t *ret);

/* --- writing --- */

/* Writes into a buffer that the caller owns; commas and escapes are the writer's. Strings that are
 * not UTF-8 have their bad bytes replaced by U+FFFD. NULL strings are written as null. */
struct jsonw {
    struct buf *buf;
    unsigned depth;
    bool needs_comma;
    bool pretty; /* two-space indentation and a final newline at depth 0 */
};

#define JSONW_INIT(buf_) ((struct jsonw){.buf = (buf_)})

/* name: the member's name in an object, NULL in an array or at the top. */
void jsonw_object_begin(struct jsonw *w, const char *name);
void jsonw_object_end(struct jsonw *w);
void jsonw_array_begin(struct jsonw *w, const char *name);
void jsonw_array_end(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *name, const char *value);
void jsonw_uint(struct jsonw *w, const char *name, uint64_t value);
void jsonw_int(struct jsonw *w, const char *name, int64_t value);
void jsonw_double(struct jsonw *w, const char *name, double value);
void jsonw_bool(struct jsonw *w, const char *name, bool value);
void jsonw_null(struct jsonw *w, const char *name);

#endif
