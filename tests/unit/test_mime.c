/* SPDX-License-Identifier: Apache-2.0 */
/* mime.c: every extension that browsers and models depend on, and names that have none. A row that
 * stood in the wrong place of the sorted table would not be found here. */
#include "mime.h"

#include "unit.h"

#define UTF8 "; charset=utf-8"

static const struct {
    const char *path;
    const char *type;
} rows[] = {
    {"/tfjs-models/bodypix/model-stride16.json", "application/json"},
    {"/a/group1-shard1of1.bin", MIME_BYTES},
    {"/a/group1-shard1of1", MIME_BYTES},
    {"/a.b/group1-shard1of1", MIME_BYTES},
    {"group1", MIME_BYTES},
    {"/", MIME_BYTES},
    {"", MIME_BYTES},
    {"/.hidden", MIME_BYTES},
    {"/name.", MIME_BYTES},
    {"/x.JSON", "application/json"},
    {"/x.tar.gz", "application/gzip"},
    {"/x.nonesuch", NULL},
    {"/x.js.nonesuch", NULL},
    {"/weights-of-1.2", NULL},
    {"x.avif", "image/avif"},
    {"x.binarypb", MIME_BYTES},
    {"x.bmp", "image/bmp"},
    {"x.cjs", "text/javascript" UTF8},
    {"x.css", "text/css" UTF8},
    {"x.csv", "text/csv" UTF8},
    {"x.data", MIME_BYTES},
    {"x.gguf", MIME_BYTES},
    {"x.gif", "image/gif"},
    {"x.htm", "text/html" UTF8},
    {"x.html", "text/html" UTF8},
    {"x.ico", "image/x-icon"},
    {"x.jpeg", "image/jpeg"},
    {"x.jpg", "image/jpeg"},
    {"x.js", "text/javascript" UTF8},
    {"x.jsonl", "text/plain" UTF8},
    {"x.js.map", "application/json"},
    {"x.md", "text/markdown" UTF8},
    {"x.mjs", "text/javascript" UTF8},
    {"x.model", MIME_BYTES},
    {"x.mov", "video/quicktime"},
    {"x.mp3", "audio/mpeg"},
    {"x.mp4", "video/mp4"},
    {"x.msgpack", "application/vnd.msgpack"},
    {"x.npy", MIME_BYTES},
    {"x.npz", MIME_BYTES},
    {"x.ogg", "audio/ogg"},
    {"x.onnx", MIME_BYTES},
    {"x.onnx_data", MIME_BYTES},
    {"x.ort", MIME_BYTES},
    {"x.otf", "font/otf"},
    {"x.params", MIME_BYTES},
    {"x.pb", MIME_BYTES},
    {"x.pbtxt", "text/plain" UTF8},
    {"x.pdf", "application/pdf"},
    {"x.png", "image/png"},
    {"x.safetensors", MIME_BYTES},
    {"x.svg", "image/svg+xml"},
    {"x.tar", "application/x-tar"},
    {"x.task", MIME_BYTES},
    {"x.tflite", MIME_BYTES},
    {"x.ttf", "font/ttf"},
    {"x.txt", "text/plain" UTF8},
    {"x.wasm", "application/wasm"},
    {"x.wav", "audio/wav"},
    {"x.webm", "video/webm"},
    {"x.webmanifest", "application/manifest+json"},
    {"x.webp", "image/webp"},
    {"x.woff", "font/woff"},
    {"x.woff2", "font/woff2"},
    {"x.xhtml", "application/xhtml+xml"},
    {"x.xml", "text/xml" UTF8},
    {"x.yaml", "text/plain" UTF8},
    {"x.yml", "text/plain" UTF8},
    {"x.zip", "application/zip"},
};

static void
test_types(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *found = mime_find(rows[i].path);
        const char *sure = mime_of(rows[i].path);

        if ((found == NULL) != (rows[i].type == NULL) ||
            (found != NULL && strcmp(found, rows[i].type) != 0))
            fail_msg("'%s' is '%s'", rows[i].path, found);
        assert_string_equal(sure, rows[i].type != NULL ? rows[i].type : MIME_BYTES);
    }
}

static void
test_text(void **state)
{
    static const struct {
        const char *type;
        bool is_text;
    } types[] = {
        {NULL, false},
        {"", false},
        {"text/html; charset=utf-8", true},
        {"TEXT/PLAIN", true},
        {"application/json", true},
        {"Application/JSON;charset=utf-8", true},
        {"application/problem+json", true},
        {"image/svg+xml", true},
        {"application/manifest+json", true},
        {"application/javascript", true},
        {"application/xml", true},
        {"application/jsonx", false},
        {"+json", false},
        {"application/octet-stream", false},
        {"application/octet-stream; a=+json", false},
        {"application/wasm", false},
        {"image/png", false},
        {"font/woff2", false},
    };

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (mime_is_text(types[i].type) != types[i].is_text)
            fail_msg("'%s'", types[i].type);
        if (types[i].is_text)
            assert_true(mime_shrinks(types[i].type));
    }
    assert_true(mime_shrinks("Application/Wasm; x=y"));
    assert_false(mime_shrinks("application/wasm+zip"));
    assert_false(mime_shrinks(MIME_BYTES));
    assert_false(mime_shrinks("image/png"));
    assert_false(mime_shrinks(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
