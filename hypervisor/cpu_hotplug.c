/* SPDX-License-Identifier: MIT */
/*
 * Physical CPUs that dom0 takes out of use and back, all but CPU 0.
 *
 * A CPU that is out of use stays in its idle loop, with interrupts on, and nothing reaches it: it
 * gets no vCPU, no timer, no interrupt of a device and, once it has left cpu_online, no request for
 * a flush. It sleeps there as deeply as an idle CPU does, and is back in microseconds. That has two
 * advantages over an INIT or a halt with interrupts off. Whoever looked at it a moment before it
 * left (to raise a softirq, or to have it flush) is still answered, so nobody has to wait until all
 * others have forgotten it. And an NMI or a machine check finds a CPU that can take it: all CPUs
 * get a machine check, and one that waits for a startup interrupt would shut the machine down.
 *
 * The hypercall makes the steps that concern the scheduler, and tells dom0; the CPU itself, in its
 * idle loop, all others. They take turns through cpu->state:
 *
 *   UP -> LEAVING       hypercall: the scheduler gives it no vCPUs any longer
 *   LEAVING -> LEFT     the CPU, when it is idle: see leave()
 *   LEFT -> DOWN        hypercall: tells dom0
 *   DOWN -> RETURNING   hypercall
 *   RETURNING -> RETURNED  the CPU: see come_back()
 *   RETURNED -> UP      hypercall: the scheduler gives it vCPUs again, tells dom0
 *
 * A hypercall that is preempted while it waits for the CPU is executed again, perhaps on another
 * CPU (its own may be the one that goes), and goes on from the state that it finds; so does another
 * one if that never comes back.
 */
#include <arch.h>
#include <cpu_hotplug.h>
#include <event_channel.h>
#include <hypercall.h>
#include <percpu.h>
#include <sched.h>
#include <softirq.h>
#include <timer.h>

static spinlock_t hotplug_lock = SPINLOCK_INIT(RANK_HOTPLUG);

/* ---- on the CPU ---- */

/*
 * This CPU runs nothing and is offered nothing: it leaves. Callbacks that wait for a grace period
 * here come first; their softirq brings the idle loop back.
 */
static void leave(struct cpu *cpu)
{
    if (!sched_cpu_is_empty(cpu->id) || rcu_callbacks_wait())
        return;
    arch_cpu_leave();
    fair_cpu_rest(&cpu->rq);
    timer_cpu_close(0);
    cpumask_clear(&cpu_online, cpu->id);
    store_release(&cpu->state, (u32)CPU_LEFT);
}

static void come_back(struct cpu *cpu)
{
    timer_cpu_open();
    arch_cpu_return();
    tlb_flush_local(); /* nobody has asked it to while it was away */
    cpumask_set(&cpu_online, cpu->id);
    tlb_flush_local(); /* and nobody between these two */
    store_release(&cpu->state, (u32)CPU_RETURNED);
}

void cpu_hotplug_step(void)
{
    struct cpu *cpu = this_cpu();

    if (cpu->state == CPU_LEAVING)
        leave(cpu);
    else if (cpu->state == CPU_RETURNING)
        come_back(cpu);
}

/* ---- in the hypercall ---- */

/* Changes the state of @cpu, which is to look at it. */
static void set_state(struct cpu *cpu, enum cpu_state state)
{
    store_release(&cpu->state, (u32)state);
    softirq_raise_on(cpu->id, SOFTIRQ_SCHEDULE);
}

/* Brings @cpu into use, or out of it. Errors as in cpu_hotplug.h. Locks: hotplug_lock is held. */
static int change_use(struct cpu *cpu, bool use)
{
    for (;;) {
        switch ((enum cpu_state)load_acquire(&cpu->state)) {
        case CPU_UP:
            if (use)
                return -XEN_EEXIST;
            sched_cpu_down(cpu->id); /* CPU 0 stays, so this is not the last one */
            set_state(cpu, CPU_LEAVING);
            break;
        case CPU_LEFT:
            set_state(cpu, CPU_DOWN);
            if (!use)
                return 0;
            break;
        case CPU_DOWN:
            if (!use)
                return -XEN_EEXIST;
            set_state(cpu, CPU_RETURNING);
            break;
        case CPU_RETURNED:
            sched_cpu_up(cpu->id);
            set_state(cpu, CPU_UP);
            if (use)
                return 0;
            break;
        case CPU_LEAVING:
        case CPU_RETURNING:
            if (hypercall_preempt_check())
                return -ERESTART;
            tlb_relax();
            break;
        }
    }
}

int cpu_set_use(unsigned int cpu, bool use)
{
    int rc;

    if (cpu >= nr_cpus || (cpu == 0 && !use))
        return -XEN_EINVAL;
    if (!spin_trylock(&hotplug_lock))
        return -ERESTART;
    rc = change_use(cpus[cpu], use);
    spin_unlock(&hotplug_lock);
    if (rc)
        return rc;
    printk(LOG_DEBUG, "CPU %u is %s", cpu, use ? "online" : "offline");
    send_global_virq(VIRQ_PCPU_STATE);
    return 0;
}
