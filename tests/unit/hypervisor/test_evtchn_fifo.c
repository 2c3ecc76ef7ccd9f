/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) tests/host/changing_memory.c */
/*
 * FIFO delivery: switching to it and back, order within and between queues, and guests that
 * scribble over event words and control blocks. The consumer in this file is what a guest's kernel
 * does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <evtchn_impl.h>
#include <host.h>
#include <public/sched.h>

#include "../../host/changing_memory.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define BIT(n)         (1U << (n))

static struct domain *d;
static unsigned long pages_before, objects_before;
static event_word_t *words[4];
static struct evtchn_fifo_control_block *blocks[2];

static int setup(void **state)
{
    host_boot(4096);
    host_preempt_every(0);
    pages_before = heap_free_pages();
    objects_before = host_objects();
    d = host_domain(1, 2, 16, true);
    host_become(d->vcpu[0]);
    return d ? 0 : -1;
}

static int teardown(void **state)
{
    host_kill(d);
    /* A domain of that many ports goes in pieces, some time apart. */
    for (unsigned int i = 0; i < 16; i++)
        host_advance(MILLISECS(1));
    return pages_before == heap_free_pages() && objects_before == host_objects() ? 0 : -1;
}

#define OP(cmd, op) host_call2(do_event_channel_op, EVTCHNOP_##cmd, &(op), sizeof(op))

static u64 frame(unsigned int n)
{
    return page_to_mfn(host_frame(d, n)).n;
}

static void fifo_on(unsigned int pages)
{
    for (unsigned int i = 0; i < 2; i++) {
        struct evtchn_init_control init = {.control_gfn = frame(i), .offset = i * 512, .vcpu = i};

        assert_int_equal(OP(init_control, init), 0);
        assert_int_equal(init.link_bits, EVTCHN_FIFO_LINK_BITS);
        blocks[i] = (void *)((char *)mfn_to_virt(MFN(frame(i))) + i * 512);
    }
    for (unsigned int i = 0; i < pages; i++) {
        struct evtchn_expand_array expand = {.array_gfn = frame(2 + i)};

        assert_int_equal(OP(expand_array, expand), 0);
        words[i] = mfn_to_virt(MFN(frame(2 + i)));
    }
}

static event_word_t *word(evtchn_port_t port)
{
    return &words[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE];
}

static evtchn_port_t ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};

    assert_int_equal(OP(bind_ipi, op), 0);
    return op.port;
}

/* Takes the next port off queue @q of @vcpu as a guest does; 0: none. Clears its pending bit. */
static evtchn_port_t consume(unsigned int vcpu, unsigned int q)
{
    evtchn_port_t port = blocks[vcpu]->head[q];
    event_word_t w;

    if (!port)
        return 0;
    w = *word(port);
    blocks[vcpu]->head[q] = w & EVTCHN_FIFO_LINK_MASK;
    *word(port) = w & ~(BIT(EVTCHN_FIFO_LINKED) | BIT(EVTCHN_FIFO_PENDING) | EVTCHN_FIFO_LINK_MASK);
    return port;
}

static void in_order(void **state)
{
    evtchn_port_t p[5];

    fifo_on(1);
    for (unsigned int i = 0; i < 5; i++)
        p[i] = ipi(0);
    for (unsigned int round = 0; round < 3; round++) {
        blocks[0]->ready = 0;
        d->vcpu[0]->info->evtchn_upcall_pending = 0;
        for (unsigned int i = 0; i < 5; i++)
            evtchn_send(d, p[(i * 3 + round) % 5]);
        evtchn_send(d, p[round]); /* pending already */
        assert_int_equal(blocks[0]->ready, BIT(EVTCHN_FIFO_PRIORITY_DEFAULT));
        assert_int_equal(d->vcpu[0]->info->evtchn_upcall_pending, 1);
        for (unsigned int i = 0; i < 5; i++)
            assert_int_equal(consume(0, EVTCHN_FIFO_PRIORITY_DEFAULT), p[(i * 3 + round) % 5]);
        assert_int_equal(consume(0, EVTCHN_FIFO_PRIORITY_DEFAULT), 0);
    }
}

