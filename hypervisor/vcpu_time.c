/* SPDX-License-Identifier: MIT */
/*
 * The timers of a vCPU: singleshot and periodic, both raising VIRQ_TIMER.
 * The singleshot timer expires whether the vCPU runs or not; the periodic one ticks only while it
 * runs, and one tick that came due meanwhile is delivered when it runs again.
 */
#include <arch.h>
#include <event_channel.h>
#include <percpu.h>
#include <sched.h>

static void singleshot_expired(void *arg)
{
    send_guest_vcpu_virq(arg, VIRQ_TIMER);
}

static void periodic_expired(void *arg)
{
    struct vcpu *v = arg;

    v->periodic_last += v->periodic_period;
    send_guest_vcpu_virq(v, VIRQ_TIMER);
    if (v->periodic_period && READ_ONCE(v->is_running))
        timer_set(&v->periodic, v->periodic_last + v->periodic_period);
}

static void poll_expired(void *arg)
{
    vcpu_poll_timeout(arg);
}

void vcpu_time_init(struct vcpu *v)
{
    timer_init(&v->singleshot, singleshot_expired, v, v->processor);
    timer_init(&v->periodic, periodic_expired, v, v->processor);
    timer_init(&v->poll_timer, poll_expired, v, v->processor);
}

void vcpu_time_destroy(struct vcpu *v)
{
    timer_kill(&v->singleshot);
    timer_kill(&v->periodic);
    timer_kill(&v->poll_timer);
}

/*
 * Sets the periodic timer again. It is a function of its own, so that the common way saves no
 * registers for it.
 */
static __noinline void resume_ticking(struct vcpu *v)
{
    s_time_t t = now();

    if (v->periodic_last + v->periodic_period <= t) {
        /* Only one of the missed ticks is made up for. */
        v->periodic_last = t - (t - v->periodic_last) % v->periodic_period;
        send_guest_vcpu_virq(v, VIRQ_TIMER);
    }
    timer_set(&v->periodic, v->periodic_last + v->periodic_period);
}

/* Rare, as resume_ticking(). */
__noinline void vcpu_time_move(struct vcpu *v, unsigned int cpu)
{
    timer_migrate(&v->singleshot, cpu);
    timer_migrate(&v->periodic, cpu);
    timer_migrate(&v->poll_timer, cpu);
}

void vcpu_time_switch_in(struct vcpu *v)
{
    if (unlikely(READ_ONCE(v->singleshot.cpu) != smp_processor_id()))
        vcpu_time_move(v, smp_processor_id());
    if (v->periodic_period)
        resume_ticking(v);
}

void vcpu_time_switch_out(struct vcpu *v)
{
    if (v->periodic_period)
        timer_stop(&v->periodic);
}

/* HYPERVISOR_set_timer_op: 0 stops; a time in the past fires at once. */
long do_set_timer_op(s_time_t timeout)
{
    struct vcpu *v = current;

    if (timeout == 0) {
        timer_stop(&v->singleshot);
    } else {
        /*
         * Linux hands in an overflowed (negative) or absurdly far time when it has nothing to wait
         * for; an early interrupt does no harm there, a lost one would.
         */
        s_time_t t = now();

        if (unlikely(timeout < 0 || timeout - t >= SECONDS(0x40000)))
            timeout = t + MILLISECS(100);
        timer_set(&v->singleshot, timeout);
    }
    return 0;
}
