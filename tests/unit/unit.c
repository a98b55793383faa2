/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests share and cannot be inline. */
#include "unit.h"

#include <ftw.h>

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void) st;
    (void) kind;
    (void) walk;
    return remove(path);
}

void
test_dir_remove(char *path)
{
    assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(path);
}
