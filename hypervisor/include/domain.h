/* SPDX-License-Identifier: MIT */
/*
 * Domains and virtual CPUs: the objects, their life and how to find them.
 *
 * A domain is created paused and empty, given vCPUs and memory by the toolstack, run, and destroyed
 * in steps that can be preempted. It is found by id. The finder takes a reference (get_domain()) or
 * uses the domain only within the same hypercall: the memory of a dead domain is freed after every
 * CPU has passed through the scheduler (rcu.h).
 *
 * A vCPU has no stack of ours: while it does not run, its registers are in vcpu->arch; while it
 * runs they are at the top of its CPU's stack.
 */
#ifndef BULKHEAD_DOMAIN_H
#define BULKHEAD_DOMAIN_H

#include <asm/domain.h>
#include <public/domctl.h>
#include <public/event_channel.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/xen.h>

#include "cpumask.h"
#include "list.h"
#include "page.h"
#include "rangeset.h"
#include "rcu.h"
#include "sched_cap.h"
#include "sched_fair.h"
#include "spinlock.h"
#include "timer.h"

struct evtchn;
struct evtchn_fifo;
struct grant_table;

#define MAX_VCPUS 128U /* per domain; XEN_LEGACY_MAX_VCPUS of them live in shared_info */

enum domain_dying { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct vcpu {
    struct domain *domain;
    unsigned int id;
    unsigned int processor; /* physical CPU that it runs on or waits for, or ran on last */
    struct vcpu_info
        *info;      /* our mapping of the guest's vcpu_info; never NULL once the vCPU may run */
    mfn_t info_mfn; /* where VCPUOP_register_vcpu_info put it; INVALID_MFN: in shared_info */

    /* Scheduling (sched.c; under the run-queue lock of ->processor). */
    struct fair_vcpu fair; /* the policy's */
    struct vcpu_cap cap;
    s_time_t state_since; /* when ->runstate.state began */
    bool is_running;      /* on a physical CPU now, or its state not yet saved */
    bool on_queue;
    u16 mover; /* the CPU that saves its registers, and then sends it elsewhere, + 1; 0: none */
    int pause_count;           /* vcpu_pause() nesting */
    unsigned long pause_flags; /* VPF_*: runnable only when zero */
    cpumask_t hard_affinity;   /* as it was set: where it may run */
    cpumask_t soft_affinity;   /* and where it runs best */
    cpumask_t may_run;         /* of that what is in force; never empty */
    cpumask_t prefers;         /* part of may_run; never empty */
    struct vcpu_runstate_info runstate;
    u64 down_ns; /* for how long it was down; while it is, that minus the time when it went */
    unsigned long runstate_guest; /* guest virtual address of its run-state area, 0: none */
    unsigned long time_guest;     /* guest virtual address of a secondary time record, 0: none */

    /* Timers (vcpu_time.c). */
    struct timer singleshot;
    struct timer periodic;
    s_time_t periodic_period; /* ns; 0: off */
    s_time_t periodic_last;
    struct timer poll_timer; /* SCHEDOP_poll timeout; VPF_BLOCKED is set while polling */
    s_time_t poll_until;     /* what it is set for; 0: no timeout */

    /* Event channels (event_channel.c; under the domain's event lock). */
    u32 virq_port[NR_VIRQS]; /* 0: not bound */
    int poll_port;           /* SCHEDOP_poll: the one port polled, -1: several, 0: not polling
                              * (vcpu_poll_begin()) */
    bool initialised;        /* has a context */
    bool nmi_pending;
    struct evtchn_fifo_vcpu *fifo;

    struct old_tables old_tables; /* page_type.c */
    struct arch_vcpu arch;
};

#define VPF_DOWN    0U /* bit numbers: not brought up */
#define VPF_BLOCKED 1U /* waits for an event, or polls */

struct domain {
    domid_t id;
    bool privileged;            /* may use the control operations: dom0 */
    bool system;                /* DOMID_IO, DOMID_XEN: own frames, never run */
    u32 owner_id;               /* page_owner_id(), ready for the paths of grants */
    u32 refs;                   /* references; the creation holds one until domain_kill() is done */
    struct rcu_head rcu;        /* its memory goes back after a grace period */
    struct timer destroy_timer; /* and in pieces */
    struct domain *hash_next;   /* by id; read without a lock */
    spinlock_t lock;            /* RANK_DOMAIN */
    spinlock_t pause_lock;      /* RANK_PAUSE: one of its vCPUs stops another */
    spinlock_t context_lock;    /* RANK_CONTEXT: one of its vCPUs gets a context */
    enum domain_dying dying;
    unsigned int teardown_step; /* how far domain_kill() has come */
    xen_domain_handle_t handle;
    u32 create_flags; /* XEN_DOMCTL_CDF_* */
    u64 unique_id;    /* no other domain ever has the same */
    u16 sched_weight; /* share of CPU time relative to others' */
    struct sched_cap cap;
    evtchn_port_t
        suspend_port; /* told of a shutdown with SHUTDOWN_suspend; 0: VIRQ_DOM_EXC instead */

