/* SPDX-License-Identifier: MIT */
/*
 * A machine of up to HOST_CPUS CPUs in simulated time, for tests of the scheduler: the real one
 * runs, on each CPU in turn; what vCPUs do, and when, is drawn from a seed. Time passes from one
 * event to the next: a timer, the end of what a vCPU does, its wake-up.
 */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <sched_impl.h>

#define SIM_DOMAINS 48U
#define SIM_VCPUS   16U /* of each */
#define SIM_ALL     (SIM_DOMAINS * SIM_VCPUS)

#define SIM_WAIT_STEP MICROSECS(250)

/* What a vCPU does: it runs for @run, then sleeps for @sleep, or yields; each about so long. */
struct sim_vcpu {
    struct vcpu *v;
    s_time_t run;   /* SCHED_NEVER: for ever */
    s_time_t sleep; /* 0: it yields instead */
    u64 until;      /* its CPU time when it stops running */
    s_time_t wake_at;
    s_time_t waits_since; /* 0: it does not wait */
    s_time_t longest;     /* that it waited */
    bool light;           /* for the test: its waits are counted */
    u64 before;           /* for the test */
    double share;         /* of all CPUs; for the test */
};

struct sim {
    unsigned int cpus;
    s_time_t late; /* by how much timers fire too late at most; 0 unless a test sets it */
    s_time_t late_now[HOST_CPUS];
    u64 random;
    struct sim_vcpu vcpus[SIM_ALL]; /* those that take part come first */
    unsigned int count;
    unsigned long waits[64]; /* of those that are light: by length, in SIM_WAIT_STEP */
};

extern struct domain *sim_domains[SIM_DOMAINS];

/* Once: makes the machine and the domains. */
void sim_boot(void);
/* Begins anew: @cpus CPUs, with @siblings of them in each core; no vCPU is up. */
void sim_begin(struct sim *s, unsigned int nr, unsigned int siblings, u64 seed);
/* Takes all vCPUs down. */
void sim_end(struct sim *s);
u64 sim_random(struct sim *s, u64 below);
/* Lets vCPU @vcpu of domain @domain take part: see struct sim_vcpu. @return it */
struct sim_vcpu *sim_add(struct sim *s, unsigned int domain, unsigned int vcpu, s_time_t run,
                         s_time_t sleep);
/* Lets time pass. */
void sim_run(struct sim *s, s_time_t ns);
/* Runs what is pending on all CPUs. */
void sim_settle(struct sim *s);
u64 sim_cpu_time(const struct vcpu *v);
void sim_wake(struct sim *s, struct sim_vcpu *w);

/* The assertions that hold whenever all CPUs have settled. */
void sim_check(struct sim *s);
/* @return the largest lag of any vCPU that runs or waits, in ns of its own running */
s_time_t sim_largest_lag(const struct sim *s);

#endif
