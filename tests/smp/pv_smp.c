/* SPDX-License-Identifier: MIT */
/*
 * PV domains work on their memory from several CPUs at once: two vCPUs of domain 1, one of domain
 * 2, one of the privileged domain 0, which in the end kills domain 2 while the others continue with
 * it. After each round all CPUs stand still, all counts are worked out from scratch and compared,
 * and no CPU may remember a translation that must not exist.
 */
#include "../fuzz/pv_machine.h"
#include "../fuzz/pv_steps.h"
#include "../fuzz/pv_tlb.h"
#include "smp.h"

#define ROUNDS 4U
#define STEPS  12U

static bool dying, stopped; /* the last round; domain 2 runs no more */

/* The vCPU of this CPU, or its other one, or none. */
static void change_vcpu(void)
{
    static const struct {
        unsigned int domain, vcpu;
    } own[PV_CPUS][2] = {{{1, 0}, {1, 0}}, {{1, 1}, {1, 1}}, {{2, 0}, {2, 1}}, {{0, 0}, {0, 1}}};
    unsigned int cpu = smp_processor_id();
    u64 which = pv_random(&pv_actors[cpu].random) >> 8;

    if (which % 4 == 0)
        machine_run(cpus[cpu]->rq.idle);
    else
        machine_switch(own[cpu][which & 1].domain, own[cpu][which & 1].vcpu);
}

static bool is_idle_here(void)
{
    return current == this_cpu()->rq.idle;
}

static void kill_domain_2(void)
{
    while (!load_acquire(&stopped))
        cpu_relax();
    host_preempt_every(3);
    while (domain_kill(machine_domains[2]) == -ERESTART) {
        host_return_to_guest();
        smp_progress();
    }
    host_preempt_every(0);
}

static void work(void)
{
    unsigned int cpu = smp_processor_id();

    if (dying && cpu == 2) {
        machine_run(this_cpu()->rq.idle);
        store_release(&stopped, true);
        return;
    }
    for (unsigned int i = 0; i < STEPS; i++) {
        if (dying && cpu == 3 && i == STEPS / 3)
            kill_domain_2();
        if (is_idle_here())
            change_vcpu();
        else
            pv_step();
        host_return_to_guest();
        smp_progress();
    }
}

void smp_try_seed(u64 seed)
{
    u64 state = seed * 0x9e3779b97f4a7c15UL + 1;

    dying = stopped = false;
    machine_start(PV_FRAMES_EACH);
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        pv_actors[cpu] = (struct pv_actor){.random = pv_random(&state), .change_vcpu = change_vcpu};
        host_run_on(cpu);
        change_vcpu();
        host_preempt_every((unsigned int)(pv_random(&state) >> 30) % 8);
    }
    host_run_on(0);
    get_domain(machine_domains[2]);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        dying = round == ROUNDS - 1;
        smp_run(work, pv_random(&state));
        machine_check();
    }
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        host_run_on(cpu);
        host_preempt_every(0);
    }
    host_run_on(0);
    put_domain(machine_domains[2]);
    machine_domains[2] = NULL;
    machine_end();
}

/* Nothing but flushes interrupts a CPU here. */
void smp_devices(u64 random)
{
}
