/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the bells between domains, from the hypervisor, and from hardware.
 *
 * A port is free, reserved, unbound (waiting for a peer), interdomain, pirq, virq or ipi. Delivery
 * is two-level (bitmaps in shared_info) or FIFO (event words in guest memory, never trusted).
 */
#ifndef BULKHEAD_EVENT_CHANNEL_H
#define BULKHEAD_EVENT_CHANNEL_H

#include <public/event_channel.h>

#include "domain.h"

int evtchn_init(struct domain *d, unsigned int max_port);
/*
 * Closes every port, then frees.
 * @return 0; -ERESTART: preempted, to be called again
 */
int evtchn_destroy(struct domain *d);
/*
 * Frees the ports piece by piece, as long as *@budget lasts.
 * @return true: they are gone
 */
bool evtchn_destroy_final(struct domain *d, unsigned int *budget);
void evtchn_vcpu_init(struct vcpu *v);
void evtchn_vcpu_destroy(struct vcpu *v);

long do_event_channel_op(unsigned int cmd, unsigned long arg);

/*
 * The fast path of EVTCHNOP_send, for @port of @d.
 * @return 0; -XEN_EINVAL: not a port that can be sent on
 */
int evtchn_send(struct domain *d, unsigned int port);

/* Raises a virtual interrupt of @v; nothing happens when it is not bound. Any context. */
void send_guest_vcpu_virq(struct vcpu *v, u32 virq);
/*
 * Raises a global virtual interrupt (VIRQ_DOM_EXC, VIRQ_CONSOLE) in @d. The second form raises it
 * in the domain that it was delegated to, or else in dom0. Any context.
 */
void send_guest_global_virq(struct domain *d, u32 virq);
void send_global_virq(u32 virq);
int set_global_virq_handler(struct domain *d, u32 virq);
/*
 * Delivers a hardware interrupt to the port that it is bound to. Any context.
 * @return the CPU of the vCPU that takes it, where the next one had better arrive; this one when
 * nobody takes it
 */
struct pirq;
unsigned int send_guest_pirq(struct domain *d, const struct pirq *pirq);

/*
 * Unmasks a port of the current domain, as EVTCHNOP_unmask does.
 * @return 0; -XEN_EINVAL: no such port
 */
long evtchn_unmask(unsigned int port);

/*
 * Is @port of @d pending? For SCHEDOP_poll.
 * @return 1 or 0; -XEN_EINVAL: no such port
 */
int evtchn_port_poll(struct domain *d, u32 port);

/* Prints all open ports (debugging). */
void evtchn_dump(struct domain *d);

/* Marks everything pending again: the vcpu_info of @v moved (VCPUOP_register_vcpu_info). */
void evtchn_vcpu_info_moved(struct vcpu *v);

#endif
