/* SPDX-License-Identifier: Apache-2.0 */
/* Ending, or failing, a process at a chosen system call that changes the disk (crash.c). */
#ifndef TORTURE_CRASH_H
#define TORTURE_CRASH_H

enum crash_mode {
    CRASH_OFF,
    CRASH_COUNT,    /* count only */
    CRASH_EXIT,     /* at the n-th call, end at once, as kill -9 does; of a write, half is done */
    CRASH_FAIL,     /* the n-th call fails with ENOSPC */
    CRASH_FAIL_FROM /* it and all later ones do */
};

#define CRASH_EXIT_STATUS 99

/* Begin to count, from 1, for this mode. */
void crash_arm(enum crash_mode mode, unsigned long at);
/* Stop, and say how many calls there were. */
unsigned long crash_disarm(void);

#endif
