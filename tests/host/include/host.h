/* SPDX-License-Identifier: MIT */
/*
 * The portable hypervisor in a host process: what a test can do to the faked machine.
 *
 * tests/host/machine.c  memory, CPUs, guest windows, messages, panic
 * tests/host/arch.c     the architecture's half of arch.h and of hypercalls; a test that links the
 *                       real one gets that
 * tests/host/instructions.c  the registers behind asm/instructions.h
 * tests/host/memory.c   the real page allocator, with failures on demand; small objects from
 *                       malloc, so that the
 *                       address sanitizer watches them
 *
 * One host thread is all CPUs: host_run_on() says which. Nothing happens by itself: time passes
 * when the test sets host_now (asm/time.h), softirqs run in host_run_softirqs().
 */
#ifndef HOST_H
#define HOST_H

#include <arch.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <percpu.h>
#include <sched.h>
#include <softirq.h>

#define HOST_CPUS 128U
#define PV_CPUS   4U /* of them, what a machine of PV domains has (tests/fuzz/pv_machine.h) */

/* ---- the machine ---- */

/*
 * Memory of @frames frames, all in the allocator, and @nr CPUs; everything as at power-on. First
 * call of each test.
 */
void host_boot_memory(unsigned long frames, unsigned int nr);
/*
 * The same, and the subsystems up to sched_start(), with idle vCPUs as the current ones. CPUs above
 * number 0 have no scheduler.
 */
void host_boot(unsigned long frames);
extern unsigned int host_boot_cpus; /* how many that makes; 1 unless a test says otherwise */
/* From now on the caller is CPU @cpu. */
void host_run_on(unsigned int cpu);
/* From now on @v is current (on CPU 0), without the scheduler's doing. */
void host_become(struct vcpu *v);
/*
 * Runs softirqs of this CPU until none is pending; survives that one leaves through arch_resume().
 */
void host_run_softirqs(void);
/* Enough of them that everything deferred is done: grace periods, too. */
void host_settle(void);
/* Lets time pass; timers that came due run. */
void host_advance(s_time_t ns);

extern s_time_t host_hw_timer;     /* the last argument of arch_set_timer() */
extern unsigned long host_kicks;   /* arch_kick_cpu() calls */
extern unsigned long host_dumps;   /* arch_dump_vcpu() calls */
extern unsigned int host_restarts; /* machine_restart() and poweroff */

/* ---- failures ---- */

/* The @n-th allocation from now on fails (1: the next); 0: none. */
void host_fail_allocation(unsigned long n);
/* Called before it does, if not NULL: what another CPU does meanwhile. */
extern void (*host_before_failure)(void);
/* What another CPU does while this one makes its next object with xzalloc; called once. */
extern void (*host_at_object)(void);
/* Was the failure asked for used up? */
bool host_failed(void);
/* Objects allocated with xzalloc and not freed. */
unsigned long host_objects(void);

/*
 * Runs @fn(@arg), which is expected to panic; false: it did not. For tests of our own assertions.
 */
bool host_panics(void (*fn)(void *arg), void *arg);

/* What printk_guest() and printk() were given lately on this thread; a test may empty them. */
extern __thread char host_guest_log[], host_console_log[];
/* The C library's, whose header does not go with lib.h. */
char *strstr(const char *text, const char *part);

/* ---- guest memory and hypercalls ---- */

#define HOST_WINDOW (1UL << 20)
extern char *host_guest; /* HOST_WINDOW bytes that guest addresses may point to */
/* The only piece of the window that does not fault; 0 bytes: all of it. */
void host_guest_limit(unsigned long offset, unsigned long bytes);

#define GUEST(offset) ((unsigned long)host_guest + (offset))

/* Asked for addresses outside of the window: @bytes at @addr, or NULL. */
extern void *(*host_more_guest_memory)(unsigned long addr, unsigned long bytes);

/*
 * Called after each read of guest memory, if it is set: another vCPU of the guest may change what
 * was read at once, so whoever reads it again does not find what was checked.
 */
extern void (*host_after_guest_read)(void *place, unsigned long bytes);

/*
 * Every @n-th look of this CPU at whether a long operation should stop says so; 0: none. All
 * further looks say so too, as on a machine, until the hypercall continues or the vCPU leaves to
 * its guest.
 */
void host_preempt_every(unsigned int n);
/* The current vCPU's way out: softirqs ran, and what it had left to do is done. */
void host_return_to_guest(void);

/* The arguments of hypercall_continue(); nargs 0: it was not called. */
struct host_continuation {
    unsigned int op, nargs;
    unsigned long args[6];
};
extern struct host_continuation host_continuations[HOST_CPUS];
#define host_continued host_continuations[smp_processor_id()] /* on this CPU */
#define HOST_CONTINUED (-1000L) /* what hypercall_continue() returns */

/*
 * The hypercall as a guest would see it: @fn with its arguments, again as long as it wants to be
 * continued. The argument at @op (@size bytes) is copied into the start of the guest window, its
 * address is what the handler gets, and the result is copied back.
 */
long host_call2(long (*fn)(unsigned int cmd, unsigned long arg), unsigned int cmd, void *op,
                unsigned long size);
long host_call1(long (*fn)(unsigned long arg), void *op, unsigned long size);
long host_memory_op(unsigned int cmd, void *op, unsigned long size);
long host_grant_op(unsigned int cmd, void *ops, unsigned long size, unsigned int count);

/* ---- domains ---- */

/*
 * A PV domain with @vcpus vCPUs and @frames frames, unpaused. NULL: not created (host_error says
 * why).
 */
struct domain *host_domain(domid_t id, unsigned int vcpus, unsigned long frames, bool privileged);
extern int host_error;
/* Kills @d until that is complete, and lets everything deferred happen. */
void host_kill(struct domain *d);
/* The n-th frame of @d's list. */
struct page *host_frame(const struct domain *d, unsigned long n);

/* Parts of arch_domain_create and others that a test may want to fail. */
extern int host_arch_domain_error, host_arch_vcpu_error;

/* How many frames the allocator has cleared. */
extern unsigned long host_scrubs;

/* What the faked machine's boot has taken of the heap, as arch_memory_use() says. */
extern unsigned long host_fixed_memory;

/* Page-table entries of the faked arch_grant_map(): by guest address / PAGE_SIZE, 0: none. */
#define HOST_PTES 256U
struct host_pte {
    mfn_t frame;
    bool present, writable;
};
extern struct host_pte host_ptes[HOST_PTES];
/* What another CPU does while the faked arch_grant_unmap() is at work; NULL: nothing. */
extern void (*host_at_grant_unmap)(void);
/*
 * The guest overwrites entry @pte by other means than the grant operations: it gives its counts
 * back.
 */
void host_overwrite_pte(unsigned int i);

#endif
