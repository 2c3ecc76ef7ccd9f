/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(SMP_CORE) */
/*
 * smp_threads under the thread sanitizer, in place of the other sanitizers: no plain access beside
 * another CPU's, unless a lock, an atomic operation or a flush lies between them.
 *
 * The sanitizer does not follow fences, so it is told of locks (mk/tests.mk has the linker put our
 * functions around those of the debug build).
 */
#include "smp_threads.c" /* NOLINT(bugprone-suspicious-include) */

void __tsan_acquire(void *p);
void __tsan_release(void *p);

void __real_lock_order_acquire(spinlock_t *lock);
void __wrap_lock_order_acquire(spinlock_t *lock);
void __real_lock_order_release(spinlock_t *lock);
void __wrap_lock_order_release(spinlock_t *lock);

void __wrap_lock_order_acquire(spinlock_t *lock)
{
    __tsan_acquire(lock);
    __real_lock_order_acquire(lock);
}

void __wrap_lock_order_release(spinlock_t *lock)
{
    __real_lock_order_release(lock);
    __tsan_release(lock);
}

/*
 * Accesses that are plain on purpose, though other CPUs access the same word; each names its
 * function.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    /* The first look at a free lock: a wrong "no" only looks again, and by an atomic load. */
    return "race_top:^spin_lock$\n"
           /*
            * Only the holder writes ->serving, 16 bits wide; the others' atomic loads are whole.
            * Where the compiler merges two unlocks, only the other side of the report has a name.
            */
           "race_top:^spin_unlock$\n"
           "race_top:^spin_lock_wait$\n"
           /* A hint, which heap_scrub() looks at again under the lock that writers hold. */
           "race_top:^scrub_if_many$\n"
           "race_top:^heap_scrub_idle$\n"
           /* Hints as well: whoever acts on them looks again under the lock of the queue. */
           "race_top:^sched_someone_waits$\n"
           "race_top:^fair_load$\n"
           /* What guests have us copy to one of their data pages from two vCPUs is their affair. */
           "race:^copy_any$\n"
           "race:^copy_short$\n"
           "race:^copy_page$\n"
           "race:^clear_page$\n";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "halt_on_error=1";
}
