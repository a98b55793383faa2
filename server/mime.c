/* SPDX-License-Identifier: Apache-2.0 */
/* Content types by file name.
 *
 * One sorted table of extensions. Browsers insist on a type in few places: modules and workers must
 * be JavaScript, WebAssembly must be application/wasm to be compiled while it streams, style sheets
 * must be text/css. Model files have no registered types: they are bytes. What is text says its
 * charset, so that nobody guesses one; application/json has no such parameter (RFC 8259 §11).
 *
 * Refused: looking at contents. The same name always gets the same type.
 *
 * Pure: any thread, no state. */
#include "mime.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT(type) type "; charset=utf-8"

struct row {
    const char *extension;
    const char *type;
};

/* Sorted by extension; a test keeps it so. */
static const struct row table[] = {
    {"avif", "image/avif"},
    {"bin", MIME_BYTES},
    {"binarypb", MIME_BYTES},
    {"bmp", "image/bmp"},
    {"cjs", TEXT("text/javascript")},
    {"css", TEXT("text/css")},
    {"csv", TEXT("text/csv")},
    {"data", MIME_BYTES},
    {"gguf", MIME_BYTES},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", TEXT("text/html")},
    {"html", TEXT("text/html")},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", TEXT("text/javascript")},
    {"json", "application/json"},
    {"jsonl", TEXT("text/plain")},
    {"map", "application/json"},
    {"md", TEXT("text/markdown")},
    {"mjs", TEXT("text/javascript")},
    {"model", MIME_BYTES},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"msgpack", "application/vnd.msgpack"},
    {"npy", MIME_BYTES},
    {"npz", MIME_BYTES},
    {"ogg", "audio/ogg"},
    {"onnx", MIME_BYTES},
    {"onnx_data", MIME_BYTES},
    {"ort", MIME_BYTES},
    {"otf", "font/otf"},
    {"params", MIME_BYTES},
    {"pb", MIME_BYTES},
    {"pbtxt", TEXT("text/plain")},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"safetensors", MIME_BYTES},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"task", MIME_BYTES},
    {"tflite", MIME_BYTES},
    {"ttf", "font/ttf"},
    {"txt", TEXT("text/plain")},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", TEXT("text/xml")},
    {"yaml", TEXT("text/plain")},
    {"yml", TEXT("text/plain")},
    {"zip", "application/zip"},
};

static int
compare_row(const void *key, const void *row)
{
    return strcasecmp(key, ((const struct row *) row)->extension);
}

/* What follows the last dot of the last segment. NULL where there is none; the dot that a hidden
 * file's name begins with starts no extension. */
static const char *
extension_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    return dot == NULL || dot == name || dot[1] == '\0' ? NULL : dot + 1;
}

const char *
mime_find(const char *path)
{
    const char *extension = extension_of(path);
    const struct row *row;

    if (extension == NULL)
        return MIME_BYTES;
    row = bsearch(extension, table, COUNT_OF(table), sizeof(table[0]), compare_row);
    return row != NULL ? row->type : NULL;
}

const char *
mime_of(const char *path)
{
    const char *type = mime_find(path);

    return type != NULL ? type : MIME_BYTES;
}

static bool
ends_with(const char *text, size_t n, const char *end)
{
    const size_t end_n = strlen(end);

    return n > end_n && strncasecmp(text + n - end_n, end, end_n) == 0;
}

bool
mime_is_text(const char *content_type)
{
    static const char *const others[] = {
        "application/json",
        "application/javascript",
        "application/ecmascript",
        "application/xml",
    };

    if (content_type == NULL)
        return false;

    const size_t n = strcspn(content_type, "; \t");

    if (strncasecmp(content_type, "text/", 5) == 0)
        return true;
    /* Structured syntaxes (RFC 6838 §4.2.8): image/svg+xml, application/manifest+json ... */
    if (ends_with(content_type, n, "+json") || ends_with(content_type, n, "+xml"))
        return true;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (strlen(others[i]) == n && strncasecmp(content_type, others[i], n) == 0)
            return true;
    }
    return false;
}

bool
mime_shrinks(const char *content_type)
{
    static const char wasm[] = "application/wasm";

    return mime_is_text(content_type) ||
           (content_type != NULL && strlen(wasm) == strcspn(content_type, "; \t") &&
            strncasecmp(content_type, wasm, strlen(wasm)) == 0);
}
