/* SPDX-License-Identifier: Apache-2.0 */
/* listen_address.c: the first line as an address. What is read and written back is read as the
 * same. */
#include "listen_address.h"

#include "fuzz.h"
#include "fuzz_lines.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_lines lines = fuzz_lines_split(bytes, n);
    struct listen_address first = {0}, second = {0};
    char text[LISTEN_TEXT_SIZE], again[LISTEN_TEXT_SIZE];
    struct sockaddr_storage storage;
    struct mh_fault fault;

    if (listen_address_parse(fuzz_line(&lines, 0), &first, &fault) == MH_OK) {
        listen_address_text(&first, text);
        fuzz_check(listen_address_parse(text, &second, &fault) == MH_OK);
        fuzz_check(strcmp(text, listen_address_text(&second, again)) == 0);
        fuzz_check(first.kind == second.kind && first.port == second.port);
        fuzz_check(first.is_every == second.is_every);
        fuzz_check(listen_address_sockaddr(&first, &storage) > 0);
    }
    fuzz_lines_done(&lines);
    return 0;
}
