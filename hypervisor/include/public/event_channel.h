/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the interrupts of a PV guest.
 *
 * A port is one end of a channel: it is free, waits for a partner, or is connected to a port of
 * another domain, a virtual interrupt, a physical interrupt, or another vCPU. An event on it sets
 * its pending bit; further events before the guest clears the bit are the same event.
 *
 * long event_channel_op(EVTCHNOP_*, struct evtchn_* *)
 */
#ifndef XEN_PUBLIC_EVENT_CHANNEL_H
#define XEN_PUBLIC_EVENT_CHANNEL_H

#include "xen.h"

#define EVTCHNOP_bind_interdomain 0  /* evtchn_bind_interdomain */
#define EVTCHNOP_bind_virq        1  /* evtchn_bind_virq */
#define EVTCHNOP_bind_pirq        2  /* evtchn_bind_pirq */
#define EVTCHNOP_close            3  /* evtchn_close */
#define EVTCHNOP_send             4  /* evtchn_send */
#define EVTCHNOP_status           5  /* evtchn_status */
#define EVTCHNOP_alloc_unbound    6  /* evtchn_alloc_unbound */
#define EVTCHNOP_bind_ipi         7  /* evtchn_bind_ipi */
#define EVTCHNOP_bind_vcpu        8  /* evtchn_bind_vcpu */
#define EVTCHNOP_unmask           9  /* evtchn_unmask */
#define EVTCHNOP_reset            10 /* evtchn_reset */
#define EVTCHNOP_init_control     11 /* evtchn_init_control */
#define EVTCHNOP_expand_array     12 /* evtchn_expand_array */
#define EVTCHNOP_set_priority     13 /* evtchn_set_priority */

typedef uint32_t evtchn_port_t; /* a port; 0 is never valid */
DEFINE_XEN_GUEST_HANDLE(evtchn_port_t);

/* Make a port of `dom` that `remote_dom` may connect to. Only tools name another `dom`. */
struct evtchn_alloc_unbound {
    domid_t dom, remote_dom; /* DOMID_SELF works for both */
    evtchn_port_t port;      /* out */
};
typedef struct evtchn_alloc_unbound evtchn_alloc_unbound_t;

/*
 * Connect a new port of the caller to one that waits for it. The new port has an event pending at
 * once, since the other side may have sent before it was connected.
 */
struct evtchn_bind_interdomain {
    domid_t remote_dom;
    evtchn_port_t remote_port;
    evtchn_port_t local_port; /* out */
};
typedef struct evtchn_bind_interdomain evtchn_bind_interdomain_t;

/*
 * Bind a virtual interrupt. One that exists per vCPU (VIRQ_TIMER) is bound once on each and stays
 * there; a global one is bound on vCPU 0 and may be moved.
 */
struct evtchn_bind_virq {
    uint32_t virq; /* VIRQ_* */
    uint32_t vcpu;
    evtchn_port_t port; /* out */
};
typedef struct evtchn_bind_virq evtchn_bind_virq_t;

#define BIND_PIRQ__WILL_SHARE 1 /* evtchn_bind_pirq.flags: others may bind the line, too */

/* Bind a physical interrupt that the domain has been given. It starts on vCPU 0. */
struct evtchn_bind_pirq {
    uint32_t pirq;
    uint32_t flags;
    evtchn_port_t port; /* out */
};
typedef struct evtchn_bind_pirq evtchn_bind_pirq_t;

/* Make a port whose events, sent by this domain, reach `vcpu`. It cannot be moved. */
struct evtchn_bind_ipi {
    uint32_t vcpu;
    evtchn_port_t port; /* out */
};
typedef struct evtchn_bind_ipi evtchn_bind_ipi_t;

/* Free a port. A partner in another domain waits for a new partner from then on. */
struct evtchn_close {
    evtchn_port_t port;
};
typedef struct evtchn_close evtchn_close_t;

/* Raise an event on the other end of `port`, a port of the caller. */
struct evtchn_send {
    evtchn_port_t port;
};
typedef struct evtchn_send evtchn_send_t;

#define EVTCHNSTAT_closed      0 /* free */
#define EVTCHNSTAT_unbound     1 /* waits for the domain in u.unbound */
#define EVTCHNSTAT_interdomain 2 /* connected to u.interdomain */
#define EVTCHNSTAT_pirq        3 /* physical interrupt u.pirq */
#define EVTCHNSTAT_virq        4 /* virtual interrupt u.virq */
#define EVTCHNSTAT_ipi         5 /* between vCPUs of the domain */

/* Tell about a port. Only tools may ask for another domain. */
struct evtchn_status {
    domid_t dom; /* DOMID_SELF works */
    evtchn_port_t port;
    uint32_t status; /* out: EVTCHNSTAT_* */
    uint32_t vcpu;   /* out: where it is delivered */
    union {          /* out */
        struct {
            domid_t dom;
        } unbound;
        struct {
            domid_t dom;
            evtchn_port_t port;
        } interdomain;
        uint32_t pirq;
        uint32_t virq;
    } u;
};
typedef struct evtchn_status evtchn_status_t;

