/* SPDX-License-Identifier: MIT */
/*
 * PV domains work on their memory from several CPUs at once: two vCPUs of domain 1, one of domain
 * 2, one of the privileged domain 0, which in the end kills domain 2 while the others continue with
 * it. After each round all CPUs stand still, all counts are worked out from scratch and compared,
 * and no CPU may remember a translation that must not exist.
 *
 *   PROGRAM COUNT [FIRST_SEED]
 *
 * What ran before in the process has a say in what a seed does (stamps of flushes, the allocator's
 * lists). So a process runs GROUP seeds, and a failure names the group: PROGRAM COUNT FIRST_SEED.
 */
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fuzz/pv_machine.h"
#include "../fuzz/pv_steps.h"
#include "../fuzz/pv_tlb.h"
#include "smp.h"

#define ROUNDS 4U
#define STEPS  12U
#define GROUP  16UL

static u64 seed, first_of_group, seeds_of_group;
static char seed_line[96]; /* what a failure says */
static size_t seed_length;
static bool dying, stopped; /* the last round; domain 2 runs no more */

static void name_seed(void)
{
    (void)!write(2, seed_line, seed_length);
}

static void trapped(int sig)
{
    name_seed();
    _exit(1);
}

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

static void run(void)
{
    u64 state = seed * 0x9e3779b97f4a7c15UL + 1;

    seed_length = (size_t)snprintf(seed_line, sizeof(seed_line),
                                   "seed %lu failed, of group %lu %lu\n", seed, seeds_of_group,
                                   first_of_group);
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

static void run_group(void)
{
    for (seed = first_of_group; seed < first_of_group + seeds_of_group; seed++)
        run();
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;

    signal(SIGILL, trapped);
    signal(SIGTRAP, trapped);
    signal(SIGALRM, trapped);
    __sanitizer_set_death_callback(name_seed);
    host_boot_cpus = PV_CPUS;
    for (unsigned long done = 0; done < count; done += seeds_of_group) {
        int status = 0;

        first_of_group = first + done;
        seeds_of_group = MIN(GROUP, count - done);
        if (count <= GROUP) {
            run_group(); /* in this process, for gdb */
        } else if (fork() == 0) {
            run_group();
            _exit(0);
        } else if (wait(&status) < 0 || status) {
            return 1;
        }
    }
    return 0;
}
