/* SPDX-License-Identifier: MIT */
/*
 * Spin locks (ticket order) and the lock order.
 *
 * Every lock has a rank from enum lock_rank; a CPU may only take a lock of a higher rank than those
 * it holds, or of the same rank where the caller names an order (double locks by address). A debug
 * build checks this at each acquisition. docs/locking.md lists what each rank protects. A lock that
 * an interrupt handler takes is only ever taken with interrupts disabled (the _irq and _irqsave
 * forms).
 */
#ifndef BULKHEAD_SPINLOCK_H
#define BULKHEAD_SPINLOCK_H

#include <asm/system.h>

#include "atomic.h"

enum lock_rank {
    RANK_DOMCTL = 1,    /* one control operation at a time */
    RANK_HOTPLUG,       /* a CPU goes out of use or comes back */
    RANK_FIRMWARE,      /* UEFI's runtime services: one CPU at a time */
    RANK_PAUSE,         /* a vCPU stops another one of its domain */
    RANK_CONTEXT,       /* a vCPU of a domain gets a context */
    RANK_DOMAIN_LIST,   /* domain table writers */
    RANK_DOMAIN,        /* domain life cycle, vCPU bring-up, per-domain settings */
    RANK_GRANT,         /* grant table */
    RANK_GRANT_MAP,     /* mappings that a domain holds */
    RANK_PAGE_TABLES,   /* page-table updates of one domain */
    RANK_EVENT,         /* event channels of a domain; two: by address */
    RANK_PIRQ,          /* interrupt binding */
    RANK_PCI,           /* PCI devices and their messages */
    RANK_WINDOW,        /* windows for descriptor tables */
    RANK_PAGE_LIST,     /* a domain's frame list and counts */
    RANK_RANGESET,      /* one set of ranges */
    RANK_XALLOC,        /* small objects */
    RANK_HEAP,          /* page allocator */
    RANK_EVENT_GLOBAL,  /* receivers of global virtual interrupts */
    RANK_EVENT_CHANNEL, /* one event channel; two: by address */
    RANK_EVENT_QUEUE,   /* a FIFO event queue */
    RANK_SCHED,         /* run queue of a CPU */
    RANK_CAP,           /* CPU budget of a domain */
    RANK_TIMER,         /* timer queue of a CPU */
    RANK_IRQ,           /* interrupt descriptors */
    RANK_DEVICE,        /* interrupt controllers, RTC, PCI configuration */
    RANK_CONSOLE,       /* console ring and drivers; a leaf */
};

#define LOCK_RANKS (RANK_CONSOLE + 1)

/* How often one CPU has waited for a lock of one rank, and how long in all. */
struct lock_waits {
    u64 count;
    u64 ns;
};

typedef struct spinlock {
    u16 next;    /* ticket to hand out */
    u16 serving; /* ticket that holds the lock */
    u16 rank;
    u16 owner; /* debug: CPU + 1 while held */
} spinlock_t;

#define SPINLOCK_INIT(r) \
    {                    \
        0, 0, (r), 0     \
    }

#ifdef DEBUG
void lock_order_acquire(spinlock_t *lock); /* panics when the order is broken */
void lock_order_release(spinlock_t *lock);
#else
#define lock_order_acquire(lock) ((void)(lock))
#define lock_order_release(lock) ((void)(lock))
#endif

static inline void spin_lock_init(spinlock_t *lock, enum lock_rank rank)
{
    *lock = (spinlock_t)SPINLOCK_INIT((u16)rank);
}

/*
 * Waits until @ticket is served, and answers other CPUs that want this one to flush: the holder of
 * the lock may be one of them, whether interrupts are on here or off. Counts the wait for
 * lock_profile_op().
 */
void spin_lock_wait(const spinlock_t *lock, u16 ticket);

static inline void spin_lock(spinlock_t *lock)
{
    u16 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_ACQUIRE);

    /*
     * The plain read serves the lock that nobody holds; the compiler may use it as the memory
     * operand of the comparison.
     */
    if (unlikely(lock->serving != ticket))
        arch_spin_lock_wait(lock, ticket);
    smp_rmb();
    lock_order_acquire(lock);
}

static inline bool spin_trylock(spinlock_t *lock)
{
    u16 ticket = load_acquire(&lock->serving);

    if (!cmpxchg(&lock->next, &ticket, (u16)(ticket + 1)))
        return false;
    lock_order_acquire(lock);
    return true;
}

/* Only the holder writes ->serving, so that adding to it need not be atomic. */
static inline void spin_unlock(spinlock_t *lock)
{
    lock_order_release(lock);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    lock->serving++;
}

static inline unsigned long spin_lock_irqsave(spinlock_t *lock)
{
    unsigned long flags = local_irq_save();

    spin_lock(lock);
    return flags;
}

static inline void spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
    spin_unlock(lock);
    local_irq_restore(flags);
}

/* Disables interrupts, too: for callers that run with interrupts on, as hypercall handlers do. */
static inline void spin_lock_irq(spinlock_t *lock)
{
    local_irq_disable();
    spin_lock(lock);
}

static inline void spin_unlock_irq(spinlock_t *lock)
{
    spin_unlock(lock);
    local_irq_enable();
}

/* Takes two locks of one rank, in address order; @a and @b may be the same lock. */
static inline void spin_lock_two(spinlock_t *a, spinlock_t *b)
{
    if (a > b) {
        spinlock_t *t = a;

        a = b;
        b = t;
    }
    spin_lock(a);
    if (a != b)
        spin_lock(b);
}

static inline void spin_unlock_two(spinlock_t *a, spinlock_t *b)
{
    spin_unlock(a);
    if (a != b)
        spin_unlock(b);
}

#endif
