/* SPDX-License-Identifier: MIT */
/*
 * Included before every source of the programs in tests/smp: each atomic operation, each READ_ONCE
 * and WRITE_ONCE, and with them each lock and each remote flush, begins with smp_point(); a lock
 * that is given back ends with one. There the interleaver changes to another CPU, a thread dawdles,
 * interrupts arrive, and the processor loads translations on its own account.
 */
#ifndef SMP_POINTS_H
#define SMP_POINTS_H

#include <lib.h>

void smp_point(void);
/*
 * READ_ONCE is about to read at @p (midway.c). Panics when that is in a guest's frame whose type
 * nobody holds, or, under a page_tables_lock, in anything but a page table of that domain.
 */
void smp_reads(const volatile void *p);

/* For the thread sanitizer loads and stores are ordered as on x86, else as C says. */
#if __has_feature(thread_sanitizer)
#define ONCE_LOADS  __ATOMIC_ACQUIRE
#define ONCE_STORES __ATOMIC_RELEASE
#else
#define ONCE_LOADS  __ATOMIC_RELAXED
#define ONCE_STORES __ATOMIC_RELAXED
#endif

#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)     (smp_point(), smp_reads(&(x)), __atomic_load_n(&(x), ONCE_LOADS))
#define WRITE_ONCE(x, v) (smp_point(), __atomic_store_n(&(x), (v), ONCE_STORES))

/* A macro is not expanded within itself: inside, the names are the compiler's. */
#define __atomic_load_n(...)             (smp_point(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...)            (smp_point(), __atomic_store_n(__VA_ARGS__))
#define __atomic_exchange_n(...)         (smp_point(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (smp_point(), __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_add_fetch(...)          (smp_point(), __atomic_add_fetch(__VA_ARGS__))
#define __atomic_sub_fetch(...)          (smp_point(), __atomic_sub_fetch(__VA_ARGS__))
#define __atomic_fetch_add(...)          (smp_point(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_or(...)           (smp_point(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...)          (smp_point(), __atomic_fetch_and(__VA_ARGS__))

#include <spinlock.h>
#define spin_unlock(...)            (spin_unlock(__VA_ARGS__), smp_point())
#define spin_unlock_irq(...)        (spin_unlock_irq(__VA_ARGS__), smp_point())
#define spin_unlock_irqrestore(...) (spin_unlock_irqrestore(__VA_ARGS__), smp_point())
#define spin_unlock_two(...)        (spin_unlock_two(__VA_ARGS__), smp_point())

#endif
