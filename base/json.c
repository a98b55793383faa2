/* SPDX-License-Identifier: Apache-2.0 */
/* A small JSON text as a tree. This is the only file that includes cJSON.
 *
 * cJSON lets much pass that no JSON text may hold, so the strict scanner reads every text first,
 * and cJSON sees only what it accepted: then the two can differ in nothing but memory and the
 * length of a number (cJSON copies at most 63 characters and would stop in its midst). The tree
 * takes about seven times the text: it is for metadata, settings, requests, and the members that
 * the scanner kept of a manifest, never for a whole manifest.
 *
 * A `struct json` is a cJSON node under another name; it is never looked into through that name.
 * Any thread; a tree is read-only once it is made. */
#include "json.h"

#include "fault.h"

#include <cjson/cJSON.h>
#include <string.h>

#define CJSON_MAX_NUMBER 63

static const cJSON *
node(const struct json *value)
{
    return (const cJSON *) (const void *) value;
}

static const struct json *
value_of(const cJSON *node)
{
    return (const struct json *) (const void *) node;
}

static enum mh_code
check(const char *text, size_t n, struct mh_fault *fault)
{
    struct json_scan *scan = json_scan_new(NULL, 0, 0, false);

    if (scan == NULL)
        return fail(fault, MH_NOMEM, 0, "out of memory while reading JSON");

    enum mh_code code = json_scan_feed(scan, text, n, fault);

    if (code == MH_OK)
        code = json_scan_end(scan, fault);
    if (code == MH_OK && json_scan_longest_number(scan) > CJSON_MAX_NUMBER)
        code = fail(fault, MH_BAD_INPUT, 0, "a number of %zu characters, and at most %d are read",
                    json_scan_longest_number(scan), CJSON_MAX_NUMBER);
    json_scan_free(scan);
    return code;
}

enum mh_code
json_parse(const char *text, size_t n, struct json **ret, struct mh_fault *fault)
{
    enum mh_code code = check(text, n, fault);

    if (code != MH_OK)
        return code;

    /* cJSON passes over a byte-order mark too, but not in front of a single digit. */
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        n -= 3;
    }

    cJSON *tree = cJSON_ParseWithLengthOpts(text, n, NULL, 0);

    if (tree == NULL)
        return fail(fault, MH_NOMEM, 0, "out of memory while reading JSON");
    *ret = (struct json *) (void *) tree;
    return MH_OK;
}

void
json_free(struct json *tree)
{
    cJSON_Delete((cJSON *) (void *) tree);
}

void
json_freep(struct json **tree)
{
    json_free(*tree);
}

enum json_kind
json_kind_of(const struct json *value)
{
    if (value == NULL)
        return JSON_NONE;
    switch (node(value)->type & 0xFF) {
    case cJSON_NULL:
        return JSON_NULL;
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NONE;
    }
}

const struct json *
json_get(const struct json *object, const char *name)
{
    if (json_kind_of(object) != JSON_OBJECT)
        return NULL;
    return value_of(cJSON_GetObjectItemCaseSensitive(node(object), name));
}

const struct json *
json_first(const struct json *container)
{
    enum json_kind kind = json_kind_of(container);

    return kind == JSON_ARRAY || kind == JSON_OBJECT ? value_of(node(container)->child) : NULL;
}

const struct json *
json_next(const struct json *value)
{
    return value == NULL ? NULL : value_of(node(value)->next);
}

const char *
json_name(const struct json *member)
{
    return member == NULL ? NULL : node(member)->string;
}

size_t
json_count(const struct json *container)
{
    size_t count = 0;

    for (const struct json *item = json_first(container); item != NULL; item = json_next(item))
        count++;
    return count;
}

const char *
json_string(const struct json *value)
{
    return json_kind_of(value) == JSON_STRING ? node(value)->valuestring : NULL;
}

double
json_number(const struct json *value, double fallback)
{
    return json_kind_of(value) == JSON_NUMBER ? node(value)->valuedouble : fallback;
}

bool
json_bool(const struct json *value, bool fallback)
{
    return json_kind_of(value) == JSON_BOOL ? (node(value)->type & 0xFF) == cJSON_True : fallback;
}

bool
json_uint(const struct json *value, uint64_t *ret)
{
    /* From 2^53 on a double stands for several integers: which was meant cannot be told. */
    double number = json_number(value, -1);

    if (!(number >= 0 && number < 9007199254740992.0) || (double) (uint64_t) number != number)
        return false;
    *ret = (uint64_t) number;
    return true;
}
