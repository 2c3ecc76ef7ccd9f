/* SPDX-License-Identifier: MIT */
/* System time, as a variable of the test's. */
#ifndef HOST_ASM_TIME_H
#define HOST_ASM_TIME_H

#define now tsc_now
#include_next <asm/time.h>
#undef now

extern s_time_t host_now;

static inline s_time_t now(void)
{
    return host_now;
}

#endif
