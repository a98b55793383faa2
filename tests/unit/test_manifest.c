/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.c and format_tfjs.c: which documents are manifests, how many bytes their groups have,
 * and what is wrong with those that no browser could load. */
#include "manifest.h"

#include "mem.h"
#include "name.h"
#include "unit.h"

/* Scan a whole text and read it. */
static enum mh_code
read_text(const char *path, const char *text, struct manifest *ret, bool *ret_is,
          struct mh_fault *fault)
{
    struct json_scan *scan = manifest_scan_new();

    assert_non_null(scan);
    assert_int_equal(json_scan_feed(scan, text, strlen(text), fault), MH_OK);
    assert_int_equal(json_scan_end(scan, fault), MH_OK);
    enum mh_code code = manifest_read(path, scan, ret, ret_is, fault);

    json_scan_free(scan);
    return code;
}

#define WEIGHT(shape, dtype) "{\"name\":\"w\",\"shape\":" shape ",\"dtype\":\"" dtype "\"}"
#define QUANT(shape, dtype, quantization)                                                          \
    "{\"name\":\"w\",\"shape\":" shape ",\"dtype\":\"" dtype "\",\"quantization\":" quantization "}"
#define GROUP(paths, weights) "{\"paths\":[" paths "],\"weights\":[" weights "]}"
#define MODEL(groups)         "{\"modelTopology\":{\"a\":[1]},\"weightsManifest\":[" groups "]}"
#define U8                    "{\"dtype\":\"uint8\",\"min\":-1.5,\"scale\":0.1}"
#define U16                   "{\"dtype\":\"uint16\",\"min\":-1.5,\"scale\":0.1}"
#define F16                   "{\"dtype\":\"float16\"}"

/* One group, its weights, and the bytes they take. */
static const struct {
    const char *weights;
    uint64_t bytes;
} sizes[] = {
    {"", 0},
    {WEIGHT("[2,3]", "float32"), 24},
    {WEIGHT("[2,3]", "int32"), 24},
    {WEIGHT("[2,3]", "bool"), 6},
    {WEIGHT("[2,3]", "complex64"), 48},
    {WEIGHT("[]", "float32"), 4},
    {WEIGHT("[0,3]", "float32"), 0},
    {WEIGHT("[9007199254740991,9007199254740991,0]", "float32"), 0},
    {WEIGHT("[2.0,1e1]", "float32"), 80},
    {QUANT("[2,3]", "float32", U8), 6},
    {QUANT("[2,3]", "int32", U16), 12},
    {QUANT("[2,3]", "float32", F16), 12},
    {WEIGHT("[2,3]", "float32") "," QUANT("[5]", "float32", U8) "," WEIGHT("[]", "bool"), 30},
    {WEIGHT("[2]", "string"), MANIFEST_BYTES_UNKNOWN},
    {WEIGHT("[2]", "string") "," WEIGHT("[2]", "float32"), MANIFEST_BYTES_UNKNOWN},
    {WEIGHT("[2]", "float32") "," WEIGHT("[2]", "string"), MANIFEST_BYTES_UNKNOWN},
};

static void
test_sizes(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct manifest manifest = {0};
        struct mh_fault fault = {0};
        bool is = false;
        char *text = str_printf("{\"weightsManifest\":[{\"paths\":[\"a\"],\"weights\":[%s]}]}",
                                sizes[i].weights);

        CHECK(sizes[i].weights, read_text("m", text, &manifest, &is, &fault) == MH_OK && is);
        CHECK(sizes[i].weights, manifest.group_count == 1 && manifest.part_count == 1);
        CHECK(sizes[i].weights, manifest.groups[0].bytes == sizes[i].bytes);
        CHECK(sizes[i].weights, manifest.parts[0].bytes == sizes[i].bytes);
        CHECK_TEXT(sizes[i].weights, manifest.format->name, "tfjs");
        manifest_done(&manifest);
        mem_free(text);
    }
}

static void
test_groups(void **state)
{
    struct manifest manifest = {0};
    bool is = false;

    (void) state;
    assert_int_equal(read_text("model.json",
                               MODEL(GROUP("\"s1\",\"s2\"", WEIGHT("[7]", "float32")) "," GROUP(
                                   "\"s2\"", WEIGHT("[1]", "bool")) "," GROUP("", "")),
                               &manifest, &is, NULL),
                     MH_OK);
    assert_true(is);
    assert_int_equal(manifest.group_count, 3);
    assert_int_equal(manifest.part_count, 3);
    assert_int_equal(manifest.groups[0].parts, 2);
    assert_int_equal(manifest.groups[0].bytes, 28);
    assert_int_equal(manifest.groups[1].parts, 1);
    assert_int_equal(manifest.groups[1].bytes, 1);
    assert_int_equal(manifest.groups[2].parts, 0);
    assert_string_equal(manifest.parts[1].path, "s2");
    assert_int_equal(manifest.parts[1].group, 0);
    assert_true(manifest.parts[1].bytes == MANIFEST_BYTES_UNKNOWN);
    assert_string_equal(manifest.parts[2].path, "s2");
    assert_int_equal(manifest.parts[2].group, 1);
    assert_int_equal(manifest.parts[2].bytes, 1);
    manifest_done(&manifest);
    assert_int_equal(manifest.part_count, 0);
}