    unsigned int max_vcpus;
    struct vcpu **vcpu; /* max_vcpus pointers; NULL until created */

    /* Run state of the whole. */
    int pause_count;            /* domain_pause() nesting, atomically */
    int controller_pause_count; /* pauses by domctl */
    bool shutting_down;
    bool finishing_shutdown; /* ->shutdown_rcu is in use */
    bool is_shut_down;       /* and none of its vCPUs is on a CPU any longer */
    bool crash_told;         /* somebody tells why it has to be stopped, or has */
    struct rcu_head shutdown_rcu;
    u32 shutdown_code; /* SHUTDOWN_*; -1: none yet */
    bool has_run;      /* the controller has unpaused it: its CPU policy is frozen */
    bool debugger_attached;

    /* Memory (page_alloc.c, memory_reservation.c). */
    spinlock_t page_lock;    /* RANK_PAGE_LIST: the list and the counts */
    struct page_list pages;  /* guest frames, PG_ALLOCATED */
    unsigned long tot_pages; /* = pages still allocated to it */
    unsigned long max_pages;
    unsigned long claimed_pages;     /* free frames set aside for it */
    unsigned long release_left;      /* dying: frames not yet looked at, at most */
    unsigned long hv_pages;          /* frames of ours lent to it */
    struct shared_info *shared_info; /* NULL: a system domain, or dead. Read without a lock */
    struct shared_info *dead_shared_info;
    struct rcu_head shared_info_rcu;

    /* Event channels. */
    spinlock_t event_lock; /* RANK_EVENT */
    struct evtchn **evtchn_buckets;
    unsigned int valid_evtchns; /* ports that have a struct evtchn */
    unsigned int max_evtchns;   /* of the ABI in use: 4096 two-level, 131072 FIFO */
    u32 max_evtchn_port;        /* highest port the toolstack allows */
    unsigned int active_evtchns;
    unsigned int lowest_free_evtchn;                    /* no port below it is free */
    unsigned int reset_cursor, destroy_cursor;          /* closing all ports: where to continue */
    unsigned long poll_mask[MAX_VCPUS / BITS_PER_LONG]; /* vCPUs with poll_port set */
    struct evtchn_fifo *evtchn_fifo;                    /* NULL: two-level */

    struct grant_table *grant_table;

    /* Interrupts and I/O that it was given. */
    spinlock_t pirq_lock; /* RANK_PIRQ */
    struct pirq **pirqs;
    unsigned int nr_pirqs;
    struct rangeset *ioports; /* I/O ports it may use */
    struct rangeset *iomem;   /* machine frames outside RAM it may map */
    struct rangeset *irqs;    /* pirqs it may bind */

    s64 time_offset_seconds;  /* of its wall clock */
    unsigned long vm_assist;  /* VMASST_TYPE_* bits */
    cpumask_t dirty_cpus;     /* CPUs whose TLB may hold its entries */
    struct timer watchdog[2]; /* SCHEDOP_watchdog */
    u32 watchdog_inuse;
    unsigned long unknown_logged[2]; /* unknown hypercalls that were logged already, by number */
    u64 rate_tokens;                 /* of printk_guest; console.c */

    struct arch_domain arch;
};

extern struct domain *dom0;    /* once built */
extern struct domain *dom_io;  /* owner of frames that are not RAM */
extern struct domain *dom_xen; /* owner of frames of ours that dom0 may map */

/* Boot: system domains. */
void domain_init(void);
/*
 * Boot: makes what @cpu, whose struct cpu is there, runs when it has nothing else to run.
 * @return its idle vCPU; NULL: out of memory
 */
struct vcpu *idle_vcpu_create(unsigned int cpu);

/*
 * Creates an empty domain, paused once by the controller. Locks: RANK_DOMCTL is held, except during
 * boot.
 * @return 0; -XEN_EEXIST: the id is taken; -XEN_ENOMEM; -XEN_EINVAL: @config is not possible
 */
int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged,
                  struct domain **out);
/*
 * Creates vCPU @id, down and without a context. Locks: RANK_DOMAIN is held.
 * @return 0; -XEN_ENOMEM
 */