/* Deliver the port's events to another vCPU from now on. */
struct evtchn_bind_vcpu {
    evtchn_port_t port;
    uint32_t vcpu;
};
typedef struct evtchn_bind_vcpu evtchn_bind_vcpu_t;

/* Clear the port's mask bit, and deliver what came in the meantime. */
struct evtchn_unmask {
    evtchn_port_t port;
};
typedef struct evtchn_unmask evtchn_unmask_t;

/* Close all ports of `dom` and go back to two-level delivery. */
struct evtchn_reset {
    domid_t dom; /* DOMID_SELF works */
};
typedef struct evtchn_reset evtchn_reset_t;

/* Give a vCPU its control block for FIFO delivery; the first one switches the domain over to it. */
struct evtchn_init_control {
    uint64_t control_gfn; /* frame of the block (in PV guests a machine frame) */
    uint32_t offset;      /* its place in that frame: a multiple of 8, within one page */
    uint32_t vcpu;
    uint8_t link_bits; /* out: EVTCHN_FIFO_LINK_BITS */
    uint8_t _pad[7];
};
typedef struct evtchn_init_control evtchn_init_control_t;

/* Add a page of event words: 1024 more ports can be used. */
struct evtchn_expand_array {
    uint64_t array_gfn; /* its frame (in PV guests a machine frame) */
};
typedef struct evtchn_expand_array evtchn_expand_array_t;

/* Choose the queue of a port, with FIFO delivery. */
struct evtchn_set_priority {
    evtchn_port_t port;
    uint32_t priority; /* EVTCHN_FIFO_PRIORITY_MAX to _MIN */
};
typedef struct evtchn_set_priority evtchn_set_priority_t;

/* The argument of __HYPERVISOR_event_channel_op_compat: number and structure in one. */
struct evtchn_op {
    uint32_t cmd; /* EVTCHNOP_*, up to unmask */
    union {
        evtchn_alloc_unbound_t alloc_unbound;
        evtchn_bind_interdomain_t bind_interdomain;
        evtchn_bind_virq_t bind_virq;
        evtchn_bind_pirq_t bind_pirq;
        evtchn_bind_ipi_t bind_ipi;
        evtchn_close_t close;
        evtchn_send_t send;
        evtchn_status_t status;
        evtchn_bind_vcpu_t bind_vcpu;
        evtchn_unmask_t unmask;
    } u;
};
typedef struct evtchn_op evtchn_op_t;
DEFINE_XEN_GUEST_HANDLE(evtchn_op_t);

/* ---- Two-level delivery --------------------------------------------------------------------- */

/* Ports that two-level delivery has: 4096 in 64-bit guests, 1024 in 32-bit guests. */
#define EVTCHN_2L_NR_CHANNELS (sizeof(xen_ulong_t) * sizeof(xen_ulong_t) * 64)

/* ---- FIFO delivery -------------------------------------------------------------------------- */

/*
 * Each port has an event word, each vCPU a control block with one queue per priority. A queue is a
 * list through the LINK fields of the event words, from the head in the control block to a word
 * whose link is 0. The hypervisor appends, the guest takes from the head.
 */
#define EVTCHN_FIFO_PRIORITY_MAX     0 /* looked at first */
#define EVTCHN_FIFO_PRIORITY_DEFAULT 7
#define EVTCHN_FIFO_PRIORITY_MIN     15
#define EVTCHN_FIFO_MAX_QUEUES       (EVTCHN_FIFO_PRIORITY_MIN + 1)

typedef uint32_t event_word_t;

/* Bits of an event word. */
#define EVTCHN_FIFO_PENDING     31 /* an event came */
#define EVTCHN_FIFO_MASKED      30 /* do not deliver */
#define EVTCHN_FIFO_LINKED      29 /* on a queue */
#define EVTCHN_FIFO_BUSY        28 /* the hypervisor is about to link it: wait before unmasking */
#define EVTCHN_FIFO_LINK_BITS   17
#define EVTCHN_FIFO_LINK_MASK   ((1 << EVTCHN_FIFO_LINK_BITS) - 1) /* the next port, or 0 */
#define EVTCHN_FIFO_NR_CHANNELS (1 << EVTCHN_FIFO_LINK_BITS)       /* ports that it has */

struct evtchn_fifo_control_block {
    uint32_t ready; /* bit q: queue q is not empty */
    uint32_t _rsvd;
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES]; /* the first port of each queue */
};
typedef struct evtchn_fifo_control_block evtchn_fifo_control_block_t;

#endif /* XEN_PUBLIC_EVENT_CHANNEL_H */
