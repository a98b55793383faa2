/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line options, from one table. Help is generated from it. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "attrs.h"
#include "buf.h"

#include <modelhost/code.h>

#include <stddef.h>

struct command;
struct invocation;

/* Which commands take an option. */
#define OPTIONS_COMMON  0x01u /* every command */
#define OPTIONS_MIRRORS 0x02u /* those that use mirrors */
#define OPTIONS_SERVE   0x04u /* settings of the server */
#define OPTIONS_REPORT  0x08u /* those that report: --json */
#define OPTIONS_PULL    0x10u
#define OPTIONS_CONFIG  0x20u
#define OPTIONS_CATALOG 0x100u /* those that name a model by the catalog: its parameters */
#define OPTIONS_URL     0x200u
#define OPTIONS_DOCTOR  0x400u
#define OPTIONS_VERIFY  0x1000u
#define OPTIONS_EXPORT  0x8000u

/* Read a command's arguments.
 *
 * argv  argv[0] is the command's name; its order may be changed; borrowed as long as *ret
 * ret   owned by the caller, ended by invocation_done(), whatever is returned
 *
 * Returns OK, BAD_INPUT with a sentence that names the option and the cure, or NOMEM. Uses
 * getopt_long(): one thread at a time. */
MUST_USE enum mh_code options_read(const struct command *command, int argc, char **argv,
                                   struct invocation *ret, struct mh_fault *fault);
void invocation_done(struct invocation *invocation);

/* The list of options of a command, for its help. */
void options_help(unsigned groups, struct buf *out);

#endif
