/* SPDX-License-Identifier: MIT */
/*
 * Event channels, as the guests of vcpus.h know them. Each pair of domains has two connections,
 * each vCPU an IPI and a timer interrupt: these ports stay. Others come and go. For ports that stay
 * it is counted what was sent, and what had been sent when the guest took the event last.
 */
#include <evtchn_impl.h>

#include "vcpus.h"

#define STAYING 8U /* ports of each domain that stay, from 1 on */
#define PORTS   16U

#define FIFO_DOMAIN 2U
#define BIT(n)      (1U << (n))

static struct {
    struct domain *domain;
    u32 port;
} peers[NR_DOMAINS][STAYING + 1]; /* to whom a port that stays sends */

static u32 sent[NR_DOMAINS][STAYING + 1], seen[NR_DOMAINS][STAYING + 1];

/* What the guest of the FIFO domain has: it is to switch, it has, it has event words, too. */
static bool fifo, switched, expanded;
static event_word_t *words;
static struct evtchn_fifo_control_block *blocks[GUEST_VCPUS];
static u32 heads[GUEST_VCPUS][EVTCHN_FIFO_MAX_QUEUES];

static bool uses_fifo(const struct domain *d)
{
    return d->id == FIFO_DOMAIN && load_acquire(&switched);
}

/* ---- ports ---- */

static u32 open_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};

    BUG_ON(guest_event_op(EVTCHNOP_bind_ipi, &op, sizeof(op)));
    return op.port;
}

static void open_timer(unsigned int vcpu)
{
    struct evtchn_bind_virq op = {.virq = VIRQ_TIMER, .vcpu = vcpu};

    BUG_ON(guest_event_op(EVTCHNOP_bind_virq, &op, sizeof(op)));
}

static void connect(struct domain *a, struct domain *b)
{
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF, .remote_dom = b->id};
    struct evtchn_bind_interdomain bind = {.remote_dom = a->id};

    host_become(a->vcpu[0]);
    BUG_ON(guest_event_op(EVTCHNOP_alloc_unbound, &unbound, sizeof(unbound)));
    bind.remote_port = unbound.port;
    host_become(b->vcpu[0]);
    BUG_ON(guest_event_op(EVTCHNOP_bind_interdomain, &bind, sizeof(bind)));
    peers[a->id][unbound.port].domain = b;
    peers[a->id][unbound.port].port = bind.local_port;
    peers[b->id][bind.local_port].domain = a;
    peers[b->id][bind.local_port].port = unbound.port;
}

static void give_control_block(struct domain *d, unsigned int vcpu)
{
    mfn_t frame = page_to_mfn(host_frame(d, 11));
    struct evtchn_init_control op = {
        .control_gfn = frame.n, .offset = vcpu * PAGE_SIZE / 2, .vcpu = vcpu};

    blocks[vcpu] = (void *)((char *)mfn_to_virt(frame) + op.offset);
    BUG_ON(guest_event_op(EVTCHNOP_init_control, &op, sizeof(op)));
}

void events_begin(bool with_fifo)
{
    memset(sent, 0, sizeof(sent));
    memset(seen, 0, sizeof(seen));
    memset(heads, 0, sizeof(heads));
    memset(peers, 0, sizeof(peers));
    fifo = with_fifo;
    switched = expanded = false;
    for (unsigned int n = 0; n < 2; n++)
        for (unsigned int a = 0; a < NR_DOMAINS; a++)
            connect(machine_domains[a], machine_domains[(a + 1) % NR_DOMAINS]);
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        struct domain *d = machine_domains[i];

        host_become(d->vcpu[0]);
        for (unsigned int vcpu = 0; vcpu < GUEST_VCPUS; vcpu++) {
            u32 port = open_ipi(vcpu);

            peers[i][port].domain = d;
            peers[i][port].port = port;
            open_timer(vcpu);
        }
    }
    words = mfn_to_virt(page_to_mfn(host_frame(machine_domains[FIFO_DOMAIN], 10)));
    host_become(this_cpu()->rq.idle);
}

u32 events_pick_port(void)
{
    return 1 + pick(pick(4) ? STAYING : PORTS);
}

/* As the guest sees it. */
static bool is_pending(const struct domain *d, u32 port)
{
    if (!uses_fifo(d))
        return test_bit(d->shared_info->evtchn_pending, port);
    return expanded && READ_ONCE(words[port]) & BIT(EVTCHN_FIFO_PENDING);
}