static void priorities(void **state)
{
    struct evtchn_set_priority set = {.priority = 3};
    evtchn_port_t p;

    p = ipi(1);
    set.port = p;
    assert_int_equal(OP(set_priority, set), -XEN_ENOSYS); /* not in two-level mode */
    fifo_on(1);
    assert_int_equal(OP(set_priority, set), 0);
    evtchn_send(d, p);
    assert_int_equal(blocks[1]->ready, BIT(3));
    set.priority = 5;
    assert_int_equal(OP(set_priority, set), 0); /* takes effect when it is linked again */
    assert_int_equal(blocks[1]->head[3], p);
    assert_int_equal(consume(1, 3), p);
    evtchn_send(d, p);
    assert_int_equal(consume(1, 3), 0);
    assert_int_equal(consume(1, 5), p);
    set.priority = EVTCHN_FIFO_PRIORITY_MIN + 1;
    assert_int_equal(OP(set_priority, set), -XEN_EINVAL);
    set.port = 100000;
    assert_int_equal(OP(set_priority, set), -XEN_EINVAL);
}

/*
 * A port that was the last of its queue goes to another one: what comes to the first then is not
 * linked behind it.
 */
static void last_of_queue_moves(void **state)
{
    struct evtchn_set_priority set = {.priority = 3};
    evtchn_port_t moves = ipi(0), stays = ipi(0);

    fifo_on(1);
    set.port = moves;
    assert_int_equal(OP(set_priority, set), 0);
    set.port = stays;
    assert_int_equal(OP(set_priority, set), 0);
    evtchn_send(d, moves);
    assert_int_equal(consume(0, 3), moves);
    set.port = moves;
    set.priority = 5;
    assert_int_equal(OP(set_priority, set), 0);
    blocks[0]->ready = 0;
    evtchn_send(d, moves);
    evtchn_send(d, stays);
    assert_int_equal(blocks[0]->ready, BIT(3) | BIT(5));
    assert_int_equal(consume(0, 3), stays);
    assert_int_equal(consume(0, 5), moves);
    assert_int_equal(consume(0, 5), 0);
}

static void masked(void **state)
{
    struct evtchn_unmask unmask;
    evtchn_port_t p;

    fifo_on(1);
    unmask.port = p = ipi(0);
    *word(p) |= BIT(EVTCHN_FIFO_MASKED);
    evtchn_send(d, p);
    assert_int_equal(blocks[0]->ready, 0);
    assert_int_equal(evtchn_port_poll(d, p), 1);
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(consume(0, EVTCHN_FIFO_PRIORITY_DEFAULT), p);
}

/* What became pending before there was an event word is shown when the word comes. */
static void latched_is_shown(void **state)
{
    evtchn_port_t before = ipi(0), p;
    struct evtchn_expand_array expand;

    evtchn_send(d, before);
    fifo_on(0);
    p = ipi(1);
    evtchn_send(d, p);
    assert_int_equal(blocks[0]->ready | blocks[1]->ready, 0);
    expand.array_gfn = frame(2);
    words[0] = mfn_to_virt(MFN(frame(2)));
    assert_int_equal(OP(expand_array, expand), 0);
    assert_int_equal(consume(0, EVTCHN_FIFO_PRIORITY_DEFAULT), before);
    assert_int_equal(consume(1, EVTCHN_FIFO_PRIORITY_DEFAULT), p);
}

static void bad_calls(void **state)
{
    struct evtchn_init_control init = {.control_gfn = frame(0), .vcpu = 7};
    struct evtchn_expand_array expand = {.array_gfn = frame(2)};
    struct page *pg = host_frame(d, 3);

    assert_int_equal(OP(expand_array, expand), -XEN_EOPNOTSUPP); /* not yet */
    assert_int_equal(OP(init_control, init), -XEN_ENOENT);
    init.vcpu = 0;
    init.offset = 4;
    assert_int_equal(OP(init_control, init), -XEN_EINVAL);
    init.offset = PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) + 8;
    assert_int_equal(OP(init_control, init), -XEN_EINVAL);
    init.offset = ~7U;
    assert_int_equal(OP(init_control, init), -XEN_EINVAL);
    init.offset = 0;
    for (unsigned int i = 0; i < 6; i++) {
        const u64 bad[] = {0, ~0UL, 1UL << 40, virt_to_mfn(d).n, max_page, 1};

        init.control_gfn = bad[i];
        assert_int_equal(OP(init_control, init), -XEN_EINVAL);
        assert_null(d->evtchn_fifo); /* nothing has changed */
    }
    init.control_gfn = frame(0);
    assert_int_equal(OP(init_control, init), 0);
    assert_int_equal(OP(init_control, init), -XEN_EINVAL); /* there is one */

    /* A frame in use as a page table can be neither. */
    assert_true(get_page(pg, d));
    assert_int_equal(get_page_type(pg, PG_TYPE_L1, false), 0);
    expand.array_gfn = frame(3);
    assert_int_equal(OP(expand_array, expand), -XEN_EINVAL);
    put_page_and_type(pg);
    assert_int_equal(OP(expand_array, expand), 0);
    assert_int_equal(get_page_and_type(pg, d, PG_TYPE_L1), -XEN_EINVAL);
}

