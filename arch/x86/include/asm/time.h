/* SPDX-License-Identifier: MIT */
/*
 * System time from the TSC. The same numbers stand in the ABI's per-vCPU time record (as
 * tsc_to_system_mul and tsc_shift), so guest and hypervisor agree on the time to within one tick.
 */
#ifndef ASM_TIME_H
#define ASM_TIME_H

#include <asm/current.h>
#include <asm/msr.h>

#define CLOCK_SCALE_SHIFT 60

/* Nanoseconds that @ticks of a counter last; @scale as in struct cpu_clock. */
static inline u64 clock_ticks_to_ns(u64 ticks, u64 scale)
{
    return (u64)((unsigned __int128)ticks * scale >> CLOCK_SCALE_SHIFT);
}

static inline s_time_t now(void)
{
    const struct cpu_clock *c = &get_cpu_info()->clock;

    return c->ns_base + (s_time_t)clock_ticks_to_ns(rdtsc() - c->tsc_base, c->scale);
}

/*
 * Boot: measures the TSC and the local APIC's timer against the best reference (@reference: "hpet",
 * "acpi", "pit" or empty), starts system time at 0 and reads the wall clock. Needs ACPI, local
 * APIC. panic() when nothing works.
 */
void time_init(const char *reference);

/* Another CPU's part of time_init(), run on it. */
void time_cpu_init(void);

struct vcpu;
struct vcpu_time_info;
/* What the time record of @v says at present, all but the version. */
void time_get_record(const struct vcpu *v, struct vcpu_time_info *rec);
/*
 * Writes the secondary record at guest address @addr under the version protocol (odd while it
 * changes), in the address space loaded now. False: a fault; the record may be left with an odd
 * version, to be written again.
 */
bool time_write_secondary(struct vcpu *v, unsigned long addr);

#endif