static bool is_masked(const struct domain *d, u32 port)
{
    if (!uses_fifo(d))
        return test_bit(d->shared_info->evtchn_mask, port);
    return !expanded || READ_ONCE(words[port]) & BIT(EVTCHN_FIFO_MASKED);
}

/* ---- what a guest does ---- */

static void send(struct vcpu *v, u32 port)
{
    struct evtchn_send op = {.port = port};
    const struct domain *to = port <= STAYING ? peers[v->domain->id][port].domain : NULL;

    if (to)
        atomic_add(&sent[to->id][peers[v->domain->id][port].port], 1);
    (void)guest_event_op(EVTCHNOP_send, &op, sizeof(op));
}

static void mask(const struct domain *d, u32 port)
{
    if (!uses_fifo(d))
        set_bit(d->shared_info->evtchn_mask, port);
    else if (load_acquire(&expanded))
        atomic_or(&words[port], BIT(EVTCHN_FIFO_MASKED));
}

static void unmask(u32 port)
{
    struct evtchn_unmask op = {.port = port};

    (void)guest_event_op(EVTCHNOP_unmask, &op, sizeof(op));
}

static void move_port(u32 port)
{
    struct evtchn_bind_vcpu op = {.port = port, .vcpu = pick(GUEST_VCPUS)};

    (void)guest_event_op(EVTCHNOP_bind_vcpu, &op, sizeof(op));
}

/* May @d open another port? A guess, and no race of the hypervisor. */
static __attribute__((no_sanitize("thread"))) bool has_room(const struct domain *d)
{
    return d->active_evtchns < PORTS;
}

/* Opens or closes one of the ports that do not stay. */
static void change_ports(struct vcpu *v)
{
    struct evtchn_close close = {.port = STAYING + 1 + pick(PORTS - STAYING)};
    struct evtchn_alloc_unbound unbound = {.dom = DOMID_SELF,
                                           .remote_dom = (domid_t)pick(NR_DOMAINS)};
    struct evtchn_bind_interdomain bind = {.remote_dom = (domid_t)pick(NR_DOMAINS),
                                           .remote_port = close.port};

    switch (pick(4)) {
    case 0:
        if (has_room(v->domain))
            (void)guest_event_op(EVTCHNOP_alloc_unbound, &unbound, sizeof(unbound));
        break;
    case 1:
    case 2:
        if (has_room(v->domain))
            (void)guest_event_op(EVTCHNOP_bind_interdomain, &bind, sizeof(bind));
        break;
    default:
        (void)guest_event_op(EVTCHNOP_close, &close, sizeof(close));
        break;
    }
}

/* The guest switches to FIFO, gets event words, and gives its ports priorities. */
static void change_fifo(struct domain *d)
{
    struct evtchn_expand_array expand = {.array_gfn = page_to_mfn(host_frame(d, 10)).n};
    struct evtchn_set_priority priority = {.port = events_pick_port(),
                                           .priority = pick(EVTCHN_FIFO_MAX_QUEUES)};
    static bool changing;

    if (load_acquire(&expanded)) {
        (void)guest_event_op(EVTCHNOP_set_priority, &priority, sizeof(priority));
        return;
    }
    if (xchg(&changing, true))
        return; /* the other vCPU is at it */
    if (!load_acquire(&switched)) {
        for (unsigned int vcpu = 0; vcpu < GUEST_VCPUS; vcpu++)
            give_control_block(d, vcpu);
        store_release(&switched, true);
    } else if (!load_acquire(&expanded)) {
        BUG_ON(guest_event_op(EVTCHNOP_expand_array, &expand, sizeof(expand)));
        store_release(&expanded, true);
    }
    store_release(&changing, false);
}

void events_step(struct vcpu *v)
{
    u32 port = events_pick_port();

    switch (pick(12)) {
    case 0:
        mask(v->domain, port);
        break;
    case 1:
    case 2:
        unmask(port);
        break;
    case 3:
        move_port(port);
        break;
    case 4:
    case 5:
        change_ports(v);
        break;
    case 6:
        if (fifo && v->domain->id == FIFO_DOMAIN) {
            change_fifo(v->domain);
            break;
        }
        /* fallthrough */
    default:
        send(v, port);
        break;
    }
}

/* ---- the guest's handler ---- */

/* The guest has cleared the pending bit of @port. */
static void take_event(const struct domain *d, u32 port)
{
    if (port <= STAYING)
        WRITE_ONCE(seen[d->id][port], READ_ONCE(sent[d->id][port]));
}

