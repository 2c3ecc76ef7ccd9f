/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Fuzzing event channels: two domains whose calls, and whose scribbling over shared memory, are the
 * input. Whatever they do, both ends of a connection agree, the counts are right, and nothing is
 * left when both are gone.
 */
#include <evtchn_impl.h>
#include <host.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define FRAMES 6U

static struct domain *dom[2];
static const u8 *next, *end;

static u32 take(unsigned int bytes)
{
    u32 v = 0;

    while (bytes--)
        v = v << 8 | (next < end ? *next++ : 0U);
    return v;
}

static struct domain *pick(void)
{
    return dom[take(1) & 1];
}

static u32 port(void)
{
    u32 p = take(1);

    return p < 0xf0 ? p & 0x3f : take(3); /* mostly one that may exist */
}

static u64 frame(void)
{
    u32 n = take(1);

    return n < 0xf0 ? page_to_mfn(host_frame(current->domain, n % FRAMES)).n : take(4);
}

#define OP(cmd, ...)                                                      \
    do {                                                                  \
        struct evtchn_##cmd op = {__VA_ARGS__};                           \
        host_call2(do_event_channel_op, EVTCHNOP_##cmd, &op, sizeof(op)); \
    } while (0)

static void scribble(void)
{
    u32 n = take(1) % (FRAMES + 1), offset = take(2) % (PAGE_SIZE / 4);
    u32 *page = n == FRAMES ? (u32 *)current->domain->shared_info
                            : mfn_to_virt(page_to_mfn(host_frame(current->domain, n)));

    page[offset] = take(4);
}

static void step(void)
{
    struct domain *d = current->domain;

    switch (take(1) % 18) {
    case 0:
        OP(alloc_unbound, .dom = pick()->id, .remote_dom = pick()->id);
        break;
    case 1:
        OP(bind_interdomain, .remote_dom = pick()->id, .remote_port = port());
        break;
    case 2:
        OP(bind_virq, .virq = take(1) % (NR_VIRQS + 1), .vcpu = take(1) % 3);
        break;
    case 3:
        OP(bind_ipi, .vcpu = take(1) % 3);
        break;
    case 4:
        OP(close, .port = port());
        break;
    case 5:
    case 6:
        OP(send, .port = port());
        break;
    case 7:
        OP(bind_vcpu, .port = port(), .vcpu = take(1) % 3);
        break;
    case 8:
        OP(unmask, .port = port());
        break;
    case 9:
        OP(init_control, .control_gfn = frame(), .offset = take(2), .vcpu = take(1) % 3);
        break;
    case 10:
        OP(expand_array, .array_gfn = frame());
        break;
    case 11:
        OP(set_priority, .port = port(), .priority = take(1) % 17);
        break;
    case 12:
        if (take(1) < 16)
            OP(reset, .dom = pick()->id);
        break;
    case 13:
        OP(status, .dom = pick()->id, .port = port());
        break;
    case 14:
        host_become(pick()->vcpu[take(1) & 1]);
        break;
    case 15:
        send_guest_vcpu_virq(d->vcpu[take(1) & 1], take(1) % NR_VIRQS);
        break;
    case 16:
        evtchn_port_poll(d, port());
        break;
    default:
        scribble();
        break;
    }
}

static void check(const struct domain *d)
{
    unsigned int used = 0;

    for (unsigned int p = 1; p < d->valid_evtchns; p++) {
        const struct evtchn *chn = evtchn_lookup(d, p);

        used += chn->state != ECS_FREE;
        BUG_ON(chn->port != p || chn->notify_vcpu >= d->max_vcpus);
        if (chn->state != ECS_INTERDOMAIN)
            continue;
        BUG_ON(chn->peer->state != ECS_INTERDOMAIN || chn->peer->peer != chn);
        BUG_ON(chn->peer->remote != d || evtchn_lookup(chn->remote, chn->peer->port) != chn->peer);
    }
    BUG_ON(used != d->active_evtchns);
    for (unsigned int v = 0; v < d->max_vcpus; v++)
        for (unsigned int i = 0; i < NR_VIRQS; i++)
            BUG_ON(d->vcpu[v]->virq_port[i] &&
                   evtchn_lookup(d, d->vcpu[v]->virq_port[i])->state != ECS_VIRQ);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    unsigned long pages, objects;

    next = data;
    end = data + size;
    host_boot(1024);
    pages = heap_free_pages();
    objects = host_objects();
    for (unsigned int i = 0; i < 2; i++) {
        dom[i] = host_domain((domid_t)(i + 1), 2, FRAMES, i == 0);
        BUG_ON(!dom[i]);
    }
    host_become(dom[0]->vcpu[0]);
    while (next < end)
        step();
    for (unsigned int i = 0; i < 2; i++)
        check(dom[i]);
    for (unsigned int i = 0; i < 2; i++)
        host_kill(dom[i]);
    BUG_ON(heap_free_pages() != pages || host_objects() != objects);
    return 0;
}