static void array_limit(void **state)
{
    struct evtchn_expand_array expand = {.array_gfn = frame(2)};

    fifo_on(0);
    /* The same frame again and again is the guest's own business. */
    for (unsigned int i = 0; i < EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE; i++)
        assert_int_equal(OP(expand_array, expand), 0);
    assert_int_equal(OP(expand_array, expand), -XEN_ENOSPC);
}

static void many_ports(void **state)
{
    struct evtchn_bind_ipi op = {.vcpu = 0};

    fifo_on(4);
    for (unsigned int i = 1; i < 4096; i++)
        ipi(0);
    evtchn_send(d, 4095);
    assert_int_equal(consume(0, EVTCHN_FIFO_PRIORITY_DEFAULT), 4095);
    assert_int_equal(OP(bind_ipi, op), 0); /* beyond two-level's end */
    evtchn_send(d, op.port);               /* no word: latched */
    assert_int_equal(evtchn_port_poll(d, op.port), 0);
}

static void close_port(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};

    assert_int_equal(OP(close, op), 0);
}

/*
 * Free ports are found wherever they are; and the memory of so many ports is freed in several
 * pieces.
 */
static void very_many_ports(void **state)
{
    enum { PORTS = 20000 };
    unsigned int pieces = 0;

    fifo_on(1);
    for (unsigned int i = 1; i < PORTS; i++)
        assert_int_equal(ipi(0), i);
    close_port(PORTS - 7);
    close_port(64);
    assert_int_equal(ipi(0), 64);
    assert_int_equal(ipi(0), PORTS - 7);
    assert_int_equal(ipi(0), PORTS);

    host_kill(d);
    while (host_objects() != objects_before) {
        unsigned long objects = host_objects();

        assert_in_range(++pieces, 1, PORTS / EVTCHNS_PER_BUCKET / 100);
        host_advance(MILLISECS(1));
        assert_in_range(objects - host_objects(), 1, 300);
    }
    assert_in_range(pieces, 1, ~0U);
    d = host_domain(1, 2, 16, true);
}

static void out_of_memory(void **state)
{
    unsigned int failures = 0;

    for (unsigned long n = 1;; n++) {
        struct evtchn_init_control init = {.control_gfn = frame(0)};
        unsigned long objects = host_objects();

        host_fail_allocation(n);
        if (OP(init_control, init) == 0)
            break;
        assert_true(host_failed());
        assert_null(d->evtchn_fifo);
        assert_int_equal(objects, host_objects());
        failures++;
    }
    host_fail_allocation(0);
    assert_int_equal(failures, 3); /* the domain's and two vCPUs' */
}

static void back_to_two_level(void **state)
{
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    evtchn_port_t p;

    fifo_on(1);
    p = ipi(0);
    evtchn_send(d, p);
    assert_int_equal(OP(reset, reset), 0);
    assert_null(d->evtchn_fifo);
    p = ipi(0);
    evtchn_send(d, p);
    assert_true(test_bit(d->shared_info->evtchn_pending, p));
    /* The frames are the guest's again: one may become a page table. */
    assert_int_equal(get_page_and_type(host_frame(d, 0), d, PG_TYPE_L1), 0);
    put_page_and_type(host_frame(d, 0));
    fifo_on(1);
}

