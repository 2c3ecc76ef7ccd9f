/* SPDX-License-Identifier: MIT */
/*
 * The seam: what the portable half asks of an architecture. arch/x86 implements it, tests/host
 * fakes it. Most of it is declared here; the rest is declared with its subject:
 *
 *   hypercall.h        the do_*() of hypercalls that only an architecture has, with the others,
 *                      since the hypercall table (hypercall.c) names them all
 *   irq.h              hardware interrupts of guests: arch_nr_pirqs(), arch_pirq_bind(),
 *                      arch_pirq_unbind(), pirq_get(), pirq_free_all()
 *   lib.h, options.h   panic(), and hv_options, which the boot part fills in
 *   percpu.h           cpus[], which the architecture allocates
 *   asm/page.h         frame_table, max_page, and the direct map
 *   asm/tlb.h          tlb_clock(), tlb_relax() and the flushes, in line on hot paths
 *   asm/guest_access.h the copies behind get_guest() and put_guest() of guest_access.h
 *   asm/domain.h, asm/cpu.h  the architecture's parts of struct vcpu, struct domain, struct cpu
 *   asm/config.h       sizes and limits: PAGE_SIZE, NR_CPUS, STACK_SIZE
 *   asm/current.h, asm/system.h, asm/time.h, asm/hypercall.h  what has to be in line: the current
 *                      vCPU, the interrupt flag, now(), the registers of a hypercall
 *
 * version.c also reads hv_build_id_note, which the linker script places. A function returns 0 or a
 * negative errno, unless it says otherwise; it is called with interrupts on and without a spin
 * lock, unless it says so.
 */
#ifndef BULKHEAD_ARCH_H
#define BULKHEAD_ARCH_H

#include <asm/tlb.h>

#include "domain.h"

union xen_domctl_u;
struct xen_domctl;
struct xen_sysctl;

/* ---- domains and vCPUs ---- */

/*
 * The architecture's part of a domain or vCPU: tables, areas for registers. The _destroy()
 * functions undo what _create() did, when nobody has a pointer to the object any longer.
 * domain_create() has checked @config.
 * @return -XEN_ENOMEM
 */
int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config);
void arch_domain_destroy(struct domain *d);
int arch_vcpu_create(struct vcpu *v);
/*
 * @return how much memory a vCPU takes: struct vcpu, and behind it what the architecture keeps
 * there. It is more than half a page, and so begins with a page.
 */
size_t arch_vcpu_size(void);
void arch_vcpu_destroy(struct vcpu *v);
/*
 * A dying domain gives back its base pointers, descriptor tables, pins and tables. Its vCPUs are
 * off their CPUs.
 * @return -ERESTART: preempted, to be called again
 */
int arch_domain_relinquish(struct domain *d);
/*
 * The part of vcpu_set_context(): gives @v a context or leaves it as it was. @ctx is a copy
 * of ours. Locks: the domain's context_lock is held.
 * @return -XEN_EINVAL; -XEN_EOPNOTSUPP: a vCPU that has a context keeps its tables; -ERESTART:
 * preempted, to be called again
 */
struct vcpu_guest_context;
int arch_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx);
/* Writes the context of @v, which does not run or is current, into @ctx. */
void arch_get_context(struct vcpu *v, struct vcpu_guest_context *ctx);
/* Takes the context of @v away, which is paused. Locks: the domain's is held. */
int arch_vcpu_reset(struct vcpu *v);
/* Makes an NMI pending for @v: its NMI callback is entered at its next return to the guest. */
void arch_raise_nmi(struct vcpu *v);
/* SOFTIRQ_NMI: gives dom0 an NMI that the hardware raised. */
void arch_nmi_softirq(void);
/*
 * Says that the current vCPU has got an old table (page.h): it calls page_finish_old_tables() on
 * its way out, and does not get out before that returns 0.
 */
void arch_old_tables_left(void);
/* Acts on a change of d->vm_assist. */
void arch_vm_assist_changed(struct domain *d);

/*
 * Switches this CPU from @prev to @next, another vCPU that the scheduler chose: saves the registers
 * of @prev and loads page tables, segments, FPU and debug registers of @next. Interrupts are off,
 * and stay off; the caller then leaves through arch_resume().
 */
void arch_context_switch(struct vcpu *prev, struct vcpu *next);
/* Leaves to the current vCPU (guest or idle loop) on a fresh stack. */
void arch_resume(void) __noreturn;

/*
 * This CPU does something long for dom0, which is not a hang. The caller runs where its CPU serves
 * softirqs, or in one of them.
 */
void watchdog_touch(void);
/* Logs registers and stack of @v for domain_crash(). */
void arch_dump_vcpu(struct vcpu *v);
/*
 * Interrupts @cpu so that it passes through its exit path. (A vCPU runs there, perhaps in guest
 * mode.)
 */
void arch_kick_cpu(unsigned int cpu);

/* Writes the vCPU's run-state and secondary-time areas into guest memory, or remembers to do so. */
void arch_update_guest_areas(struct vcpu *v);
/*
 * Maps guest frame @mfn for us. The caller holds a general count and a type count of writable on
 * it.
 * @return its address, which arch_unmap_guest_page() takes back
 */
void *arch_map_guest_page(mfn_t mfn);
void arch_unmap_guest_page(void *p);

/* Writes the parameters of system time into v->info->time. */
void arch_update_time_record(struct vcpu *v);
/* Writes the wall clock into d->shared_info. */
void arch_update_wallclock(struct domain *d);
/*
 * Sets the wall clock, for XENPF_settime: @secs and @nsecs since 1970 at system time @system_time
 * (ns).
 */
