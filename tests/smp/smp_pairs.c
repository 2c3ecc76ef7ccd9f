/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(SMP_PAIRS) */
/*
 * Two operations that meet: one is interrupted at each of its points in turn, for as long as the
 * other one takes. What chance brings about once in a million seeds (smp_vcpus) happens here for
 * sure. A word that is changed by a plain access has no point within:
 * unit/hypervisor/test_two_threads.c is for these.
 */
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <unistd.h>

#include <asm/entry.h>
#include <asm/pv.h>
#include <evtchn_impl.h>
#include <hypercall.h>

#include "../fuzz/pv_machine.h"
#include "smp_interleave.c" /* NOLINT(bugprone-suspicious-include) */

#define BIT(n) (1U << (n))

struct pair {
    const char *name;
    void (*prepare)(void);
    void (*operation[2])(void); /* on CPU 0 and on CPU 1 */
    void (*check)(void);        /* on CPU 0, when both are done */
};

void smp_devices(u64 random)
{
}

/* ---- events by FIFO ---- */

#define DEFAULT EVTCHN_FIFO_PRIORITY_DEFAULT
#define OTHER   3U

/* The receiver is domain 2; domains 0 and 1 have one port each to it, which leads to port[]. */
static evtchn_port_t port[2], sender_port[2];
static event_word_t *words;
static struct evtchn_fifo_control_block *block;

/* The current vCPU makes the call. */
static long event_op(unsigned int cmd, void *op, unsigned long size)
{
    unsigned long arg = GUEST(smp_processor_id() * PV_ACTOR_WINDOW);
    long rc;

    memcpy((void *)arg, op, size);
    rc = do_event_channel_op(cmd, arg);
    memcpy(op, (void *)arg, size);
    return rc;
}

/* Domain @n runs on this CPU and connects to domain 2, which runs on the other one. */
static void connect(unsigned int n, unsigned int own_cpu)
{
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = (domid_t)n};
    struct evtchn_bind_interdomain bind = {.remote_dom = 2};

    host_run_on(0);
    machine_switch(2, 0);
    BUG_ON(event_op(EVTCHNOP_alloc_unbound, &unbound, sizeof(unbound)));
    bind.remote_port = port[n] = unbound.port;
    machine_run(this_cpu()->rq.idle);
    host_run_on(own_cpu);
    machine_switch(n, 0);
    BUG_ON(event_op(EVTCHNOP_bind_interdomain, &bind, sizeof(bind)));
    sender_port[n] = bind.local_port;
    host_run_on(0);
}

static void expand_array(void)
{
    struct evtchn_expand_array op = {.array_gfn = virt_to_mfn(words).n};

    BUG_ON(event_op(EVTCHNOP_expand_array, &op, sizeof(op)));
}

/* The receiver, which runs here for a moment, has its control block and maybe event words. */
static void receive_by_fifo(bool with_words)
{
    mfn_t frame = page_to_mfn(host_frame(machine_domains[2], 11));
    struct evtchn_init_control init = {.control_gfn = frame.n};
    struct vcpu *v = current;

    words = mfn_to_virt(page_to_mfn(host_frame(machine_domains[2], 10)));
    block = mfn_to_virt(frame);
    machine_switch(2, 0);
    BUG_ON(event_op(EVTCHNOP_init_control, &init, sizeof(init)));
    if (with_words)
        expand_array();
    machine_run(v);
}

static void send(unsigned int n)
{
    BUG_ON(evtchn_send(machine_domains[n], sender_port[n]));
}

static void send_from_0(void)
{
    send(0);
}

static void send_from_1(void)
{
    send(1);
}

static void set_priority(evtchn_port_t p, unsigned int priority)
{
    const struct evtchn_set_priority op = {.port = p, .priority = priority};

    BUG_ON(evtchn_fifo_set_priority(machine_domains[2], &op));
}

