/* SPDX-License-Identifier: MIT */
/*
 * Event channels: allocating ports, handlers, and the switch that keeps upcalls away.
 *
 * A port starts masked; event_set_handler() unmasks it. Handlers run in the upcall: with events
 * disabled, on the interrupted stack, and they must not wait. They clear nothing: the pending bit
 * is cleared before they are called, so that an event that comes meanwhile is seen again.
 *
 * Upcalls overwrite the red zone. Code that uses one (the static archives of Debian) runs between
 * events_disable() and events_restore(), and must not fault.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <public/event_channel.h>
#include <public/xen.h>
#include <stdbool.h>
#include <stdint.h>

typedef void (*event_handler)(evtchn_port_t port, void *argument);

/* Ports that the 2-level scheme can express on this word size. */
#define EVENT_PORTS (sizeof(unsigned long) * sizeof(unsigned long) * 64)

/*
 * Keep upcalls off this vCPU.
 * @return whether they were enabled before, for events_restore().
 */
bool events_disable(void);

/* Enable upcalls if `enabled`, and take at once those that are pending. */
void events_restore(bool enabled);

/*
 * Allocate a port that `remote` may bind to.
 * @return the port, or a negative errno.
 */
int event_alloc_unbound(domid_t remote);

/* As event_alloc_unbound(), on behalf of domain `local` (privileged callers). */
int event_alloc_unbound_for(domid_t local, domid_t remote);

/* Bind to `remote_port`, allocated by `remote` for us. @return our port or a negative errno. */
int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port);

/* Bind a VIRQ_*. @return the port or a negative errno. */
int event_bind_virq(unsigned int virq, unsigned int vcpu);

/*
 * Bind physical interrupt `pirq` of ours; its line may have other users if `shared`.
 * @return the port or a negative errno.
 */
int event_bind_pirq(unsigned int pirq, bool shared);

/* Make a port by which vCPUs of this domain signal `vcpu`. @return the port or an error. */
int event_bind_ipi(unsigned int vcpu);

/* Close the port and forget its handler. */
int event_close(evtchn_port_t port);

/* Signal the other end. @return 0 or a negative errno. */
int event_send(evtchn_port_t port);

/* Set the handler (NULL: none) and unmask the port, or mask it for NULL. */
void event_set_handler(evtchn_port_t port, event_handler handler, void *argument);

/* Stop delivery from this port; its pending bit goes on being set. */
void event_mask(evtchn_port_t port);

/* Allow delivery; what is pending is delivered at once. */
void event_unmask(evtchn_port_t port);

/* Clear the pending bit. @return whether it was set. */
bool event_test_and_clear(evtchn_port_t port);

/* Whether the pending bit is set. */
bool event_is_pending(evtchn_port_t port);

#endif
