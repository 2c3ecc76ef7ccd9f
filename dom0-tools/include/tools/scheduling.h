/* SPDX-License-Identifier: MIT */
/*
 * The part of the control library (tools/control.h) that says where vCPUs run, and how much. Its
 * functions return 0, or -1 with the reason in @e, unless they say otherwise.
 */
#ifndef TOOLS_SCHEDULING_H
#define TOOLS_SCHEDULING_H

#include <platform.h>
#include <tools/cpu_list.h>
#include <tools/error.h>

#define RATELIMIT_MIN 100u /* us; 0 stands for no limit */
#define RATELIMIT_MAX 500000u

/* Reads the state of a vCPU. @return 0, or -1 if there is no such vCPU. */
int control_vcpu_info(domid_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info);

/*
 * Reads on which CPUs a vCPU has to run (hard) and should run (soft). @return 0, or -1 if there is
 * no such vCPU.
 */
int control_vcpu_affinity(domid_t domid, unsigned int vcpu, struct cpu_set *hard,
                          struct cpu_set *soft);

/*
 * Sets on which CPUs a vCPU has to run and should run; one that is NULL stays as it is. With
 * @force, a pinning that the domain's own kernel asked for ends; without, such a vCPU is refused.
 * *@idle_soft says whether the hard affinity leaves nothing of the soft one.
 */
int control_pin_vcpu(domid_t domid, unsigned int vcpu, const struct cpu_set *hard,
                     const struct cpu_set *soft, bool force, bool *idle_soft, struct error *e);

/* A domain's share of the CPUs: its weight against others, and at most @cap per cent of one CPU. */
struct cpu_share {
    uint16_t weight;
    uint16_t cap; /* 0: no limit */
};

int control_get_share(domid_t domid, struct cpu_share *share, struct error *e);
/*
 * Sets a domain's weight and cap; one that is NULL stays as it is. *@share receives both, as they
 * are then.
 */
int control_change_share(domid_t domid, const unsigned int *weight, const unsigned int *cap,
                         struct cpu_share *share, struct error *e);

/* The shortest time, in microseconds, that a vCPU of that pool runs before another preempts it. */
int control_get_ratelimit(uint32_t pool, uint32_t *us, struct error *e);
int control_set_ratelimit(uint32_t pool, uint32_t us, struct error *e);

/* A pool of CPUs with a scheduler of its own. */
struct cpu_pool {
    uint32_t number, scheduler, domains; /* scheduler: XEN_SCHEDULER_* */
    struct cpu_set cpus;
};

/*
 * Finds the pool with number @first, or the next. @return 1, or 0 if there is none, or -1 with the
 * reason in @e.
 */
int control_next_pool(uint32_t first, struct cpu_pool *pool, struct error *e);

/* Takes the machine's CPU @cpu out of use, or into @use again. */
int control_use_cpu(unsigned int cpu, bool use, struct error *e);

/* A scheduler's name as xl gives it: "credit2", ... */
const char *control_scheduler_name(uint32_t scheduler);

/* The name of the scheduler in force. */
const char *control_scheduler(void);

#endif
