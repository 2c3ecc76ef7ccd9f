/* SPDX-License-Identifier: MIT */
/*
 * System time from the TSC. The same numbers stand in the ABI's per-vCPU time record (as
 * tsc_to_system_mul and tsc_shift), so guest and hypervisor agree on the time to within one tick.
 */
#ifndef ASM_TIME_H
#define ASM_TIME_H

#include <asm/current.h>
#include <asm/msr.h>
#include <asm/time_scale.h>

/* @return the system time at which this CPU's TSC shows @tsc */
static inline s_time_t time_at(const struct cpu_clock *c, u64 tsc)
{
    return c->ns_base + (s_time_t)ticks_to_ns(tsc - c->tsc_base, c->scale);
}

static inline s_time_t now(void)
{
    return time_at(&get_cpu_info()->clock, rdtsc());
}

/*
 * Boot: measures the TSC and the local APIC's timer against the best reference (@reference: "hpet",
 * "acpi", "pit" or empty), starts system time at 0 and reads the wall clock. Needs ACPI, local
 * APIC. panic() when nothing works.
 */
void time_init(const char *reference);

/* Boot, end: reads the wall clock again, which makes it more exact, and tells the domains. */
void time_settle(void);

/*
 * The part of time_init() that each other CPU runs for itself. @tsc_distance: CPU 0's TSC less its
 * own, in ticks.
 */
void time_cpu_init(s64 tsc_distance);
/* Boot: the TSC of some CPU differs from the others', so guests must not compare them. */
void time_tsc_differs(void);

struct vcpu;
struct vcpu_time_info;
/* Are there CPUs whose TSCs differ? Then the time record of a vCPU changes with its CPU. */
extern bool tscs_differ;
/* Fills in what the time record of @v says at present, all but the version. */
void time_get_record(const struct vcpu *v, struct vcpu_time_info *rec);
/*
 * Writes the secondary record at guest address @addr under the version protocol (odd while it
 * changes), in the address space loaded now.
 * @return false: it faulted; the record may be left with an odd version, to be written again
 */
bool time_write_secondary(struct vcpu *v, unsigned long addr);

#endif
