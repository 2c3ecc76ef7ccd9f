/* SPDX-License-Identifier: MIT */
/*
 * What compilers and static archives expect of a C run time besides the C library proper: ends of
 * the program, and the stack protector's alarm.
 */
#include <guest.h>
#include <public/sched.h>
#include <stdlib.h>

void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
    guest_panic("a stack canary is dead");
}

void abort(void)
{
    guest_panic("abort() called");
}

void exit(int status)
{
    guest_shutdown(status ? SHUTDOWN_crash : SHUTDOWN_poweroff);
}