static void take_two_level(struct vcpu *v)
{
    struct shared_info *s = v->domain->shared_info;
    unsigned long sel = xchg(&v->info->evtchn_pending_sel, 0UL);

    for (; sel; sel &= sel - 1) {
        unsigned int w = (unsigned int)__builtin_ctzl(sel);
        unsigned long bits = READ_ONCE(s->evtchn_pending[w]) & ~READ_ONCE(s->evtchn_mask[w]);

        for (; bits; bits &= bits - 1) {
            u32 port = w * BITS_PER_LONG + (unsigned int)__builtin_ctzl(bits);

            clear_bit(s->evtchn_pending, port);
            take_event(v->domain, port);
        }
    }
}

/* Takes the first port off queue @q. @return the queue is empty now */
static bool take_first(struct vcpu *v, unsigned int q)
{
    u32 *head = &heads[v->id][q];
    event_word_t w;

    if (!*head)
        *head = READ_ONCE(blocks[v->id]->head[q]);
    w = READ_ONCE(words[*head]);
    while (!cmpxchg(&words[*head], &w,
                    w & ~(BIT(EVTCHN_FIFO_LINKED) | (event_word_t)EVTCHN_FIFO_LINK_MASK)))
        ;
    if (w & BIT(EVTCHN_FIFO_PENDING) && !(w & BIT(EVTCHN_FIFO_MASKED))) {
        atomic_and(&words[*head], ~BIT(EVTCHN_FIFO_PENDING));
        take_event(v->domain, *head);
    }
    *head = w & EVTCHN_FIFO_LINK_MASK;
    return !*head;
}

static void take_fifo(struct vcpu *v)
{
    struct evtchn_fifo_control_block *block = blocks[v->id];
    u32 ready = xchg(&block->ready, 0);

    while (ready) {
        unsigned int q = (unsigned int)__builtin_ctz(ready);

        if (take_first(v, q))
            ready &= ~BIT(q);
        ready |= xchg(&block->ready, 0);
    }
}

bool events_visible(const struct vcpu *v)
{
    return READ_ONCE(v->info->evtchn_upcall_pending) && !READ_ONCE(v->info->evtchn_upcall_mask);
}

void events_upcall(struct vcpu *v)
{
    WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
    while (xchg(&v->info->evtchn_upcall_pending, 0)) {
        if (uses_fifo(v->domain))
            take_fifo(v);
        else
            take_two_level(v);
    }
    WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
}

/* ---- the check ---- */

static void check_vcpu(const struct vcpu *v)
{
    const struct guest *g = guest_of(v);
    bool waits = v->pause_flags & 1UL << VPF_BLOCKED;

    if (events_visible(v) && waits)
        panic("d%uv%u sleeps, though an event waits", v->domain->id, v->id);
    if (events_visible(v) && v->is_running)
        panic("d%uv%u runs on, though an event waits", v->domain->id, v->id);
    for (unsigned int i = 0; i < ARRAY_SIZE(g->polled); i++)
        if (waits && v->poll_port && g->polled[i] && is_pending(v->domain, g->polled[i]))
            panic("d%uv%u polls port %u, which is pending", v->domain->id, v->id, g->polled[i]);
}

/* All vCPUs have taken all that they were told of. */
static void check_port(const struct domain *d, u32 port)
{
    const struct evtchn *chn = evtchn_lookup(d, port);
    bool pending = is_pending(d, port) || chn->latched;

    if (!evtchn_is_usable(chn)) {
        if (pending)
            panic("d%u port %u is closed, and pending", d->id, port);
        return;
    }
    if (pending && !is_masked(d, port))
        panic("d%u has not been told of port %u", d->id, port);
    if (port <= STAYING && peers[d->id][port].domain && peers[d->id][port].domain->dying)
        return;
    if (port <= STAYING && !pending && seen[d->id][port] != sent[d->id][port])
        panic("d%u has lost an event of port %u", d->id, port);
    if (chn->state == ECS_INTERDOMAIN && (chn->peer->peer != chn || chn->peer->remote != d ||
                                          evtchn_lookup(chn->remote, chn->peer->port) != chn->peer))
        panic("d%u port %u: the ends do not agree", d->id, port);
}

void events_check(struct domain *d)
{
    for (unsigned int i = 0; i < GUEST_VCPUS; i++)
        check_vcpu(d->vcpu[i]);
    for (unsigned int i = 0; i < GUEST_VCPUS; i++) {
        u8 masked = d->vcpu[i]->info->evtchn_upcall_mask;

        events_upcall(d->vcpu[i]);
        d->vcpu[i]->info->evtchn_upcall_mask = masked;
    }
    for (u32 port = 1; port <= PORTS; port++)
        check_port(d, port);
}
