/* SPDX-License-Identifier: Apache-2.0 */
/* name.c: the first line as a target below a mirror, the second as a parameter to ignore, the third
 * as a path in a manifest that lies at the target. */
#include "name.h"

#include "fuzz.h"
#include "fuzz_lines.h"

#include <string.h>

static void
check_place(const char *name)
{
    if (!name_is_plain(name))
        return;
    fuzz_check(*name && name[0] != '/' && strncmp(name, "../", 3) != 0);
    fuzz_check(!strstr(name, "/../") && !strstr(name, "//") && strncmp(name, "%/", 2) != 0);
}

/* There and back again gives the same name, and so does the name as text. */
static void
check_round_trips(const char *name, size_t room)
{
    struct buf target = BUF_INIT(room);
    struct buf again = BUF_INIT(room);
    struct buf text = BUF_INIT(room);
    struct buf read = BUF_INIT(room);

    name_to_target(name, &target);
    fuzz_check(name_from_target(buf_text(&target), NULL, &again, NULL) == MH_OK);
    fuzz_check(strcmp(buf_text(&again), name) == 0);
    name_to_text(name, &text);
    name_from_text(buf_text(&text), &read);
    fuzz_check(strcmp(buf_text(&read), name) == 0);
    fuzz_check(name_path_length(name) <= strlen(name));
    buf_done(&target);
    buf_done(&again);
    buf_done(&text);
    buf_done(&read);
}

/* Whatever a manifest names lies in its folder, and is a name like any other. */
static void
check_join(const char *manifest, const char *name, const char *entry, size_t room)
{
    struct buf target = BUF_INIT(room);
    struct buf joined = BUF_INIT(room);
    size_t folder = name_path_length(name);

    while (folder > 0 && name[folder - 1] != '/')
        folder--;
    if (name_join(manifest, entry, &target, NULL) == MH_OK) {
        enum mh_code code = name_from_target(buf_text(&target), NULL, &joined, NULL);

        fuzz_check(code == MH_OK);
        fuzz_check(strncmp(buf_text(&joined), name, folder) == 0);
        fuzz_check(name_path_length(buf_text(&joined)) > folder);
    }
    buf_done(&target);
    buf_done(&joined);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    const char *below = fuzz_line(&lines, 0);
    const char *const ignored[] = {fuzz_line(&lines, 1), NULL};
    size_t room = 40 * (n + 16);
    struct buf name = BUF_INIT(room);
    struct buf less = BUF_INIT(room);

    if (name_from_target(below, NULL, &name, NULL) == MH_OK) {
        check_place(buf_text(&name));
        check_round_trips(buf_text(&name), room);
        check_join(below, buf_text(&name), fuzz_line(&lines, 2), room);
        fuzz_check(name_from_target(below, ignored, &less, NULL) == MH_OK);
        fuzz_check(less.length <= name.length);
        check_round_trips(buf_text(&less), room);
    }
    buf_done(&name);
    buf_done(&less);
    fuzz_lines_done(&lines);
    return 0;
}
