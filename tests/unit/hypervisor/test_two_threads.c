/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Words and lists that two CPUs change at the same moment: two threads do so very often. An atomic
 * operation made plain, or a lock that is not taken, shows here, and hardly to a seed of tests/smp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <evtchn_impl.h>
#include <host.h>
#include <sched_impl.h>

/* pthread.h includes <sched.h>, and that is the hypervisor's here. */
int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);
int sched_setaffinity(int thread, size_t bytes, const void *mask);
int sched_yield(void);

#define ROUNDS      100000U
#define BIT(n)      (1U << (n))
#define OP(cmd, op) host_call2(do_event_channel_op, EVTCHNOP_##cmd, &(op), sizeof(op))

static struct domain *d;
static event_word_t *words;
static struct evtchn_fifo_control_block *block;
static evtchn_port_t port[2];

/* ---- two threads ---- */

/* The other thread may have no processor just now. */
void host_relax(void)
{
    static __thread unsigned int waits;

    if (++waits % 512 == 0)
        sched_yield();
}

static void (*work)(unsigned int cpu);
static u32 arrived;

static void run_on(unsigned int cpu)
{
    unsigned long mask = 1UL << cpu;

    sched_setaffinity(0, sizeof(mask), &mask); /* else both may share one for long */
    host_run_on(cpu);
    local_irq_enable();
    work(cpu);
}

static void *second_thread(void *arg)
{
    run_on(1);
    return NULL;
}

static void run_both(void (*fn)(unsigned int cpu))
{
    unsigned long thread;

    work = fn;
    arrived = 0;
    assert_int_equal(pthread_create(&thread, NULL, second_thread, NULL), 0);
    run_on(0);
    pthread_join(thread, NULL);
}

/* Waits until both have come here for the @n-th time, from 1 on. */
static void meet(u32 n)
{
    atomic_add(&arrived, 1);
    while (load_acquire(&arrived) < 2 * n)
        cpu_relax();
}

/* ---- event words ---- */

static evtchn_port_t ipi(void)
{
    struct evtchn_bind_ipi op = {.vcpu = 0};

    assert_int_equal(OP(bind_ipi, op), 0);
    return op.port;
}

static int setup(void **state)
{
    struct evtchn_init_control init;
    struct evtchn_expand_array expand;

    host_boot_cpus = 2;
    host_boot(4096);
    host_preempt_every(0);
    d = host_domain(1, 2, 16, true);
    if (!d)
        return -1;
    host_become(d->vcpu[0]);
    init = (struct evtchn_init_control){.control_gfn = page_to_mfn(host_frame(d, 0)).n};
    expand.array_gfn = page_to_mfn(host_frame(d, 1)).n;
    block = mfn_to_virt(MFN(init.control_gfn));
    words = mfn_to_virt(MFN(expand.array_gfn));
    if (OP(init_control, init) || OP(expand_array, expand))
        return -1;
    port[0] = ipi();
    port[1] = ipi();
    d->vcpu[0]->info->evtchn_upcall_pending = 1; /* nobody is to be woken */
    return 0;
}

static int teardown(void **state)
{
    host_run_on(0);
    host_kill(d);
    host_boot_cpus = 1;
    return 0;
}

/* A bit of the guest's, which the interface does not use: nobody but the guest changes it. */
#define OWN BIT(20)

static bool stop, lost;

/* The guest, on the other CPU, sets and clears its bit, which is always as it was left. */
static void change_own_bit(u32 *word)
{
    if (atomic_or(word, OWN) & OWN)
        store_release(&lost, true);
    if (!(atomic_and(word, ~OWN) & OWN))
        store_release(&lost, true);
}

static void clear_word(u32 *word)
{
    (void)atomic_and(word, OWN);
}

static void send_or_change(unsigned int cpu)
{
    meet(1);
    while (cpu == 1 && !load_acquire(&stop)) {
        change_own_bit(&words[port[0]]);
        change_own_bit(&words[port[1]]);
        change_own_bit(&block->ready);
    }
    if (cpu == 1)
        return;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        (void)atomic_or(&words[port[0]], BIT(EVTCHN_FIFO_MASKED));
        evtchn_send(d, port[0]);
        evtchn_fifo_unmask(d, evtchn_lookup(d, port[0]));
        evtchn_send(d, port[1]); /* behind the first */
        for (unsigned int n = 0; n < 2; n++) {
            evtchn_fifo_clear_pending(d, evtchn_lookup(d, port[n]));
            clear_word(&words[port[n]]);
        }
        clear_word(&block->ready);
        block->head[EVTCHN_FIFO_PRIORITY_DEFAULT] = 0;
    }
    store_release(&stop, true);
}

static void words_are_the_guests_too(void **state)
{
    stop = lost = false;
    run_both(send_or_change);
    assert_false(lost);
}

/* ---- a queue ---- */

static bool guest_takes;    /* one of its vCPUs does */
static evtchn_port_t first; /* in the queue, as the guest knows it; 0: it has to look */

static void take_first(void)
{
    event_word_t w;

    if (!first)
        first = READ_ONCE(block->head[EVTCHN_FIFO_PRIORITY_DEFAULT]);
    w = READ_ONCE(words[first]);
    while (!cmpxchg(&words[first], &w,
                    w & ~(BIT(EVTCHN_FIFO_LINKED) | (event_word_t)EVTCHN_FIFO_LINK_MASK)))
        ;
    atomic_and(&words[first], ~BIT(EVTCHN_FIFO_PENDING));
    first = w & EVTCHN_FIFO_LINK_MASK;
}

/* As a guest's handler does it. */
static void take_all(void)
{
    while (xchg(&guest_takes, true))
        cpu_relax();
    while (first || xchg(&block->ready, 0))
        take_first();
    store_release(&guest_takes, false);
}

static void send_own_port(unsigned int cpu)
{
    meet(1);
    for (u32 i = 0; i < ROUNDS; i++) {
        evtchn_send(d, port[cpu]);
        take_all();
    }
}

/* A port that is lost stays pending, and nobody finds it. */
static void ports_of_a_queue(void **state)
{
    first = 0;
    run_both(send_own_port);
    take_all();
    assert_int_equal(words[port[0]], 0);
    assert_int_equal(words[port[1]], 0);
}

/* ---- parked vCPUs ---- */

static void park_own_vcpu(unsigned int cpu)
{
    struct vcpu *v = d->vcpu[cpu];

    meet(1);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        unsigned long flags = spin_lock_irqsave(&this_cpu()->rq.lock);

        cap_park(v);
        cap_unpark(v);
        spin_unlock_irqrestore(&this_cpu()->rq.lock, flags);
    }
}

static void parked_vcpus(void **state)
{
    run_both(park_own_vcpu);
    assert_int_equal(d->cap.parked, 0);
    assert_true(list_empty(&d->cap.waiting));
    timer_stop(&d->cap.refill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_are_the_guests_too, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_of_a_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(parked_vcpus, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
