/* SPDX-License-Identifier: MIT */
/*
 * The machine of vcpus.h. A CPU is in one of three places: in a guest, which an interrupt ends and
 * which calls us by itself; halted, until an interrupt; or on its way out of the hypervisor, where
 * it serves softirqs, the scheduler among them, and looks for events. So a CPU that was told of
 * something by no interrupt does not notice: when all CPUs stand still, nothing may be left to do.
 */
#include <asm/context.h>
#include <asm/entry.h>
#include <rcu.h>
#include <sched_impl.h>

#include "../fuzz/pv_tlb.h"
#include "vcpus.h"

#define ROUNDS     4U
#define STEPS      24U
#define HALT_LOOKS 6U
#define TICK       MICROSECS(40) /* at most, that passes at a point */

struct guest guests[NR_DOMAINS][GUEST_VCPUS];
bool with_memory;

static bool interrupted[PV_CPUS];
static s_time_t clock_at[PV_CPUS]; /* what arch_set_timer() was told; 0: it has fired */
static bool off[PV_CPUS];
static unsigned int finished; /* CPUs that have done their steps */
static bool dying;            /* the last round */

struct vcpu *vcpus_nth(unsigned int n)
{
    struct domain *d = machine_domains[n / GUEST_VCPUS % NR_DOMAINS];

    return d && !READ_ONCE(d->dying) ? d->vcpu[n % GUEST_VCPUS] : NULL;
}

/* ---- interrupts ---- */

void arch_set_timer(s_time_t deadline)
{
    clock_at[smp_processor_id()] = deadline;
}

s_time_t vcpus_clock_of(unsigned int cpu)
{
    return clock_at[cpu];
}

bool vcpus_cpu_is_off(unsigned int cpu)
{
    return load_acquire(&off[cpu]);
}

void vcpus_set_cpu_off(unsigned int cpu, bool is_off)
{
    store_release(&off[cpu], is_off);
}

static void take_interrupts(void)
{
    unsigned int cpu = smp_processor_id();

    if (smp_take_event(cpu))
        interrupted[cpu] = true;
    if (clock_at[cpu] && clock_at[cpu] <= now() && !vcpus_cpu_is_off(cpu)) {
        clock_at[cpu] = 0;
        timer_interrupt();
        interrupted[cpu] = true;
    }
}

void smp_devices(u64 random)
{
    if (random % 4 == 0)
        atomic_add(&host_now, (s_time_t)(random / 4) % TICK);
    take_interrupts();
}

bool vcpus_interrupted(void)
{
    return interrupted[smp_processor_id()];
}

/* ---- in a guest ---- */

/* The processor has what the vCPU left there, and is where it may be. */
static void enter_guest(struct vcpu *v)
{
    struct guest *g = guest_of(v);
    u32 on = xchg(&g->on, smp_processor_id() + 1);

    if (on)
        panic("d%uv%u runs on CPU %u and on CPU %u", v->domain->id, v->id, on - 1,
              smp_processor_id());
    if (load_acquire(&g->stopped))
        panic("d%uv%u runs, though it is paused", v->domain->id, v->id);
    if (guest_regs()->rbx != g->mark || guest_regs()->r15 != ~g->mark ||
        host_registers()->fs_base != g->mark)
        panic("d%uv%u runs with registers that are not its own", v->domain->id, v->id);
    if (read_cr3() != vcpu_cr3(v))
        panic("d%uv%u runs on a root that is not its own", v->domain->id, v->id);
}

static void leave_guest(struct vcpu *v)
{
    struct guest *g = guest_of(v);

    g->mark = pv_random(&pv_actors[smp_processor_id()].random) >> 17; /* an address, too */
    guest_regs()->rbx = g->mark;
    guest_regs()->r15 = ~g->mark;
    host_registers()->fs_base = g->mark;
    xchg(&g->on, 0);
}

/* ---- the exit path ---- */

static void take_nmi(struct vcpu *v)
{
    if (!(READ_ONCE(get_cpu_info()->exit_work) & EXIT_WORK_NMI))
        return;
    atomic_and(&get_cpu_info()->exit_work, ~EXIT_WORK_NMI);
    xchg(&v->nmi_pending, false);
}

/* Serves what there is to do. @return an event is to be delivered to the guest */
static bool serve_exit(void)
{
    bool event;

    for (;;) {
        host_run_softirqs();
        if (is_idle_vcpu(current))
            rcu_quiescent();
        else
            host_return_to_guest();
        local_irq_disable();
        interrupted[smp_processor_id()] = false;
        if (!softirq_pending())
            break;
        local_irq_enable();
    }
    event = !is_idle_vcpu(current) && events_visible(current);
    if (!is_idle_vcpu(current))
        take_nmi(current);
    local_irq_enable();
    return event;
}

