/* SPDX-License-Identifier: MIT */
/* Bringing up the CPUs other than the boot CPU. */
#ifndef SECONDARY_H
#define SECONDARY_H

#include <types.h>

/*
 * Boot CPU: brings up the CPUs that the firmware lists, one after the other, until @maxcpus run. A
 * CPU that does not start or is not fit to run is left out with a line. Interrupts are off; clocks,
 * heap and idle domain are there, and no guest.
 */
void secondary_start_all(unsigned int maxcpus);

/* Boot CPU, after its cpu_setup(): notes what it can do, for the comparison. */
void secondary_check_init(void);
/*
 * Compares this CPU with the boot CPU: what it can do, before it is told to (cpu_setup()); and the
 * memory types, after that: its MTRRs are set as on the boot CPU.
 * @why: receives the reason, in @size bytes, when it is not fit
 * @return is it fit to run beside it?
 */
bool secondary_features_fit(char *why, size_t size);
bool secondary_memory_types_fit(char *why, size_t size);

#endif