/* The guest takes all ports off queue @q. @return them, a bit a port */
static unsigned long take_all(unsigned int q)
{
    evtchn_port_t p = block->head[q];
    unsigned long taken = 0;

    block->head[q] = 0;
    while (p) {
        event_word_t w = words[p];

        if (p >= BITS_PER_LONG || taken >> p & 1 || !(w & BIT(EVTCHN_FIFO_LINKED)))
            panic("queue %u has port %u (word %x) behind those of %lx", q, p, w, taken);
        words[p] = w & ~(BIT(EVTCHN_FIFO_LINKED) | BIT(EVTCHN_FIFO_PENDING) |
                         (event_word_t)EVTCHN_FIFO_LINK_MASK);
        if (w & BIT(EVTCHN_FIFO_PENDING))
            taken |= 1UL << p;
        p = w & EVTCHN_FIFO_LINK_MASK;
    }
    return taken;
}

static void expect_queue(unsigned int q, unsigned long ports)
{
    unsigned long taken;

    if (ports && !(block->ready & BIT(q)))
        panic("the guest is not told of queue %u", q);
    taken = take_all(q);
    if (taken != ports)
        panic("the guest finds ports %lx in queue %u, and not %lx", taken, q, ports);
}

static void expect_told(void)
{
    if (!machine_domains[2]->vcpu[0]->info->evtchn_upcall_pending)
        panic("the guest is not told of its queues");
}

/* An event comes while the guest gets the words that show it. */
static void prepare_growth(void)
{
    connect(0, 0);
    receive_by_fifo(false);
    host_run_on(1);
    machine_switch(2, 0);
}

static void check_growth(void)
{
    expect_told();
    expect_queue(DEFAULT, 1UL << port[0]);
}

/* Two ports of one queue. */
static void prepare_two_ports(void)
{
    connect(0, 0);
    connect(1, 1);
    receive_by_fifo(true);
}

static void check_two_ports(void)
{
    expect_told();
    expect_queue(DEFAULT, 1UL << port[0] | 1UL << port[1]);
}

/* The last port of a queue goes to another one, and a port comes to the first. */
static void prepare_move(void)
{
    prepare_two_ports();
    send(0);
    (void)take_all(DEFAULT);
    block->ready = 0;
    set_priority(port[0], OTHER);
}

static void check_move(void)
{
    expect_told();
    expect_queue(DEFAULT, 1UL << port[1]);
    expect_queue(OTHER, 1UL << port[0]);
}

/* Both go to where the other one was. */
static void prepare_exchange(void)
{
    prepare_two_ports();
    set_priority(port[1], OTHER);
    send(0);
    send(1);
    (void)take_all(DEFAULT);
    (void)take_all(OTHER);
    block->ready = 0;
    set_priority(port[0], OTHER);
    set_priority(port[1], DEFAULT);
}

static void prepare_one_port(void)
{
    connect(0, 0);
    receive_by_fifo(true);
    host_run_on(1);
    machine_switch(2, 0);
}

/* A port becomes pending while its guest unmasks it. */
static void prepare_unmask(void)
{
    prepare_one_port();
    words[port[0]] = BIT(EVTCHN_FIFO_MASKED);
}

static void unmask(void)
{
    struct evtchn_unmask op = {.port = port[0]};

    BUG_ON(event_op(EVTCHNOP_unmask, &op, sizeof(op)));
}

/* A port becomes pending while its priority changes: it is in one of both queues. */
static void change_priority(void)
{
    set_priority(port[0], OTHER);
}

static void check_one_of_both(void)
{
    unsigned int q = block->head[OTHER] ? OTHER : DEFAULT;

    expect_told();
    expect_queue(q, 1UL << port[0]);
    expect_queue(DEFAULT + OTHER - q, 0);
}

/* ---- NMIs ---- */

static struct vcpu *target(void)
{
    return machine_domains[1]->vcpu[1];
}

static void prepare_nmi(void)
{
    machine_run(this_cpu()->rq.idle);
    host_run_on(1);
    machine_switch(0, 0);
}

static void run_target(void)
{
    machine_run(target());
}

static void send_nmi(void)
{
    pv_set_nmi_pending(target());
}

