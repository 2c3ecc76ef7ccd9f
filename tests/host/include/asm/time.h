/* SPDX-License-Identifier: MIT */
/* System time, as a variable of the test's. */
#ifndef HOST_ASM_TIME_H
#define HOST_ASM_TIME_H

#define now tsc_now
#include_next <asm/time.h>
#undef now

extern s_time_t host_now;

/* In tests/smp other CPUs move it on at the same moment. */
static inline s_time_t now(void)
{
    return __atomic_load_n(&host_now, __ATOMIC_RELAXED);
}

#endif
