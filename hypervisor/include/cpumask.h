/* SPDX-License-Identifier: MIT */
/* Sets of physical CPUs. */
#ifndef BULKHEAD_CPUMASK_H
#define BULKHEAD_CPUMASK_H

#include "atomic.h"

#define NR_CPUS 256U

typedef struct cpumask {
    unsigned long bits[NR_CPUS / BITS_PER_LONG];
} cpumask_t;

static inline void cpumask_set(cpumask_t *m, unsigned int cpu)
{
    set_bit(m->bits, cpu);
}

static inline void cpumask_clear(cpumask_t *m, unsigned int cpu)
{
    clear_bit(m->bits, cpu);
}

static inline bool cpumask_test(const cpumask_t *m, unsigned int cpu)
{
    return test_bit(m->bits, cpu);
}

static inline bool cpumask_empty(const cpumask_t *m)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++)
        if (READ_ONCE(m->bits[i]))
            return false;
    return true;
}

/* @return how many CPUs are in @m */
static inline unsigned int cpumask_weight(const cpumask_t *m)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++)
        for (unsigned long rest = READ_ONCE(m->bits[i]); rest; rest &= rest - 1)
            n++;
    return n;
}

/* @return the first CPU of @m at or after @cpu; NR_CPUS when there is none */
static inline unsigned int cpumask_next(const cpumask_t *m, unsigned int cpu)
{
    while (cpu < NR_CPUS) {
        unsigned long rest = READ_ONCE(m->bits[cpu / BITS_PER_LONG]) >> cpu % BITS_PER_LONG;

        if (rest)
            return cpu + (unsigned int)__builtin_ctzl(rest);
        cpu = (cpu | (BITS_PER_LONG - 1)) + 1;
    }
    return NR_CPUS;
}

#define for_each_cpu(cpu, mask) \
    for ((cpu) = cpumask_next(mask, 0); (cpu) < NR_CPUS; (cpu) = cpumask_next(mask, (cpu) + 1))

#endif