/* Random words and heads between sends. Ports still work once the guest stops. */
static void scribbling(void **state)
{
    unsigned int seed = 7;
    evtchn_port_t p[40];

    fifo_on(2);
    for (unsigned int i = 0; i < 40; i++)
        p[i] = ipi(i % 2);
    for (unsigned int i = 0; i < 20000; i++) {
        struct evtchn_set_priority set = {.port = p[i % 40]};

        seed = seed * 1103515245 + 12345;
        *word(seed >> 8 & 0x7f) = seed * 2654435761U;
        blocks[seed >> 4 & 1]->head[seed >> 16 & 15] = seed >> 3;
        blocks[seed >> 5 & 1]->ready = seed >> 7;
        evtchn_send(d, p[(seed >> 11) % 40]);
        set.priority = (seed >> 20) % 16;
        if (i % 7 == 0)
            evtchn_fifo_set_priority(d, &set);
        if (i % 11 == 0) {
            struct evtchn_unmask unmask = {.port = p[i % 40]};

            assert_int_equal(OP(unmask, unmask), 0);
        }
    }
    memset(words[0], 0, PAGE_SIZE);
    memset(blocks[0]->head, 0, sizeof(blocks[0]->head));
    memset(blocks[1]->head, 0, sizeof(blocks[1]->head));
    for (unsigned int i = 0; i < 40; i++) {
        unsigned int q, prio = evtchn_lookup(d, p[i])->priority;
        evtchn_port_t got;

        blocks[0]->ready = blocks[1]->ready = 0;
        evtchn_send(d, p[i]);
        q = prio;
        got = consume(i % 2, q);
        assert_int_equal(got, p[i]);
        assert_int_equal(blocks[i % 2]->ready, BIT(q));
    }
}

/* ---- word for word ---- */

#define PENDING BIT(31)
#define MASKED  BIT(30)
#define LINKED  BIT(29)

/* The queue as the guest finds it: heads, links and which vCPU is told. */
static void words_and_heads(void **state)
{
    evtchn_port_t x = ipi(0), y = ipi(0), z = ipi(1);
    const u32 q = EVTCHN_FIFO_PRIORITY_DEFAULT;

    fifo_on(1);
    d->vcpu[0]->info->evtchn_upcall_pending = d->vcpu[1]->info->evtchn_upcall_pending = 0;
    assert_int_equal(q, 7);
    assert_int_equal(evtchn_send(d, x), 0);
    assert_int_equal(*word(x), PENDING | LINKED);
    assert_int_equal(blocks[0]->head[7], x);
    assert_int_equal(blocks[0]->ready, 1 << 7);
    assert_int_equal(d->vcpu[0]->info->evtchn_upcall_pending, 1);
    assert_int_equal(d->vcpu[1]->info->evtchn_upcall_pending, 0);
    /* Behind it: linked to, and nobody is told again. */
    d->vcpu[0]->info->evtchn_upcall_pending = 0;
    blocks[0]->ready = 0;
    assert_int_equal(evtchn_send(d, y), 0);
    assert_int_equal(*word(x), PENDING | LINKED | y);
    assert_int_equal(*word(y), PENDING | LINKED);
    assert_int_equal(blocks[0]->head[7], x);
    assert_int_equal(blocks[0]->ready, 0);
    assert_int_equal(d->vcpu[0]->info->evtchn_upcall_pending, 0);
    assert_int_equal(evtchn_send(d, z), 0);
    assert_int_equal(blocks[1]->head[7], z);
    assert_int_equal(d->vcpu[1]->info->evtchn_upcall_pending, 1);
    /* Taken, and rung again while the other is still linked. */
    assert_int_equal(consume(0, 7), x);
    assert_int_equal(evtchn_send(d, x), 0);
    assert_int_equal(*word(y), PENDING | LINKED | x);
    assert_int_equal(consume(0, 7), y);
    assert_int_equal(consume(0, 7), x);
    assert_int_equal(consume(0, 7), 0);
    /* A tail whose LINKED bit is clear is none: the queue begins anew. */
    assert_int_equal(evtchn_send(d, y), 0);
    assert_int_equal(*word(x), 0);
    assert_int_equal(blocks[0]->head[7], y);
    /* One that is told already is not told again. */
    d->vcpu[0]->info->evtchn_upcall_pending = 0;
    assert_int_equal(consume(0, 7), y);
    assert_int_equal(blocks[0]->ready, 1 << 7);
    assert_int_equal(evtchn_send(d, y), 0);
    assert_int_equal(blocks[0]->head[7], y);
    assert_int_equal(d->vcpu[0]->info->evtchn_upcall_pending, 0);
}

static void masked_words(void **state)
{
    struct evtchn_unmask unmask;
    evtchn_port_t p = ipi(0);

    fifo_on(1);
    unmask.port = p;
    *word(p) = MASKED;
    assert_int_equal(evtchn_send(d, p), 0);
    assert_int_equal(*word(p), PENDING | MASKED);
    assert_int_equal(blocks[0]->head[7], 0);
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(*word(p), PENDING | LINKED);
    assert_int_equal(blocks[0]->head[7], p);
    assert_int_equal(consume(0, 7), p);
    *word(p) = MASKED;
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(*word(p), 0);
    assert_int_equal(blocks[0]->head[7], 0);
    /* Closed while it is linked: no longer pending, and dropped by the guest. */
    assert_int_equal(evtchn_send(d, p), 0);
    close_port(p);
    assert_int_equal(*word(p), LINKED);
}