void arch_set_wallclock(u64 secs, u32 nsecs, u64 system_time);

/* ---- sub-operations that only the architecture knows ---- */
struct xen_arch_domainconfig;
/*
 * May a domain be created with @config?
 * @return 0; -XEN_EINVAL: unknown flags; -XEN_EOPNOTSUPP: flags that PV domains cannot have
 */
int arch_domain_config_check(const struct xen_arch_domainconfig *config);
/*
 * The operations that the portable half does not know.
 * @copyback: set when the guest is to get @op back
 * @return -XEN_ENOSYS: the architecture does not know @op either
 */
long arch_domctl(struct domain *d, struct xen_domctl *op, unsigned long u_domctl, bool *copyback);
/*
 * Serves the operations that need to know the CPU: physinfo, cputopoinfo, numainfo, cpu_policy and
 * others. The caller has checked privilege and version.
 * @return -XEN_ENOSYS: an unknown operation
 */
long arch_sysctl(struct xen_sysctl *op, unsigned long u_sysctl, bool *copyback);
/*
 * Fills all of @use but what domains take.
 * @return how many bytes of the fixed part were allocated from the heap
 */
struct bulkhead_sysctl_memory_use;
unsigned long arch_memory_use(struct bulkhead_sysctl_memory_use *use);
long arch_memory_op(unsigned long cmd, unsigned long arg);

/* ---- memory ---- */

/*
 * Write and read the entry of @mfn in the machine-to-physical table: INVALID_M2P_ENTRY, or a
 * pseudo-physical frame number.
 */
void arch_set_m2p(mfn_t mfn, unsigned long pfn);
unsigned long arch_get_m2p(mfn_t mfn);
#define INVALID_M2P_ENTRY (~0UL)

/*
 * Check or take apart the contents of a frame of @type for page_type.c. Validation continues at
 * entry pg->done and leaves there how far it came. Taking apart goes down from pg->done, after the
 * table that entry pg->done refers to.
 * @return 0; -ERESTART: preempted (only with @preemptible); for validation also an error
 */
int arch_validate_page(struct page *pg, u64 type, bool preemptible);
int arch_invalidate_page(struct page *pg, u64 type, bool preemptible);

/*
 * Flushes those CPUs of @mask that were not flushed since the clock showed @stamp. asm/tlb.h gives
 * the clock, u32 tlb_clock(void), which every full flush of a CPU advances.
 */
void tlb_flush_stale(const cpumask_t *mask, u32 stamp);
/*
 * Stamps @pg: from now on translations of it may be stale. A stamp of 0 says that there are none,
 * so while the clock shows 0 the stamp is 1, which is later.
 */
static inline void page_stamp(struct page *pg)
{
    u32 now = tlb_clock();

    pg->stamp = now ? now : 1;
}

/*
 * Grant mappings: makes or removes the L1 entry of current's address space that maps a granted
 * frame, as GNTTABOP_map_grant_ref's host_addr and flags say (a virtual address, or with
 * GNTMAP_contains_pte the machine address of an entry). The caller took the references that the
 * mapping holds (a general count; with a writable mapping also a type count): once GNTST_okay is
 * returned by _map they belong to the entry, and _unmap and _replace give them back. An entry that
 * the guest overwrites or drops with its table takes them along. Only RAM is granted, and mapped
 * cached: GTF_PWT, GTF_PCD and GTF_PAT are ignored, as by Xen.
 * @return GNTST_okay or another GNTST_*
 */
int arch_grant_map(u64 host_addr, mfn_t frame, unsigned int flags);
int arch_grant_unmap(u64 host_addr, mfn_t frame, unsigned int flags);
/* GNTTABOP_unmap_and_replace. */
int arch_grant_replace(u64 host_addr, mfn_t frame, u64 new_addr, unsigned int flags);
/*
 * Flushes the translations that unmapped grant entries may have left in TLBs, before their pins are
 * dropped.
 */
void arch_grant_flush(const struct domain *d);
/*
 * Writes a piece of a frame back to main memory and takes it out of the caches of all CPUs.
 * Afterwards a read finds what was written past the caches before. With @invalidate the piece need
 * not be written back. Any context. (tlb.c)
 */
void arch_cache_flush(mfn_t frame, unsigned int offset, unsigned int length, bool invalidate);

/* ---- clocks, interrupts, power ---- */
void arch_set_timer(s_time_t deadline); /* one-shot for this CPU; 0: none needed */
void arch_send_ipi(unsigned int cpu);   /* makes it run its softirqs */
void arch_idle(void);                   /* sti; hlt; cli unless a softirq is pending */
void machine_restart(void) __noreturn;
void machine_poweroff(void) __noreturn;
void machine_halt(void) __noreturn;
/*
 * Ends the machine after a fatal error that was reported: stops it (noreboot), or waits so that
 * somebody can read the error, and restarts.
 */
void machine_give_up(void) __noreturn;

/*
 * This CPU, which is idle and gets no vCPU, goes out of use: the interrupts of devices, and what
 * else comes to it by itself, go elsewhere. It returns when none of these can be under way any
 * longer. Interrupts are on.
 */
void arch_cpu_leave(void);
/* It is back in use, and in cpu_online. */
void arch_cpu_return(void);

/*
 * CPUs 0 to nr_cpus - 1 exist: they are in use, which is what cpu_online says, or dom0 has taken
 * them out of it. A CPU in cpu_online is asked for flushes, and waited for by grace periods.
 */
extern unsigned int nr_cpus;
extern cpumask_t cpu_online;
/* What sysctl physinfo reports. */
extern u64 cpu_khz;

#endif
