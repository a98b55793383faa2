/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table from a failure to an exit status.
 *
 * Scripts rely on it: 0 done, 1 failed, 2 usage or configuration, 3 not found, 4 upstream or
 * network, 5 integrity. The compiler sees to it that every code has its row. A function of its
 * input.
 */
#include "command.h"

int
exit_status_of(enum mh_code code)
{
    switch (code) {
    case MH_OK:
        return 0;
    case MH_BAD_INPUT:
        return EXIT_USAGE;
    case MH_NOT_FOUND:
        return 3;
    case MH_UPSTREAM:
    case MH_UNREACHABLE:
    case MH_TIMEOUT:
        return 4;
    case MH_CORRUPT:
        return 5;
    case MH_DENIED:
    case MH_TOO_LARGE:
    case MH_IO:
    case MH_NO_SPACE:
    case MH_NOMEM:
    case MH_BUSY:
    case MH_CANCELLED:
    case MH_UNSUPPORTED:
        break;
    }
    return 1;
}
