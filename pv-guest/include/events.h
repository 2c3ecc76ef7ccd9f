/* SPDX-License-Identifier: MIT */
/*
 * Event channels: allocating ports, handlers, and the switch that keeps upcalls away.
 *
 * A port starts masked; event_set_handler() unmasks it. Handlers run in the upcall: with events
 * disabled, on the interrupted stack, and they must not wait. They need not clear the pending bit:
 * it is cleared before they are called, so an event that comes meanwhile calls them once more.
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
 * Keeps upcalls off this vCPU.
 * @return whether they were enabled before, for events_restore().
 */
bool events_disable(void);

/* Enables upcalls if @enabled, and takes at once those that are pending. */
void events_restore(bool enabled);

/*
 * Allocates a port that @remote may bind to.
 * @return the port, or a negative errno.
 */
int event_alloc_unbound(domid_t remote);

/* As event_alloc_unbound(), on behalf of domain @local (privileged callers). */
int event_alloc_unbound_for(domid_t local, domid_t remote);

/*
 * Binds to @remote_port, which @remote allocated for this domain. @return the local port or an
 * error.
 */
int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port);

/* Binds a VIRQ_*. @return the port or a negative errno. */
int event_bind_virq(unsigned int virq, unsigned int vcpu);

/*
 * Binds physical interrupt @pirq of this domain; its line may have other users if @shared.
 * @return the port or a negative errno.
 */
int event_bind_pirq(unsigned int pirq, bool shared);

/* Makes a port by which vCPUs of this domain signal @vcpu. @return the port or an error. */
int event_bind_ipi(unsigned int vcpu);

/* Closes the port and forgets its handler. */
int event_close(evtchn_port_t port);

/* Signals the other end. @return 0 or a negative errno. */
int event_send(evtchn_port_t port);

/* Sets the handler (NULL: none) and unmasks the port, or masks it for NULL. */
void event_set_handler(evtchn_port_t port, event_handler handler, void *argument);

/* Stops delivery from this port; its pending bit is still set by events. */
void event_mask(evtchn_port_t port);

/* Allows delivery; what is pending is delivered at once. */
void event_unmask(evtchn_port_t port);

/* Clears the pending bit. @return whether it was set. */
bool event_test_and_clear(evtchn_port_t port);

/* Whether the pending bit is set. */
bool event_is_pending(evtchn_port_t port);

#endif
