/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock, which is counted, and, in debug builds, the lock order. Each CPU keeps the
 * ranks of the locks that it holds; a lock may only be taken when its rank is above all of them,
 * or equal to the last where two locks of one rank are taken in address order. Only the CPU that
 * took a lock gives it back.
 */
#include <arch.h>
#include <percpu.h>
#include <spinlock.h>
#include <timer.h>

/*
 * The counters are this CPU's own. An interrupt that comes while they are changed may wait for a
 * lock as well, so the additions are atomic.
 */
void spin_lock_wait(const spinlock_t *lock, u16 ticket)
{
    struct lock_waits *waits = &this_cpu()->lock_waits[lock->rank];
    s_time_t since = now();

    while (load_acquire(&lock->serving) != ticket)
        tlb_relax();
    atomic_add(&waits->count, 1);
    atomic_add(&waits->ns, (u64)(now() - since));
}

#ifdef DEBUG

void lock_order_acquire(spinlock_t *lock)
{
    struct cpu *c = this_cpu();
    unsigned long flags;

    if (!c)
        return; /* before the boot CPU's structure is in place */
    flags = local_irq_save();
    if (c->nr_locks_held && lock->rank < c->locks_held[c->nr_locks_held - 1])
        panic("lock order: rank %u taken while holding rank %u", lock->rank,
              c->locks_held[c->nr_locks_held - 1]);
    if (c->nr_locks_held == ARRAY_SIZE(c->locks_held))
        panic("lock order: too many locks held");
    c->locks_held[c->nr_locks_held++] = lock->rank;
    lock->owner = (u16)(c->id + 1);
    local_irq_restore(flags);
}

void lock_order_release(spinlock_t *lock)
{
    struct cpu *c = this_cpu();
    unsigned long flags;

    if (!c)
        return;
    if (lock->owner != c->id + 1)
        panic("lock order: rank %u given back by CPU %u, which does not hold it", lock->rank,
              c->id);
    flags = local_irq_save();
    lock->owner = 0;
    for (unsigned int i = c->nr_locks_held; i-- > 0;) {
        if (c->locks_held[i] != lock->rank)
            continue;
        memmove(&c->locks_held[i], &c->locks_held[i + 1],
                (c->nr_locks_held - i - 1) * sizeof(c->locks_held[0]));
        c->nr_locks_held--;
        break;
    }
    local_irq_restore(flags);
}

#endif
