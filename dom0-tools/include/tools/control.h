/* SPDX-License-Identifier: MIT */
/*
 * The control library: the hypervisor's domctl and sysctl calls (public/domctl.h, public/sysctl.h)
 * as functions without policy; errors become sentences.
 */
#ifndef TOOLS_CONTROL_H
#define TOOLS_CONTROL_H

#include <platform.h>
#include <tools/error.h>

/*
 * The functions that return int return 0, or -1 with the reason in @e, unless they say otherwise.
 */

/* Makes a paused PV domain without memory, whose @max_vcpus vCPUs are down. */
int control_create(const uint8_t uuid[16], unsigned int max_vcpus, domid_t *domid, struct error *e);

/*
 * Destroys a domain and frees its memory. Frames that other domains map stay until those unmap
 * them.
 */
int control_destroy(domid_t domid, struct error *e);

int control_pause(domid_t domid, struct error *e);
int control_unpause(domid_t domid, struct error *e);
int control_set_max_memory(domid_t domid, uint64_t kib, struct error *e);

/* Sets the domain's memory map (XENMEM_memory_map): @kib KiB of RAM from address 0. */
int control_set_memory_map(domid_t domid, uint64_t kib, struct error *e);

int control_set_vcpu(domid_t domid, unsigned int vcpu, const vcpu_guest_context_t *context,
                     struct error *e);

/* Fills a frame of the domain with hypercall stubs. */
int control_fill_hypercall_page(domid_t domid, xen_pfn_t frame, struct error *e);

/* Allocates a port of @domid to which this domain may bind. */
int control_alloc_port(domid_t domid, evtchn_port_t *port, struct error *e);

/*
 * Names a domain that has shut down, died or gone since the last call that named it.
 * @return 1; 0 if there is none; -1 if the hypervisor does not tell, as Xen before 4.20.
 */
int control_changed_domain(domid_t *domid);

/* Reads the state of a domain. @return 0, or -1 if there is no such domain. */
int control_domain_info(domid_t domid, struct xen_domctl_getdomaininfo *info);

/*
 * Fills @list with up to @max domains from number @first on, in order. @return how many, or -1 with
 * the reason in @e.
 */
int control_list(domid_t first, struct xen_domctl_getdomaininfo *list, unsigned int max,
                 struct error *e);

int control_machine_info(struct xen_sysctl_physinfo *info, struct error *e);

/*
 * Reads a part of the hypervisor's message ring: from the oldest message with @first, else from
 * *@index on, which moves behind that part. With @clear, removes that part from the ring.
 */
int control_read_messages(char *text, size_t size, bool first, bool clear, uint32_t *index,
                          size_t *length, struct error *e);

/* Sends debug keys to the hypervisor, which answers in its messages. */
int control_debug_keys(const char *keys, struct error *e);

#endif
