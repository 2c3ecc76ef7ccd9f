/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level scheme: one pending and one mask bit per port in the shared page, and per
 * vCPU a selector word that says in which words to look.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>

#include "internal.h"

#define WORD_BITS (sizeof(unsigned long) * 8)

static struct {
    event_handler handler;
    void *argument;
} handlers[EVENT_PORTS];

/* Which vCPU takes a port's upcalls. */
static uint8_t port_vcpu[EVENT_PORTS];

bool events_disable(void)
{
    vcpu_info_t *info = this_vcpu()->info;
    bool enabled = !*(volatile uint8_t *)&info->evtchn_upcall_mask;

    *(volatile uint8_t *)&info->evtchn_upcall_mask = 1;
    asm volatile("" ::: "memory");
    return enabled;
}

void events_restore(bool enabled)
{
    vcpu_info_t *info = this_vcpu()->info;

    if (!enabled)
        return;
    asm volatile("" ::: "memory");
    *(volatile uint8_t *)&info->evtchn_upcall_mask = 0;
    asm volatile("" ::: "memory");
    /* Any hypercall delivers what came in while events were off. */
    if (*(volatile uint8_t *)&info->evtchn_upcall_pending)
        hypercall_xen_version(XENVER_version, NULL);
}

static void call_handler(evtchn_port_t port)
{
    unsigned long bit = 1ul << (port % WORD_BITS);

    __atomic_fetch_and(&shared_info->evtchn_pending[port / WORD_BITS], ~bit, __ATOMIC_SEQ_CST);
    if (handlers[port].handler)
        handlers[port].handler(port, handlers[port].argument);
}

/* Calls the handlers of the ports of one word that are ready, and this vCPU's to take. */
static void take_word(unsigned long word, unsigned int vcpu)
{
    unsigned long ready = __atomic_load_n(&shared_info->evtchn_pending[word], __ATOMIC_RELAXED) &
                          ~__atomic_load_n(&shared_info->evtchn_mask[word], __ATOMIC_RELAXED);

    for (; ready; ready &= ready - 1) {
        evtchn_port_t port = (evtchn_port_t)(word * WORD_BITS) +
                             (evtchn_port_t)__builtin_ctzl(ready);

        if (port_vcpu[port] == vcpu)
            call_handler(port);
    }
}

void event_upcall(void)
{
    struct vcpu *vcpu = this_vcpu();

    while (__atomic_exchange_n(&vcpu->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
        unsigned long words = __atomic_exchange_n(&vcpu->info->evtchn_pending_sel, 0,
                                                  __ATOMIC_SEQ_CST);

        for (; words; words &= words - 1)
            take_word((unsigned long)__builtin_ctzl(words), vcpu->id);
    }
}

/* Notes the vCPU of a new port; on failure passes the error on. */
static int new_port(long error, evtchn_port_t port, unsigned int vcpu)
{
    if (error)
        return (int)error;
    port_vcpu[port] = (uint8_t)vcpu;
    return (int)port;
}

int event_alloc_unbound_for(domid_t local, domid_t remote)
{
    struct evtchn_alloc_unbound alloc = {.dom = local, .remote_dom = remote};
    long error = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);

    return error ? (int)error : (int)alloc.port;
}

int event_alloc_unbound(domid_t remote)
{
    int port = event_alloc_unbound_for(DOMID_SELF, remote);

    return port < 0 ? port : new_port(0, (evtchn_port_t)port, 0);
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = remote, .remote_port = remote_port};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);

    return new_port(error, bind.local_port, 0);
}

int event_bind_virq(unsigned int virq, unsigned int vcpu)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = vcpu};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);

    return new_port(error, bind.port, vcpu);
}

int event_bind_pirq(unsigned int pirq, bool shared)
{
    struct evtchn_bind_pirq bind = {.pirq = pirq, .flags = shared ? BIND_PIRQ__WILL_SHARE : 0};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind);

    return new_port(error, bind.port, 0);
}

int event_bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi bind = {.vcpu = vcpu};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind);

    return new_port(error, bind.port, vcpu);
}

int event_close(evtchn_port_t port)
{
    struct evtchn_close close = {.port = port};

    event_set_handler(port, NULL, NULL);
    return (int)hypercall_event_channel_op(EVTCHNOP_close, &close);
}

int event_send(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};

    return (int)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

void event_set_handler(evtchn_port_t port, event_handler handler, void *argument)
{
    event_mask(port);
    handlers[port].argument = argument;
    handlers[port].handler = handler;
    if (handler)
        event_unmask(port);
}

void event_mask(evtchn_port_t port)
{
    __atomic_fetch_or(&shared_info->evtchn_mask[port / WORD_BITS], 1ul << (port % WORD_BITS),
                      __ATOMIC_SEQ_CST);
}

/*
 * An event that came while the port was masked has reached no vCPU. Only the hypervisor can make up
 * for that, and does so for a port that is masked; without such an event it need not be asked.
 */
void event_unmask(evtchn_port_t port)
{
    struct evtchn_unmask unmask = {.port = port};

    __atomic_fetch_and(&shared_info->evtchn_mask[port / WORD_BITS], ~(1ul << (port % WORD_BITS)),
                       __ATOMIC_SEQ_CST);
    if (!event_is_pending(port))
        return;
    event_mask(port);
    hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

bool event_is_pending(evtchn_port_t port)
{
    return __atomic_load_n(&shared_info->evtchn_pending[port / WORD_BITS], __ATOMIC_SEQ_CST) &
           (1ul << (port % WORD_BITS));
}

bool event_test_and_clear(evtchn_port_t port)
{
    unsigned long bit = 1ul << (port % WORD_BITS);

    return __atomic_fetch_and(&shared_info->evtchn_pending[port / WORD_BITS], ~bit,
                              __ATOMIC_SEQ_CST) &
           bit;
}

void events_init(void)
{
    for (unsigned int word = 0; word < WORD_BITS; word++)
        shared_info->evtchn_mask[word] = ~0ul;
    events_restore(true);
}