int vcpu_create(struct domain *d, unsigned int id);
/*
 * Gives @v, which does not run, the context @ctx, a copy of ours; VGCF_online says whether @v is up
 * or down with it. After an error @v is as it was. Locks: the domain's context_lock is held, which
 * may be for long, except during boot; RANK_DOMAIN is not.
 * @return 0, or an error of arch_set_context()
 */
struct vcpu_guest_context;
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx);
/*
 * Takes the context of @v away; @v is down from here on. Errors and conditions as for
 * vcpu_set_context().
 */
int vcpu_reset(struct vcpu *v);
/*
 * Says that @v is down, so that it may not run, or is not. It is the caller who wakes it or takes
 * it off its CPU. Locks: RANK_DOMAIN is held.
 * @return false: so it was already
 */
bool vcpu_set_down(struct vcpu *v, bool down);

#define DOMAIN_BUCKETS 1024U
extern struct domain *domain_buckets[DOMAIN_BUCKETS];

/*
 * Finds a domain. It may be dying and without references, but its memory stays as long as the
 * caller is in this hypercall, that is, until this CPU has passed the scheduler.
 * @return NULL: there is none with this id
 */
static inline struct domain *find_domain(domid_t id)
{
    struct domain *d = load_acquire(&domain_buckets[id % DOMAIN_BUCKETS]);

    while (d && d->id != id)
        d = load_acquire(&d->hash_next);
    return d;
}
/*
 * Finds a domain and takes a reference. DOMID_SELF is not resolved here.
 * @return NULL: there is none with this id
 */
struct domain *get_domain_by_id(domid_t id);
/* The same, and DOMID_SELF names the current domain. */
struct domain *get_domain_or_self(domid_t id);
bool get_domain(struct domain *d);
void put_domain(struct domain *d);
/*
 * @return the first domain with an id of at least @id, with a reference, or NULL; system domains
 * are skipped
 */
struct domain *get_next_domain(domid_t id);

/*
 * Pauses nest. When a pause returns, none of the vCPUs runs, except with the _nosync form. A domain
 * cannot pause itself with the synchronous form.
 */
void domain_pause(struct domain *d);
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
int domain_pause_by_controller(struct domain *d);   /* -XEN_EINVAL: d is the caller */
int domain_unpause_by_controller(struct domain *d); /* -XEN_EINVAL: not paused by the controller */
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
/*
 * Stop another vCPU of the current domain for a moment, or do nothing for the current one. Two
 * vCPUs that waited here for each other would do so for ever: so only one in a domain pauses at a
 * time, another has to make its hypercall again, and passes the scheduler on its way. Locks:
 * RANK_PAUSE is held in between.
 * @return false: the caller has to make its hypercall again
 */
bool vcpu_pause_sibling(struct vcpu *v);
void vcpu_unpause_sibling(struct vcpu *v);

/*
 * Pauses a domain that shuts itself down, or is shut down. When none of its vCPUs is on a CPU any
 * longer it counts as shut down, and VIRQ_DOM_EXC is raised in dom0. Only domain_resume() undoes
 * it.
 */
void domain_shutdown(struct domain *d, u32 reason);
/* Undoes a shutdown (resume after suspend). */
void domain_resume(struct domain *d);
/*
 * Stops a domain that did what only a broken guest does: logs registers, stack and the message,
 * then shuts the domain down with SHUTDOWN_crash.
 */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
/*
 * The same in two parts, for who has more to tell than the message: that comes in between. Of
 * vCPUs that fail at once the first one tells, since each that waits for the console keeps its CPU;
 * the others stop the domain.
 * @return is the caller to tell why, and to call the second one?
 */
bool domain_crash_begin(struct domain *d);
void domain_crash_end(struct domain *d, const char *fmt, ...) __printf(2, 3);

/*
 * Shows the registers of @vcpus vCPUs of @d on the console, the current one first, unless the
 * domain was shown too often (domain_dump.c).
 */
void domain_dump(struct domain *d, unsigned int vcpus);

/*
 * Continues the destruction of @d, which is not the caller's. Locks: RANK_DOMCTL is held.
 * @return 0: complete; -ERESTART: preempted, to be called again
 */
int domain_kill(struct domain *d);

/* Does @v have a vcpu_info of its own, in shared_info or registered by the guest? */
bool vcpu_has_info(const struct vcpu *v);

static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned long id)
{
    return id < d->max_vcpus ? d->vcpu[index_nospec(id, d->max_vcpus)] : NULL;
}

#define for_each_vcpu(d, v)                              \
    for (unsigned int _i = 0; _i < (d)->max_vcpus; _i++) \
        if (((v) = (d)->vcpu[_i]) != NULL)

#include <asm/current.h> /* current, this_cpu() */

#endif
