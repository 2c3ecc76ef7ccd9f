/* SPDX-License-Identifier: MIT */
/*
 * The domain as a whole: the builder's start-of-day record, the command line, and the end.
 *
 * An image is the kernel library plus one guest_main(). By the time guest_main() runs, as the
 * first thread on vCPU 0, everything in these headers works: memory, traps, events, timers,
 * threads, console; the store client too, in a domain that has a store.
 */
#ifndef GUEST_H
#define GUEST_H

#include <public/xen.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <traps.h>

/* The start-of-day record, in the memory where the builder put it. Read only by convention. */
extern start_info_t *start_info;

/* The page shared with the hypervisor: events, time, vCPU records of the first 32 vCPUs. */
extern shared_info_t *shared_info;

/* General registers, selectors, flags and stack pointer as they were at the entry point. */
extern struct registers boot_registers;

/* The image's program. When it returns, the domain powers itself off. */
void guest_main(void);

/* True in the domain that the hypervisor built itself (SIF_INITDOMAIN). */
bool guest_is_dom0(void);

/* True when this domain may use the control hypercalls (SIF_PRIVILEGED). */
bool guest_is_privileged(void);

/* The command line, NUL-terminated. */
const char *guest_command_line(void);

/*
 * Looks for a word @name or `name=value` on the command line.
 * @param value receives the value, "" for a bare word; may be NULL.
 * @param size  bytes at @value; a longer value is cut.
 * @return true when the word is there.
 */
bool guest_option(const char *name, char *value, size_t size);

/* This domain's number, found without the store. DOMID_SELF is never returned. */
domid_t guest_domid(void);

/* Ends this domain: @reason is SHUTDOWN_poweroff, _reboot, _crash... (public/sched.h). */
_Noreturn void guest_shutdown(unsigned int reason);

/* Prints a message and a backtrace of raw return addresses, then SHUTDOWN_crash. */
_Noreturn void guest_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
