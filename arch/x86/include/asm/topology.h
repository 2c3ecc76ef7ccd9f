/* SPDX-License-Identifier: MIT */
/* How CPUs share cores and sockets (topology.c). */
#ifndef ASM_TOPOLOGY_H
#define ASM_TOPOLOGY_H

#include <types.h>

/*
 * How APIC ids are cut into thread, core and socket: the number of bits below the core, and below
 * the socket.
 */
struct topology {
    unsigned int core_shift, socket_shift;
    u32 threads_per_core, cores_per_socket;
};

/* @return the topology, which is the same for all CPUs */
struct topology cpu_topology(void);

#endif
