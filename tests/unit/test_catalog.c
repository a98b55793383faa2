/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.c and the table: every row is sound, choices lead to the files that exist. */
#include "catalog.h"
#include "fault.h"
#include "unit.h"

#include <modelhost/code.h>

struct url_case {
    const char *name;
    const char *given[CATALOG_PARAM_COUNT];
    enum mh_code code;
    const char *path; /* of slot 0; or a piece of the sentence */
};

#define ARCH(v)   [CATALOG_ARCHITECTURE] = (v)
#define STRIDE(v) [CATALOG_OUTPUT_STRIDE] = (v)
#define MULT(v)   [CATALOG_MULTIPLIER] = (v)
#define QUANT(v)  [CATALOG_QUANT_BYTES] = (v)
#define BODYPIX   "savedmodel/bodypix/"

static const struct url_case url_cases[] = {
    {"bodypix", {0}, MH_OK, BODYPIX "mobilenet/float/075/model-stride16.json"},
    {"Body-Pix", {MULT("1")}, MH_OK, BODYPIX "mobilenet/float/100/model-stride16.json"},
    {"bodypix",
     {MULT("1.0"), STRIDE("32")},
     MH_OK,
     BODYPIX "mobilenet/float/100/model-stride32.json"},
    {"bodypix",
     {MULT(".5"), QUANT("2")},
     MH_OK,
     BODYPIX "mobilenet/quant2/050/model-stride16.json"},
    {"bodypix", {ARCH("resnet50")}, MH_OK, BODYPIX "resnet50/float/model-stride16.json"},
    {"bodypix",
     {ARCH("ResNet50"), STRIDE("32"), QUANT("1")},
     MH_OK,
     BODYPIX "resnet50/quant1/model-stride32.json"},
    {"bodypix", {STRIDE("32")}, MH_NOT_FOUND, "--output-stride 32 --multiplier 0.75"},
    {"bodypix", {ARCH("ResNet50"), STRIDE("8")}, MH_NOT_FOUND, "--output-stride 8"},
    {"bodypix", {ARCH("ResNet50"), MULT("0.5")}, MH_NOT_FOUND, "--multiplier 0.5"},
    {"bodypix", {ARCH("VGG")}, MH_NOT_FOUND, "--architecture VGG"},
    {"bodypix", {QUANT("3")}, MH_NOT_FOUND, "--quant-bytes 3"},
    {"bodypix", {STRIDE("16x")}, MH_NOT_FOUND, "--output-stride 16x"},
    {"bodypix", {STRIDE("")}, MH_NOT_FOUND, "no 'bodypix"},
    {"bodypix", {[CATALOG_ALPHA] = "1"}, MH_BAD_INPUT, "takes no --alpha"},
    {"toxicity", {QUANT("4")}, MH_BAD_INPUT, "takes no --quant-bytes"},
    {"mobilenet",
     {[CATALOG_MODEL_VERSION] = "2"},
     MH_OK,
     "google/imagenet/mobilenet_v2_100_224/classification/2/model.json?tfjs-format=file"},
    {"deeplab",
     {0},
     MH_OK,
     "tensorflow/tfjs-model/deeplab/pascal/1/quantized/2/1/model.json?tfjs-format=file"},
    {"deeplab",
     {[CATALOG_QUANTIZATION_BYTES] = "4", [CATALOG_BASE] = "ade20k"},
     MH_OK,
     "tensorflow/tfjs-model/deeplab/ade20k/1/default/1/model.json?tfjs-format=file"},
    {"movenet",
     {[CATALOG_MODEL_TYPE] = "multipose.lightning"},
     MH_OK,
     "google/tfjs-model/movenet/multipose/lightning/1/model.json?tfjs-format=file"},
    {"coco-ssd", {0}, MH_OK, "savedmodel/ssdlite_mobilenet_v2/model.json"},
    {"face_mesh", {0}, MH_OK, "@mediapipe/face_mesh@0.4.1657299874/"},
    {"hand-pose-mediapipe",
     {[CATALOG_MODEL_TYPE] = "lite"},
     MH_OK,
     "@mediapipe/hands@0.4.1675469240/"},
};

static void
main_path(const struct catalog_entry *entry, const struct catalog_choice *choice, struct buf *path)
{
    for (size_t i = 0; i < entry->file_count; i++) {
        if (entry->files[i].slot == 0 && catalog_path(&entry->files[i], choice, path))
            return;
    }
}

static void
test_choices(void **state)
{
    for (size_t i = 0; i < COUNT(url_cases); i++) {
        const struct url_case *row = &url_cases[i];
        const struct catalog_entry *entry = NULL;
        struct catalog_choice choice;
        struct mh_fault fault = {0};
        struct buf path = BUF_INIT(1000);

        CHECK(row->path, catalog_find(row->name, &entry, &fault) == MH_OK);
        CHECK(row->path, catalog_choose(entry, row->given, &choice, &fault) == row->code);
        if (row->code == MH_OK) {
            main_path(entry, &choice, &path);
            CHECK_TEXT(row->path, buf_text(&path), row->path);
        } else {
            CHECK(fault.sentence, strstr(fault.sentence, row->path) != NULL);
        }
        buf_done(&path);
    }
}

