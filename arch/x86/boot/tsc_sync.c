/* SPDX-License-Identifier: MIT */
/* Comparing TSCs when a CPU is brought up: see tsc_sync.h. */
#include "tsc_sync.h"

#include <asm/msr.h>
#include <asm/time.h>
#include <asm/tlb.h>
#include <lib.h>

#define MSR_TSC_ADJUST 0x3b
#define ROUNDS         32U

void __init tsc_bounds_narrow(struct tsc_bounds *b, u64 before, u64 theirs, u64 after)
{
    b->low = MAX(b->low, (s64)(theirs - after));
    b->high = MIN(b->high, (s64)(theirs - before));
}

s64 __init tsc_distance(const struct tsc_bounds *b)
{
    if (b->low <= 0 && b->high >= 0)
        return 0;
    return b->low + (b->high - b->low) / 2;
}

/* Which round the other CPU has asked for, and which CPU 0 has answered, with its TSC then. */
static struct {
    u32 asked, answered;
    u64 tsc;
    bool over;
} exchange __initdata;

/* RDTSC waits neither for what stands before it nor holds up what follows. */
static inline u64 ordered_rdtsc(void)
{
    u64 tsc;

    __asm__ volatile("lfence" ::: "memory");
    tsc = rdtsc();
    __asm__ volatile("lfence" ::: "memory");
    return tsc;
}

void __init tsc_sync_serve(s_time_t end)
{
    u32 answered = 0;

    while (!load_acquire(&exchange.over) && now() < end) {
        u32 asked = load_acquire(&exchange.asked);

        if (asked == answered) {
            tlb_relax();
            continue;
        }
        exchange.tsc = ordered_rdtsc();
        answered = asked;
        store_release(&exchange.answered, answered);
    }
    exchange.asked = exchange.answered = 0;
    exchange.over = false;
}

static s64 __init measure_distance(void)
{
    struct tsc_bounds bounds = TSC_UNBOUNDED;

    for (u32 i = 0; i < ROUNDS; i++) {
        u32 round = exchange.asked + 1;
        u64 before = ordered_rdtsc();

        store_release(&exchange.asked, round);
        while (load_acquire(&exchange.answered) != round)
            tlb_relax();
        tsc_bounds_narrow(&bounds, before, exchange.tsc, ordered_rdtsc());
    }
    return tsc_distance(&bounds);
}

static bool __init has_tsc_adjust(void)
{
    return cpuid(0).eax >= 7 && (cpuid_count(7, 0).ebx >> 1 & 1);
}

s64 __init tsc_sync_measure(s64 *left)
{
    s64 found = measure_distance();

    *left = found;
    if (found && has_tsc_adjust()) {
        wrmsr(MSR_TSC_ADJUST, rdmsr(MSR_TSC_ADJUST) + (u64)found);
        *left = measure_distance();
    }
    store_release(&exchange.over, true);
    return found;
}
