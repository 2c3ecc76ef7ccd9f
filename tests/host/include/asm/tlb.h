/* SPDX-License-Identifier: MIT */
/*
 * The real header, with a hook in the look at the clock. The functions are tlb.c's where a test
 * links it, else those of tests/host/arch.c, which count.
 */
#ifndef HOST_ASM_TLB_H
#define HOST_ASM_TLB_H

#define tlb_clock tlb_clock_now
#include_next <asm/tlb.h>
#undef tlb_clock

extern unsigned long host_tlb_flushes;
/* What another CPU does right after this one has looked at the clock; called once. */
extern void (*host_after_clock)(void);

static inline u32 tlb_clock(void)
{
    void (*other)(void) = host_after_clock;
    u32 now = tlb_clock_now();

    if (other) {
        host_after_clock = NULL;
        other();
    }
    return now;
}

#endif