static const struct {
    const char *text;
    const char *says; /* what the sentence must hold */
} bad_rows[] = {
    {"{\"weightsManifest\":{}}", "weightsManifest is not a list"},
    {"{\"weightsManifest\":null}", "weightsManifest is not a list"},
    {"{\"weightsManifest\":[1]}", "weightsManifest[0] is not an object"},
    {"{\"weightsManifest\":[{\"weights\":[]}]}", "weightsManifest[0] has no list of paths"},
    {"{\"weightsManifest\":[{\"paths\":[\"a\"]}]}", "weightsManifest[0] has no list of weights"},
    {MODEL(GROUP("1", "")), "weightsManifest[0].paths[0]"},
    {MODEL(GROUP("\"a\",\"\"", "")), "weightsManifest[0].paths[1]"},
    {MODEL(GROUP("\"a\",\"b\",\"a\"", "")), "names 'a' twice"},
    {MODEL(GROUP("\"a\",\"./a\"", "")), "names './a' twice"},
    {MODEL(GROUP("", WEIGHT("[1]", "bool"))), "names no shard"},
    {MODEL(GROUP("\"a\"", "3")), "weightsManifest[0].weights[0] is not an object"},
    {MODEL(GROUP("\"a\"", "{\"name\":\"w\",\"shape\":[]}")), "('w') has no dtype"},
    {MODEL(GROUP("\"a\"", "{\"shape\":[],\"dtype\":3}")), "weights[0] has no dtype"},
    {MODEL(GROUP("\"a\"", WEIGHT("[1]", "int64"))), "'int64'"},
    {MODEL(GROUP("\"a\"", WEIGHT("[1]", "float16"))), "'float16'"},
    {MODEL(GROUP("\"a\"", WEIGHT("[1]", "bool") "," WEIGHT("[-1]", "bool"))),
     "weights[1] ('w') has a shape whose entry 0"},
    {MODEL(GROUP("\"a\"", WEIGHT("[1,1.5]", "bool"))), "entry 1"},
    {MODEL(GROUP("\"a\"", WEIGHT("[\"1\"]", "bool"))), "entry 0"},
    {MODEL(GROUP("\"a\"", WEIGHT("[null]", "bool"))), "entry 0"},
    {MODEL(GROUP("\"a\"", WEIGHT("{}", "bool"))), "has no shape"},
    {MODEL(GROUP("\"a\"", "{\"name\":\"w\",\"dtype\":\"bool\"}")), "has no shape"},
    {MODEL(GROUP("\"a\"", WEIGHT("[4294967296,4294967296]", "bool"))), "can be counted"},
    {MODEL(GROUP("\"a\"", WEIGHT("[9007199254740991]", "int32"))), "8 PiB"},
    {MODEL(GROUP("\"a\"", WEIGHT("[9007199254740991]", "bool") "," WEIGHT("[1]", "bool"))),
     "8 PiB"},
    {MODEL(GROUP("\"a\"", QUANT("[1]", "float32", "{\"dtype\":\"int8\"}"))), "'int8'"},
    {MODEL(GROUP("\"a\"", QUANT("[1]", "float32", "null"))), "quantization dtype"},
    {MODEL(GROUP("\"a\"", QUANT("[1]", "float32", "{\"dtype\":\"uint8\",\"min\":0}"))),
     "min and scale"},
    {MODEL(GROUP("\"a\"", QUANT("[1]", "int32", F16))), "cannot be quantized to float16"},
    {MODEL(GROUP("\"a\"", QUANT("[1]", "string", U8))), "cannot be quantized to uint8"},
    {MODEL(GROUP("\"a\"", QUANT("[1]", "bool", U8))), "cannot be quantized to uint8"},
    {"{}", "neither model topology or manifest for weights"},
    {"{\"modelTopology\":3}", "neither model topology"},
    {"[]", "not an object"},
    {"3", "not an object"},
};

static void
test_bad(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(bad_rows); i++) {
        struct manifest manifest = {0};
        struct mh_fault fault = {0};
        bool is = false;

        CHECK(bad_rows[i].text,
              read_text("a/model.json", bad_rows[i].text, &manifest, &is, &fault) == MH_BAD_INPUT);
        CHECK(bad_rows[i].text, !is && manifest.format == NULL && manifest.parts == NULL);
        if (!strstr(fault.sentence, bad_rows[i].says) || !strstr(fault.sentence, "'a/model.json'"))
            CHECK_TEXT(bad_rows[i].text, fault.sentence, bad_rows[i].says);
    }
}

static const struct {
    const char *path;
    const char *text;
    bool is_manifest;
    enum mh_code code;
} claim_rows[] = {
    {"a/vocab.json", "[\"the\"]", false, MH_OK},
    {"a/vocab.json", "{}", false, MH_OK},
    {"a/metadata.json", "3", false, MH_OK},
    {"a/anything.json", MODEL(""), true, MH_OK},
    {"a/anything.json", "{\"weightsManifest\":3}", false, MH_BAD_INPUT},
    {"a/model.json", MODEL(""), true, MH_OK},
    {"a/model.json", "{\"modelTopology\":{}}", true, MH_OK},
    {"a/model-stride16.json", "{}", false, MH_BAD_INPUT},
};

