/* SPDX-License-Identifier: Apache-2.0 */
/* encode_job.c: a form's file is named after what it is of and what it holds. What the job does is
 * tested with the whole program (tests/http/test_forms.py). */
#include "encode_job.h"

#include "hash.h"
#include "mem.h"
#include "unit.h"

#include <string.h>

static void
test_names(void **state)
{
    static const char *const strangers[] = {"", "x", ".tmp-x", "a.b.gz"};
    uint8_t source[32], own[32], read[32];
    char key[ENCODE_KEY_SIZE], read_key[ENCODE_KEY_SIZE];
    enum mh_encoding encoding = MH_ENCODING_BR;

    (void) state;
    hash_sha256("source", 6, source);
    hash_sha256("own", 3, own);
    hex_encode(source, 32, key);
    for (unsigned i = 0; i < MH_ENCODING_COUNT; i++) {
        char *path = encode_path(key, own, i);

        assert_true(strncmp(path, "encoded/", 8) == 0);
        assert_true(encode_parse(path + 8, read_key, read, &encoding));
        assert_string_equal(read_key, key);
        assert_memory_equal(read, own, 32);
        assert_int_equal(encoding, i);
        path[8] = 'x'; /* no hex digit */
        assert_false(encode_parse(path + 8, read_key, read, &encoding));
        path[8] = key[0];
        path[strlen(path) - 1] = '\0'; /* another suffix */
        assert_false(encode_parse(path + 8, read_key, read, &encoding));
        mem_free(path);
    }
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        assert_false(encode_parse(strangers[i], read_key, read, &encoding));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
