/* SPDX-License-Identifier: MIT */
/*
 * A machine for dom0-tools on the host: domains with real memory (one shared file, so that a frame
 * mapped twice is one frame), event channels, files; and failures on demand, of any platform call
 * or allocation.
 */
#ifndef FAKE_PLATFORM_H
#define FAKE_PLATFORM_H

#include <platform.h>

#include <tools/cpu_list.h>

#define FAKE_CPUS    4
#define FAKE_VCPUS   4 /* of a domain, whose affinity is kept */
#define FAKE_DOMAINS 16
#define FAKE_FRAMES  32768u /* the machine has 128 MiB */
#define FAKE_PORTS   64

struct fake_domain {
    bool exists, paused;
    bool changed; /* the service is to hear of it, if the hypervisor tells */
    uint8_t uuid[16];
    uint32_t max_vcpus, shutdown_flags;
    uint64_t frames, max_frames, map_end; /* map_end: bytes in its memory map */
    xen_pfn_t shared_info, pinned, hypercall_page;
    vcpu_guest_context_t context;
    bool context_set;
    unsigned int ports; /* allocated for it */
    struct cpu_set hard[FAKE_VCPUS], soft[FAKE_VCPUS];
    bool pinned_itself; /* its vCPUs, for a while */
    struct xen_domctl_sched_credit2 share;
};

extern struct fake_domain fake_domains[FAKE_DOMAINS]; /* by number; 0 is dom0 */

extern uint32_t fake_ratelimit; /* us */
extern uint32_t fake_offline;   /* a bit for each CPU */

/* Starts afresh. */
void fake_reset(void);

/* From now on, the @nth call that can fail does so, once; 0 turns failures off. */
void fake_fail_at(unsigned int nth);

/* How many calls that can fail there have been since fake_fail_at. */
unsigned int fake_calls(void);

/* Whether superpages are there to be had. */
void fake_superpages(bool available);

/* Whether the hypervisor tells which domains have changed: not after fake_reset. */
extern bool fake_tells_changes;

/* The port of VIRQ_DOM_EXC. */
int fake_exception_port(void);

/* Adds a file; @data stays where it is. */
void fake_add_file(const char *path, const void *data, size_t size);

/* The memory of a machine frame. */
void *fake_frame(xen_pfn_t frame);

/* What is in use: mappings of foreign frames, bound ports, domains other than dom0, free frames. */
unsigned int fake_mappings(void);
unsigned int fake_bound_ports(void);
unsigned int fake_domain_count(void);
unsigned int fake_free_frames(void);

/*
 * Has @hook called, instead of all other threads, whenever a thread sleeps; or nothing with NULL.
 */
void fake_on_sleep(void (*hook)(void));

/* Has @hook called whenever a thread sleeps or yields, instead of all other threads. */
void fake_on_yield(void (*hook)(void));

/* Lets time pass. */
void fake_pass_time(uint64_t nanoseconds);

/* Runs the threads that were started, except the service's loop. */
void fake_run_threads(void);

/* Blocks allocated through the fake's malloc and not freed. */
long fake_blocks(void);

#endif