static void
test_claims(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(claim_rows); i++) {
        struct manifest manifest = {0};
        bool is = false;

        CHECK(claim_rows[i].text, read_text(claim_rows[i].path, claim_rows[i].text, &manifest, &is,
                                            NULL) == claim_rows[i].code);
        CHECK(claim_rows[i].text, is == claim_rows[i].is_manifest);
        manifest_done(&manifest);
    }
}

static void
test_paths(void **state)
{
    static const struct {
        const char *path;
        bool must_be;
    } rows[] = {
        {"model.json", true},
        {"a/b/model.json", true},
        {"a/model-stride16.json", true},
        {"a/model-stride.json", true},
        {"a/model.json%3Ftfjs-format=file", true},
        {"a/xmodel.json", false},
        {"a/model.jsonx", false},
        {"a/model.json/x", false},
        {"a/model-stride8/x.json", false},
        {"a/MODEL.json", false},
        {"", false},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].path, manifest_path_must_be(rows[i].path) == rows[i].must_be);
}

static void
test_ceiling(void **state)
{
    struct buf text = BUF_INIT(1 << 20);
    struct manifest manifest = {0};
    struct mh_fault fault = {0};
    bool is = false;

    (void) state;
    buf_add_str(&text, "{\"weightsManifest\":[{\"weights\":[],\"paths\":[\"x\"");
    for (int i = 0; i < MANIFEST_MAX_PARTS; i++)
        buf_printf(&text, ",\"%d\"", i);
    buf_add_str(&text, "]}]}");
    assert_int_equal(read_text("m", buf_text(&text), &manifest, &is, &fault), MH_TOO_LARGE);
    assert_non_null(strstr(fault.sentence, "10000"));
    buf_done(&text);
}

/* A topology may be larger than any list of weights; a list of weights may not. */
static void
test_large(void **state)
{
    size_t n = MANIFEST_MAX_TREE + 100;
    struct buf text = BUF_INIT(2 * n);
    struct manifest manifest = {0};
    bool is = false;
    char *filler = mem_calloc(n, 1);

    (void) state;
    memset(filler, 'x', n);
    buf_add_str(&text, "{\"modelTopology\":{\"a\":\"");
    buf_add(&text, filler, n);
    buf_add_str(&text, "\"},\"weightsManifest\":[]}");
    assert_int_equal(read_text("m", buf_text(&text), &manifest, &is, NULL), MH_OK);
    assert_true(is);
    manifest_done(&manifest);
    buf_clear(&text);
    buf_add_str(&text, "{\"weightsManifest\":[\"");
    buf_add(&text, filler, n);
    buf_add_str(&text, "\"]}");
    assert_int_equal(read_text("m", buf_text(&text), &manifest, &is, NULL), MH_TOO_LARGE);
    buf_done(&text);
    mem_free(filler);
}

/* The real ones, where they are at hand. */
static void
test_real(void **state)
{
    static const struct {
        const char *path;
        size_t parts;
        uint64_t bytes;
    } models[] = {
        {"tfjs-models/savedmodel/bodypix/resnet50/float/model-stride16.json", 23, 95745472},
        {"tfjs-models/savedmodel/bodypix/mobilenet/float/050/model-stride16.json", 1, 0},
        {"tfjs-models/savedmodel/bodypix/mobilenet/quant2/075/model-stride8.json", 1, 0},
    };
    const char *root = getenv("MODELHOST_TEST_MODELS");

    (void) state;
    if (!root)
        skip();
    for (size_t i = 0; i < COUNT(models); i++) {
        char *path = str_printf("%s/%s", root, models[i].path);
        FILE *file = fopen(path, "rb");
        static char text[4 << 20];
        struct manifest manifest = {0};
        bool is = false;

        assert_non_null(file);
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        (void) fclose(file);
        CHECK(path, read_text(path, text, &manifest, &is, NULL) == MH_OK && is);
        CHECK(path, manifest.part_count == models[i].parts && manifest.group_count == 1);
        if (models[i].bytes) {
            CHECK(path, manifest.groups[0].bytes == models[i].bytes);
        } else {
            char *slash = strrchr(path, '/');
            char *shard = str_printf("%.*s/%s", (int) (slash - path), path, manifest.parts[0].path);
            FILE *shard_file = fopen(shard, "rb");

            assert_non_null(shard_file);
            assert_int_equal(fseek(shard_file, 0, SEEK_END), 0);
            CHECK(path, (uint64_t) ftell(shard_file) == manifest.groups[0].bytes);
            (void) fclose(shard_file);
            mem_free(shard);
        }
        manifest_done(&manifest);
        mem_free(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_bad),   cmocka_unit_test(test_claims),
        cmocka_unit_test(test_paths), cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_large), cmocka_unit_test(test_real),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
