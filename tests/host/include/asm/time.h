/* SPDX-License-Identifier: MIT */
/* System time, as a variable of the test's. */
#ifndef ASM_TIME_H
#define ASM_TIME_H

#include <types.h>

extern s_time_t host_now;

static inline s_time_t now(void)
{
    return host_now;
}

#endif