static void pass_exit(void)
{
    while (serve_exit()) {
        struct vcpu *v = current;

        enter_guest(v);
        events_upcall(v);
        leave_guest(v);
    }
}

/* ---- what a CPU does ---- */

static void halt(void)
{
    for (unsigned int n = 0; n < HALT_LOOKS && !vcpus_interrupted(); n++)
        cpu_relax();
}

static void kill_domain_2(void)
{
    struct domain *d = machine_domains[2];

    if (d->dying == DOMAIN_DEAD || current->domain == d)
        return;
    for (unsigned int i = 0; i < GUEST_VCPUS; i++)
        store_release(&guest_of(d->vcpu[i])->stopped, false);
    if (domain_kill(d) == -ERESTART)
        host_return_to_guest();
}

static void work(void)
{
    bool entered = true; /* the hypervisor, by itself */

    for (unsigned int i = 0; i < STEPS; i++) {
        struct vcpu *v;

        if (entered || vcpus_interrupted())
            pass_exit();
        v = current;
        if (is_idle_vcpu(v)) {
            halt();
            entered = false;
        } else {
            enter_guest(v);
            entered = guest_step(v);
            leave_guest(v);
        }
        if (take() % 4 == 0) {
            control_step();
            entered = true;
        }
        if (dying && smp_processor_id() == PV_CPUS - 1 && i > STEPS / 3) {
            kill_domain_2();
            entered = true;
        }
        smp_progress();
    }
    if (entered)
        pass_exit();
    atomic_add(&finished, 1);
    while (load_acquire(&finished) < nr_cpus) {
        if (vcpus_interrupted())
            pass_exit();
        cpu_relax();
    }
}

/* All CPUs do what they have been interrupted for, one after the other. */
static void settle(void)
{
    bool again;

    do {
        again = false;
        for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
            host_run_on(cpu);
            take_interrupts();
            if (!vcpus_interrupted())
                continue;
            pass_exit();
            again = true;
        }
    } while (again);
    host_run_on(0);
}

static void check(void)
{
    settle();
    vcpus_check();
    control_check();
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (!machine_domains[i]->dying && !with_memory)
            events_check(machine_domains[i]);
    if (with_memory)
        machine_check();
}

/* ---- seeds ---- */

static void begin(u64 *state)
{
    machine_start(PV_FRAMES_EACH);
    machine_run(this_cpu()->rq.idle);
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        pv_actors[cpu] = (struct pv_actor){.random = pv_random(state), .change_vcpu = cpu_relax};
        interrupted[cpu] = false;
        host_run_on(cpu);
        host_preempt_every((unsigned int)(pv_random(state) >> 30) % 8);
        if (!cpumask_test(&sched_cpus, cpu))
            sched_cpu_up(cpu);
    }
    host_run_on(0);
    guest_focus = (unsigned int)(pv_random(state) >> 20) % (2 * GUEST_FOCUSES);
    events_begin(!with_memory && pv_random(state) >> 20 & 1);
    control_begin();
    for (unsigned int n = 0; n < ALL_VCPUS; n++) {
        struct vcpu *v = vcpus_nth(n);

        *guest_of(v) = (struct guest){.born = v->state_since};
        v->arch.user_regs.rbx = 0;
        v->arch.user_regs.r15 = ~0UL;
        v->arch.fs_base = 0;
        clear_bit(&v->pause_flags, VPF_DOWN);
        vcpu_wake(v);
    }
    interrupted[0] = true; /* nobody sends an interrupt to itself */
    settle();
}

static void end(void)
{
    control_end();
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        for (unsigned int k = 0; k < GUEST_VCPUS; k++) {
            struct vcpu *v = machine_domains[i]->vcpu[k];

            if (!v)
                continue;
            set_bit(&v->pause_flags, VPF_DOWN);
            vcpu_sleep_nosync(v);
        }
    }
    interrupted[0] = true;
    settle();
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        host_run_on(cpu);
        host_preempt_every(0);
        BUG_ON(!is_idle_vcpu(current));
        if (with_memory)
            continue;
        BUG_ON(read_cr3() != HOST_HV_CR3);
    }
    host_run_on(0);
    while (domain_kill(machine_domains[2]) == -ERESTART)
        host_return_to_guest();
    put_domain(machine_domains[2]);
    machine_domains[2] = NULL;
    machine_end();
}

void smp_try_seed(u64 seed)
{
    u64 state = seed * 0x9e3779b97f4a7c15UL + 1;

    with_memory = seed % 4 == 0;
    begin(&state);
    get_domain(machine_domains[2]);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        finished = 0;
        dying = round == ROUNDS - 1;
        smp_run(work, pv_random(&state));
        check();
    }
    control_kill_timers();
    end();
}