static void
test_names(void **state)
{
    const struct catalog_entry *entry = NULL;
    struct mh_fault fault = {0};

    assert_int_equal(catalog_find("bodypixx", &entry, &fault), MH_NOT_FOUND);
    assert_non_null(strstr(fault.sentence, "did you mean 'bodypix'"));
    assert_int_equal(catalog_find("zzzzzzzz", &entry, &fault), MH_NOT_FOUND);
    for (size_t i = 0; i < catalog_entry_count; i++) {
        CHECK(catalog_entries[i].name,
              catalog_find(catalog_entries[i].name, &entry, &fault) == MH_OK &&
                  entry == &catalog_entries[i]);
    }
}

/* --- every row --- */

static bool
check_file(const struct catalog_file *file, const char *path, void *arg)
{
    size_t *count = arg;

    CHECK(path, strpbrk(path, "{}") == NULL && path[0] != '/' && path[0] != '\0');
    CHECK(path, strcmp(file->mirror, "tfjs-models") == 0 || strcmp(file->mirror, "tfhub") == 0 ||
                    strcmp(file->mirror, "npm") == 0);
    CHECK(path, path[strlen(path) - 1] != '/');
    CHECK(path, strcmp(file->mirror, "tfhub") != 0 || strstr(path, "?tfjs-format=file") != NULL);
    CHECK(path, strstr(path, "//") == NULL);
    (*count)++;
    return true;
}

/* Every word of a row's text is a parameter's name with values. */
static void
check_values(const char *name, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "=");
        bool is_known = false;

        for (int i = 0; i < CATALOG_PARAM_COUNT; i++)
            is_known = is_known || (strlen(catalog_params[i].name) == n &&
                                    strncmp(catalog_params[i].name, text, n) == 0);
        CHECK(name, is_known && text[n] == '=' && text[n + 1] != ' ' && text[n + 1] != '\0');
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
}

static void
test_table(void **state)
{
    const char *const none[CATALOG_PARAM_COUNT] = {0};

    for (size_t i = 0; i < catalog_entry_count; i++) {
        const struct catalog_entry *entry = &catalog_entries[i];
        struct catalog_choice choice;
        struct mh_fault fault = {0};
        size_t count = 0;

        CHECK(entry->name, entry->file_count > 0 && entry->file_count <= CATALOG_FILES_MAX);
        for (size_t d = 0; d < CATALOG_DEFAULTS_MAX; d++)
            check_values(entry->name, entry->defaults[d]);
        for (size_t f = 0; f < entry->file_count; f++) {
            check_values(entry->name, entry->files[f].values);
            /* What npm has is a folder, or lies in one. */
            CHECK(entry->name, (strcmp(entry->files[f].mirror, "npm") == 0) ==
                                   (catalog_is_folder(&entry->files[f]) ||
                                    catalog_is_beside(entry, &entry->files[f])));
        }
        CHECK(entry->name, catalog_choose(entry, none, &choice, &fault) == MH_OK);
        catalog_each(entry, check_file, &count);
        CHECK(entry->name,
              count + (catalog_is_folder(&entry->files[0]) ? 1 : 0) >= entry->file_count);
    }
}

static bool
count_file(const struct catalog_file *file, const char *path, void *arg)
{
    size_t *count = arg;

    (*count)++;
    return true;
}

static void
test_bodypix_family(void **state)
{
    const struct catalog_entry *entry = NULL;
    struct mh_fault fault = {0};
    struct buf out = BUF_INIT(10000);
    size_t count = 0;

    assert_int_equal(catalog_find("bodypix", &entry, &fault), MH_OK);
    catalog_each(entry, count_file, &count);
    assert_int_equal(count, 3 * (2 + 2 + 3) + 3 * 2);
    catalog_write_existing(entry, &out);
    assert_non_null(strstr(buf_text(&out), "  bodypix --architecture ResNet50 --output-stride 16|32"
                                           " --multiplier 1.0 --quant-bytes 4|2|1\n"));
    buf_done(&out);
}

/* --- the 404 --- */

static const struct nearest_case {
    const char *path;
    const char *begins; /* "": nothing is said */
} nearest_cases[] = {
    {BODYPIX "mobilenet/float/075/model-stride32.json",
     BODYPIX "mobilenet/float/075/model-stride8.json, " BODYPIX
             "mobilenet/float/075/model-stride16.json, "},
    {BODYPIX "resnet50/float/model-stride8.json",
     BODYPIX "resnet50/float/model-stride16.json, " BODYPIX "resnet50/float/model-stride32.json, "},
    {BODYPIX "mobilenet/float/075/model-stride16.json", ""},
    {BODYPIX "mobilenet/float/075/group1-shard1of2.bin", ""},
    {"savedmodel/mobilenet_v3/model.json", "savedmodel/ssdlite_mobilenet_v2/model.json"},
    {"mine/model.json", ""},
    {"", ""},
};

static void
test_nearest(void **state)
{
    for (size_t i = 0; i < COUNT(nearest_cases); i++) {
        const struct nearest_case *row = &nearest_cases[i];
        struct buf out = BUF_INIT(10000);

        catalog_write_nearest(row->path, "", &out);
        CHECK(row->path, strncmp(buf_text(&out), row->begins, strlen(row->begins)) == 0);
        CHECK(row->path, (row->begins[0] == '\0') == (out.length == 0));
        buf_done(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices), cmocka_unit_test(test_names),
        cmocka_unit_test(test_table),   cmocka_unit_test(test_bodypix_family),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
