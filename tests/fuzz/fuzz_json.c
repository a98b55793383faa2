/* SPDX-License-Identifier: Apache-2.0 */
/* json: the scanner judges a text the same however it is cut; what it takes, the tree reader takes
 * too, and what the writer makes of the tree is read back. The first byte chooses the cuts. */
#include "fuzz.h"
#include "json.h"
#include "mem.h"

#include <string.h>

/* More than a fuzzer's input: the ceiling is looked at piece by piece, so that where it is met
 * depends on the cuts. */
#define KEPT_MAX (1u << 20)

static const char *const wanted[] = {"weightsManifest", "a", ""};

static enum mh_code
scan_in_pieces(const uint8_t *bytes, size_t n, size_t piece, struct mh_fault *fault,
               size_t *ret_longest)
{
    struct json_scan *scan = json_scan_new(wanted, COUNT_OF(wanted), KEPT_MAX, true);
    enum mh_code code = MH_OK;

    fuzz_check(scan != NULL);
    for (size_t at = 0; at < n && code == MH_OK; at += piece) {
        size_t part = piece < n - at ? piece : n - at;
        void *copy = mem_dup(bytes + at, part);

        code = json_scan_feed(scan, copy, part, fault);
        mem_free(copy);
    }
    if (code == MH_OK)
        code = json_scan_end(scan, fault);
    for (size_t i = 0; code == MH_OK && i < COUNT_OF(wanted); i++) {
        const char *text;
        size_t text_n;
        struct json *tree = NULL;

        if (json_scan_member(scan, wanted[i], &text, &text_n) == JSON_NONE)
            continue;
        /* What was kept of a member is a JSON text by itself. */
        fuzz_check(json_parse(text, text_n, &tree, NULL) == MH_OK || text_n > 63);
        json_free(tree);
    }
    *ret_longest = json_scan_longest_number(scan);
    json_scan_free(scan);
    return code;
}

static void
write_value(struct jsonw *w, const struct json *value)
{
    const char *name = json_name(value);

    switch (json_kind_of(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        (json_kind_of(value) == JSON_OBJECT ? jsonw_object_begin : jsonw_array_begin)(w, name);
        for (const struct json *item = json_first(value); item != NULL; item = json_next(item))
            write_value(w, item);
        (json_kind_of(value) == JSON_OBJECT ? jsonw_object_end : jsonw_array_end)(w);
        break;
    case JSON_STRING:
        jsonw_string(w, name, json_string(value));
        break;
    case JSON_NUMBER:
        jsonw_double(w, name, json_number(value, 0));
        break;
    case JSON_BOOL:
        jsonw_bool(w, name, json_bool(value, false));
        break;
    case JSON_NULL:
        jsonw_null(w, name);
        break;
    case JSON_NONE:
        fuzz_check(false);
    }
}

static void
write_and_read_back(const struct json *tree, bool is_pretty)
{
    struct buf first = BUF_INIT(64u << 20);
    struct buf second = BUF_INIT(64u << 20);
    struct jsonw w = JSONW_INIT(&first);
    struct json *again = NULL;

    w.pretty = is_pretty;
    write_value(&w, tree);
    fuzz_check(buf_is_ok(&first));
    fuzz_check(json_parse(buf_text(&first), first.length, &again, NULL) == MH_OK);
    w = JSONW_INIT(&second);
    w.pretty = is_pretty;
    write_value(&w, again);
    fuzz_check(strcmp(buf_text(&first), buf_text(&second)) == 0);
    json_free(again);
    buf_done(&first);
    buf_done(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0 || n > KEPT_MAX)
        return 0;

    const uint8_t *text = bytes + 1;
    size_t text_n = n - 1;
    struct mh_fault whole = {0};
    struct mh_fault cut = {0};
    size_t longest;
    enum mh_code code = scan_in_pieces(text, text_n, SIZE_MAX / 2, &whole, &longest);

    fuzz_check(scan_in_pieces(text, text_n, 1u + bytes[0] % 16, &cut, &longest) == code);
    fuzz_check(strcmp(whole.sentence, cut.sentence) == 0);

    struct json *tree = NULL;
    enum mh_code parsed = json_parse((const char *) text, text_n, &tree, NULL);

    if (code == MH_OK)
        fuzz_check(parsed == MH_OK || longest > 63);
    if (code == MH_BAD_INPUT)
        fuzz_check(parsed == MH_BAD_INPUT);
    if (parsed == MH_OK)
        write_and_read_back(tree, bytes[0] > 127);
    json_free(tree);
    return 0;
}