/* A port is as fresh as in the other mode: priority and what was latched are the last user's. */
static void a_port_is_fresh_again(void **state)
{
    struct evtchn_set_priority set = {.priority = 0};
    struct evtchn_expand_array expand = {.array_gfn = frame(2)};
    evtchn_port_t p;

    fifo_on(0);
    set.port = p = ipi(0);
    assert_int_equal(OP(set_priority, set), 0);
    set.priority = 15;
    assert_int_equal(OP(set_priority, set), 0);
    set.priority = 16;
    assert_int_equal(OP(set_priority, set), -XEN_EINVAL);
    assert_int_equal(evtchn_lookup(d, p)->priority, 15);
    assert_int_equal(evtchn_send(d, p), 0);
    assert_true(evtchn_lookup(d, p)->latched);
    close_port(p);
    assert_int_equal(ipi(1), p);
    assert_false(evtchn_lookup(d, p)->latched);
    assert_int_equal(evtchn_lookup(d, p)->priority, 7);
    words[0] = mfn_to_virt(MFN(frame(2)));
    assert_int_equal(OP(expand_array, expand), 0);
    assert_int_equal(*word(p), 0);
    assert_int_equal(evtchn_send(d, p), 0);
    assert_int_equal(blocks[1]->head[7], p);
}

/* The last place for a block; frames are held as long as they are used, and given back. */
static void frames_are_held(void **state)
{
    struct evtchn_init_control init = {.control_gfn = frame(0), .offset = 4096 - 72};
    struct evtchn_expand_array expand = {.array_gfn = frame(2)};
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    assert_int_equal(OP(init_control, init), 0);
    assert_int_equal(init.link_bits, 17);
    assert_int_equal(d->max_evtchns, 131072);
    assert_int_equal(OP(expand_array, expand), 0);
    assert_int_equal(page_refs(host_frame(d, 0)->state), 2);
    assert_int_equal(page_type_count(host_frame(d, 0)->state), 1);
    assert_int_equal(page_refs(host_frame(d, 2)->state), 2);
    assert_int_equal(page_type_count(host_frame(d, 2)->state), 1);
    expand.array_gfn = max_page;
    assert_int_equal(OP(expand_array, expand), -XEN_EINVAL);
    /* The second vCPU has no block: what is sent to it is lost, and said. */
    host_guest_log[0] = '\0';
    evtchn_send(d, ipi(1));
    assert_int_not_equal(host_guest_log[0], '\0');
    init = (struct evtchn_init_control){.control_gfn = frame(1), .vcpu = 1, .offset = 8};
    assert_int_equal(OP(init_control, init), 0);
    assert_int_equal(OP(init_control, init), -XEN_EINVAL);
    assert_int_equal(page_refs(host_frame(d, 1)->state), 2);
    assert_int_equal(OP(reset, reset), 0);
    assert_int_equal(d->max_evtchns, 4096);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(page_refs(host_frame(d, i)->state), 1);
        assert_int_equal(page_type_count(host_frame(d, i)->state), 0);
    }
}

/* A vCPU that polls a port is woken by it although it is masked, once it is pending. */
static void a_poll_ends(void **state)
{
    struct sched_poll poll = {.nr_ports = 1};
    evtchn_port_t p = ipi(1);
    struct vcpu *v = d->vcpu[0];

    fifo_on(1);
    *word(p) = MASKED;
    v->info->evtchn_upcall_pending = 0;
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)GUEST(4096));
    memcpy(host_guest + 4096, &p, sizeof(p));
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
    assert_int_equal(evtchn_send(d, p), 0);
    assert_int_equal(*word(p), PENDING | MASKED);
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
}

/*
 * A sibling that waits for a CPU, with other events pending, runs as soon as the running vCPU sends
 * it one: that may spin for the answer.
 */
