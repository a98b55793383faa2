/* SPDX-License-Identifier: Apache-2.0 */
/* cargo.c: what can be read is written in a form that reads the same, and no path leads out. */
#include "fuzz.h"
#include "mem.h"

#include <modelhost/cargo.h>

#include <string.h>

static void
check_path(const char *path)
{
    fuzz_check(path[0] != '/' && strchr(path, '/') != NULL && strstr(path, "//") == NULL);
    fuzz_check(strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL);
    fuzz_check(strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
    fuzz_check(strpbrk(path, "\\\n\r") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct mh_cargo cargo = {0};
    struct mh_cargo again = {0};
    struct mh_fault fault = {0};
    char *text = NULL;
    char *second = NULL;
    size_t length = 0;
    size_t second_length = 0;
    enum mh_code code = mh_cargo_read((const char *) bytes, n, &cargo, &fault);

    fuzz_check((code == MH_OK) == (fault.sentence[0] == '\0'));
    fuzz_check(code == MH_OK || cargo.count == 0);
    for (size_t i = 0; i < cargo.count; i++)
        check_path(cargo.files[i].path);
    if (code == MH_OK && mh_cargo_write(&cargo, &text, &length, NULL) == MH_OK) {
        fuzz_check(mh_cargo_read(text, length, &again, NULL) == MH_OK);
        fuzz_check(again.bytes == cargo.bytes);
        fuzz_check(mh_cargo_write(&again, &second, &second_length, NULL) == MH_OK);
        fuzz_check(strcmp(text, second) == 0);
    }
    mh_cargo_done(&cargo);
    mh_cargo_done(&again);
    mem_free(text);
    mem_free(second);
    return 0;
}
