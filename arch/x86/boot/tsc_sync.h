/* SPDX-License-Identifier: MIT */
/*
 * How far another CPU's TSC is from ours, from readings of theirs between two of ours. Each reading
 * gives bounds of the distance; all of them together are as close as the fastest exchange allows.
 */
#ifndef TSC_SYNC_H
#define TSC_SYNC_H

#include <types.h>

/* Bounds of (their TSC - ours) in ticks. */
struct tsc_bounds {
    s64 low, high;
};

#define TSC_UNBOUNDED ((struct tsc_bounds){.low = INT64_MIN, .high = INT64_MAX})

/* Their TSC showed @theirs at a time at which ours was between @before and @after. */
void tsc_bounds_narrow(struct tsc_bounds *b, u64 before, u64 theirs, u64 after);
/*
 * @return the distance that @b leaves most likely: 0 where that is possible, else the middle. (When
 * the bounds cross, the two do not count at one rate, and no distance stays right.)
 */
s64 tsc_distance(const struct tsc_bounds *b);

/*
 * The exchange: CPU 0 serves one other CPU, until system time @end at most, which measures itself
 * against it. Both call at the same time, with interrupts off.
 */
void tsc_sync_serve(s_time_t end);
/*
 * Also corrects this CPU's TSC, where it has IA32_TSC_ADJUST.
 * @left: receives the distance that is left after that
 * @return the distance that was found at first: CPU 0's TSC - this CPU's, in ticks
 */
s64 tsc_sync_measure(s64 *left);

#endif
