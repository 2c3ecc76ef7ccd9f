/* SPDX-License-Identifier: MIT */
/*
 * The Debian that mk/make-debian.sh installed, as a domU: boot a machine that has it on its disk,
 * log in, type commands into its shell.
 */
#ifndef TESTS_SYSTEM_DEBIAN_H
#define TESTS_SYSTEM_DEBIAN_H

#include "bulkhead.h"

#define DEBIAN_PROMPT "debian# "

/*
 * Boots Bulkhead and the built-in dom0, to its prompt, with the Debian's disk as vda (what is
 * written to it lives as long as the machine), an empty disk of SCRATCH_MIB as vdb, and
 * /guests/debian.cfg. Dom0's network card leads to QEMU's own network, where 10.0.2.100 port 80
 * answers with 3 MB of noise, behind a line that is its checksum.
 */
struct machine *debian_boot(const char *name, unsigned int scratch_mib);

/* On the domain's console: waits for the login prompt, logs in. */
void debian_log_in(struct machine *machine);

/* Types a command into the domain's shell; returns what it printed, valid until the next wait. */
const char *debian_shell(struct machine *machine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails the test unless the command succeeds. */
void debian_do(struct machine *machine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Leaves the domain's console for dom0's prompt. */
void debian_leave(struct machine *machine);

#endif
