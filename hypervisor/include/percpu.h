/* SPDX-License-Identifier: MIT */
/*
 * What each physical CPU owns. this_cpu() finds the structure from the stack pointer, cpus[n] by
 * number. Only its own CPU writes it, except where a member says otherwise.
 */
#ifndef BULKHEAD_PERCPU_H
#define BULKHEAD_PERCPU_H

#include <asm/cpu.h>

#include "domain.h"
#include "hypercall.h"
#include "rcu.h"

struct run_queue {
    spinlock_t lock;     /* RANK_SCHED; taken by any CPU */
    unsigned int length; /* runnable vCPUs that do not run */
    struct vcpu *idle;
    struct fair_queue fair; /* the policy's */
    s_time_t balance_at;    /* when it looks next whether other CPUs are ahead (sched_place.c) */
    bool paced;             /* its pace compares to that of other CPUs */
    unsigned int looked_at; /* the last one that it compared itself to */
};

struct timer_queue {
    spinlock_t lock; /* RANK_TIMER; taken by any CPU */
    struct timer *root;
    struct timer *running;
    s_time_t programmed; /* what the hardware is set to; 0: nothing */
    bool closed;         /* the CPU is out of use: see timer_cpu_close() */
};

struct rcu_cpu {
    struct rcu_head *waiting; /* since epoch ->epoch */
    struct rcu_head *fresh;
    u64 epoch;
    u64 quiescent; /* last global epoch seen in a quiescent state; read by others */
    bool idle;     /* rcu_idle_enter(); read by others */
};

/* Whether a CPU is in use; cpu_hotplug.c says who makes which step. */
enum cpu_state {
    CPU_UP,
    CPU_LEAVING,   /* it gets no vCPU any longer, and is to leave */
    CPU_LEFT,      /* it has: out of cpu_online, idle for good */
    CPU_DOWN,      /* so, and that was told */
    CPU_RETURNING, /* it is to come back */
    CPU_RETURNED,  /* it has: in cpu_online, but it gets no vCPU yet */
};

struct cpu {
    struct cpu_info *info;
    unsigned int id;
    u32 state; /* enum cpu_state; read by others */
    struct run_queue rq;
    cpumask_t siblings; /* the CPUs of its core, itself too; empty: itself alone */
    struct timer_queue timers;
    struct rcu_cpu rcu;
    struct multicall_state multicall;
    struct lock_waits lock_waits[LOCK_RANKS]; /* by rank; read and cleared by any CPU */
    u16 locks_held[16];                       /* debug: ranks */
    unsigned int nr_locks_held;
    struct arch_cpu arch;
};

extern struct cpu *cpus[NR_CPUS];

#endif
