/* SPDX-License-Identifier: Apache-2.0 */
/* meta.c: what can be read is written in a form that reads the same. */
#include "meta.h"

#include "fuzz.h"

#include <string.h>

#define ROOM (1u << 24)

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct meta meta = {0};
    struct meta again = {0};
    struct meta copy = {0};
    struct mh_fault fault = {0};
    struct buf text = BUF_INIT(ROOM);
    struct buf second = BUF_INIT(ROOM);
    enum mh_code code = meta_read((const char *) bytes, n, &meta, &fault);

    fuzz_check((code == MH_OK) == (fault.sentence[0] == '\0'));
    if (code == MH_OK) {
        meta_write(&meta, &text);
        fuzz_check(buf_is_ok(&text));
        fuzz_check(meta_read(buf_text(&text), text.length, &again, NULL) == MH_OK);
        fuzz_check(meta_copy(&again, &copy) == MH_OK);
        meta_write(&copy, &second);
        fuzz_check(strcmp(buf_text(&text), buf_text(&second)) == 0);
    }
    meta_done(&meta);
    meta_done(&again);
    meta_done(&copy);
    buf_done(&text);
    buf_done(&second);
    return 0;
}