static void a_sibling_is_waited_for(void **state)
{
    struct vcpu *caller = d->vcpu[0], *asked = d->vcpu[1];
    evtchn_port_t first, second;

    fifo_on(1);
    first = ipi(1);
    second = ipi(1);
    host_become(cpus[0]->rq.idle);
    evtchn_send(d, first);
    assert_int_equal(asked->info->evtchn_upcall_pending, 1);
    for (unsigned int i = 2; i-- > 0;) {
        clear_bit(&d->vcpu[i]->pause_flags, VPF_DOWN);
        vcpu_wake(d->vcpu[i]);
        host_run_softirqs();
    }
    assert_ptr_equal(current, caller);
    assert_true(asked->on_queue);
    evtchn_send(d, second);
    host_run_softirqs();
    assert_ptr_equal(current, asked);
    domain_pause_nosync(d);
    host_settle();
}

/* ---- a guest that changes the tail's word while a port is linked behind it ---- */

#define BUSY BIT(28)

static struct {
    event_word_t *word;
    bool waits;               /* while the word is BUSY the guest leaves it alone */
    unsigned int consumed_at; /* at this try of ours it takes the tail off the queue */
    bool was_read;
    unsigned int tries, busy_at; /* our writes; the one that made it BUSY */
} tail;

/* It changes the word when we have read it, and after each of our tries to write it. */
static void guest_changes_tail(void *place, bool write)
{
    if (place != tail.word || (!write && tail.was_read))
        return;
    tail.was_read = true;
    tail.tries += write;
    if (*tail.word & BUSY && !tail.busy_at)
        tail.busy_at = tail.tries;
    if (tail.consumed_at == tail.tries)
        *tail.word &= ~LINKED;
    else if (!(tail.waits && *tail.word & BUSY))
        *tail.word ^= MASKED;
}

/* @y comes behind @x, whose word the guest changes meanwhile. */
static void link_behind(evtchn_port_t x, evtchn_port_t y, bool waits, unsigned int consumed_at)
{
    *word(x) = *word(y) = 0;
    blocks[0]->head[7] = blocks[0]->ready = 0;
    assert_int_equal(evtchn_send(d, x), 0);
    assert_int_equal(*word(x), PENDING | LINKED);
    blocks[0]->ready = 0;
    memset(&tail, 0, sizeof(tail));
    tail.word = word(x);
    tail.waits = waits;
    tail.consumed_at = consumed_at;
    memory_is_watched(words[0], PAGE_SIZE, guest_changes_tail);
    assert_int_equal(evtchn_send(d, y), 0);
    memory_stays();
    assert_int_equal(*word(y), PENDING | LINKED);
}

static void a_changing_tail(void **state)
{
    evtchn_port_t x = ipi(0), y = ipi(0);

    fifo_on(1);
    /* Four tries, then it is BUSY: the guest waits, and the next try succeeds. */
    link_behind(x, y, true, ~0U);
    assert_int_equal(tail.busy_at, 5);
    assert_int_equal(tail.tries, 6);
    assert_int_equal(*word(x) & ~MASKED, PENDING | LINKED | y);
    assert_int_equal(blocks[0]->head[7], x);
    assert_int_equal(blocks[0]->ready, 0);
    /* It does not wait: after four more tries the queue begins anew. */
    link_behind(x, y, false, ~0U);
    assert_int_equal(tail.busy_at, 5);
    assert_int_equal(tail.tries, 10);
    assert_int_equal(*word(x) & ~MASKED, PENDING | LINKED);
    assert_int_equal(blocks[0]->head[7], y);
    assert_int_equal(blocks[0]->ready, 1 << 7);
    /* It consumes the tail: nothing can be linked there any more. */
    for (unsigned int try = 1; try <= 9; try++) {
        link_behind(x, y, false, try);
        assert_in_range(tail.tries, try + 1, 10);
        assert_int_equal(*word(x) & ~MASKED, PENDING);
        assert_int_equal(blocks[0]->head[7], y);
        assert_int_equal(blocks[0]->ready, 1 << 7);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_order),
        TEST(priorities),
        TEST(masked),
        TEST(latched_is_shown),
        TEST(bad_calls),
        TEST(array_limit),
        TEST(many_ports),
        TEST(out_of_memory),
        TEST(back_to_two_level),
        TEST(scribbling),
        TEST(last_of_queue_moves),
        TEST(very_many_ports),
        TEST(words_and_heads),
        TEST(masked_words),
        TEST(a_port_is_fresh_again),
        TEST(frames_are_held),
        TEST(a_poll_ends),
        TEST(a_changing_tail),
        TEST(a_sibling_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
