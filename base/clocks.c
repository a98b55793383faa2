/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks, each under a name that says which.
 *
 * Deadlines are kept on the monotonic clock: the wall clock jumps when a laptop's time is set. The
 * coarse clocks are a few nanoseconds to read and a few milliseconds behind, which is near enough
 * for what is told in seconds. The wall clock is for what is written down and sent: dates, and ages
 * that must survive a restart; it is the one that the kernel stamps files with.
 *
 * Any thread. None of these clocks can fail on a Linux that this program starts on. */
#include "clocks.h"

#include <time.h>

static uint64_t
read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

uint64_t
clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

uint64_t
clock_coarse_ms(void)
{
    return read_ms(CLOCK_MONOTONIC_COARSE);
}

int64_t
clock_wall_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}
