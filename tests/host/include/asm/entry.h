/* SPDX-License-Identifier: MIT */
/* The way out to a guest on the host: back to the caller of host_run_softirqs(). */
#ifndef HOST_ASM_ENTRY_H
#define HOST_ASM_ENTRY_H

#include_next <asm/entry.h>

#undef reset_stack_and_jump
#define reset_stack_and_jump(fn)  \
    do {                          \
        void (*_fn)(void) = (fn); \
        (void)_fn;                \
        host_leave();             \
    } while (0)

void host_leave(void) __noreturn;

#endif