static void check_nmi(void)
{
    if (!target()->nmi_pending || !(get_cpu_info()->exit_work & EXIT_WORK_NMI))
        panic("the vCPU runs, and does not see that it has an NMI");
}

/* ---- caps ---- */

static struct vcpu *first_of_1(void)
{
    return machine_domains[1]->vcpu[0];
}

/* A vCPU is parked as its domain has nothing left to run, and at that moment it has no cap more. */
static void prepare_cap(void)
{
    machine_run(this_cpu()->rq.idle);
    first_of_1()->domain->cap.percent = 10;
    first_of_1()->processor = 0;
}

static void park(void)
{
    unsigned long flags = spin_lock_irqsave(&this_cpu()->rq.lock);

    cap_park(first_of_1());
    spin_unlock_irqrestore(&this_cpu()->rq.lock, flags);
}

static void end_cap(void)
{
    cap_set(first_of_1()->domain, 0);
}

static void check_cap(void)
{
    const struct sched_cap *cap = &first_of_1()->domain->cap;

    if (cap->parked != first_of_1()->cap.parked || list_empty(&cap->waiting) != !cap->parked)
        panic("%u vCPUs are parked, %d", cap->parked, first_of_1()->cap.parked);
    if (cap->parked && !cap->refill.queued)
        panic("a vCPU is parked, and no period begins");
    if (cap->parked)
        cap_unpark(first_of_1());
    timer_stop(&first_of_1()->domain->cap.refill);
}

/* ---- all of them ---- */

static const struct pair pairs[] = {
    {"event words come", prepare_growth, {send_from_0, expand_array}, check_growth},
    {"two ports of a queue", prepare_two_ports, {send_from_0, send_from_1}, check_two_ports},
    {"a port leaves its queue", prepare_move, {send_from_0, send_from_1}, check_move},
    {"two ports change places", prepare_exchange, {send_from_0, send_from_1}, check_move},
    {"a port is unmasked", prepare_unmask, {send_from_0, unmask}, check_growth},
    {"a priority changes", prepare_one_port, {send_from_0, change_priority}, check_one_of_both},
    {"an NMI for a vCPU that begins to run", prepare_nmi, {run_target, send_nmi}, check_nmi},
    {"a cap ends", prepare_cap, {park, end_cap}, check_cap},
};

static const struct pair *tried;
static unsigned int first_cpu, interrupted_at;
static bool was_interrupted; /* the first CPU was not done yet when the other one began */

static void operate(void)
{
    unsigned int cpu = smp_processor_id();

    if (cpu != first_cpu && !coroutines[first_cpu].done)
        was_interrupted = true;
    tried->operation[cpu]();
}

static char trial[128]; /* what a failure says */
static size_t trial_length;

static void name_trial(void)
{
    (void)!write(2, trial, trial_length);
}

static void trapped(int sig)
{
    name_trial();
    _exit(1);
}

static void try_once(void)
{
    trial_length = (size_t)snprintf(trial, sizeof(trial),
                                    "%s: CPU %u interrupted at its point %u\n", tried->name,
                                    first_cpu, interrupted_at);
    machine_start(PV_FRAMES_EACH);
    machine_run(this_cpu()->rq.idle);
    tried->prepare();
    host_run_on(0);
    was_interrupted = false;
    smp_run_interrupted(operate, first_cpu, interrupted_at);
    host_run_on(0);
    tried->check();
    machine_end();
}

int main(void)
{
    signal(SIGILL, trapped);
    signal(SIGTRAP, trapped);
    __sanitizer_set_death_callback(name_trial);
    host_boot_cpus = 2;
    for (tried = pairs; tried < pairs + ARRAY_SIZE(pairs); tried++) {
        for (first_cpu = 0; first_cpu < 2; first_cpu++) {
            interrupted_at = 0;
            do {
                interrupted_at++;
                try_once();
            } while (was_interrupted);
            name_trial(); /* one point more than it has */
        }
    }
    return 0;
}
