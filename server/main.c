/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's door, kept apart so that tests can link everything behind it.
 */
#include "command.h"

int
main(int argc, char **argv)
{
    return command_main(argc, argv);
}
