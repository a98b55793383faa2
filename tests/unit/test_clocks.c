/* SPDX-License-Identifier: Apache-2.0 */
#include "clocks.h"
#include "unit.h"

#include <time.h>

static void
each_reads_the_clock_that_it_names(void **state)
{
    uint64_t before = clock_mono_ms();
    uint64_t coarse = clock_coarse_ms();
    struct timespec mono;
    struct timespec wall;

    (void) state;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);

    uint64_t between = (uint64_t) mono.tv_sec * 1000 + (uint64_t) mono.tv_nsec / 1000000;

    assert_true(before <= between && between <= clock_mono_ms());
    assert_true(coarse <= between && coarse + 1000 > before);
    assert_true(clock_wall_s() - wall.tv_sec >= 0 && clock_wall_s() - wall.tv_sec < 60);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_reads_the_clock_that_it_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
