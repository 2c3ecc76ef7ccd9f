/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's console: output to serial port and screen, the ring that `bh dmesg` reads,
 * dom0's input.
 */
#ifndef BULKHEAD_CONSOLE_H
#define BULKHEAD_CONSOLE_H

#include "types.h"

struct xen_sysctl_readconsole;

/* A device that shows text. write() may be called in any context and must not sleep or print. */
struct console_driver {
    const char *name;
    void (*write)(const char *text, size_t len);
    struct console_driver *next;
};

void console_register(struct console_driver *drv);
struct hv_options;
/*
 * Boot, first thing after the command line was read: message levels, then the drivers named by
 * console=. arch/x86/console_setup.c. Uses ports, and the direct map of the VGA text buffer
 * (0xb8000).
 */
void console_init_early(const struct hv_options *opt);
/*
 * Boot, once timers run: serial input. Then, when dom0 is known: the screen is dom0's unless that
 * is the built-in one, for which the keyboard is read. arch/x86/console_setup.c.
 */
void console_init_input(void);
void console_choose_dom0(bool builtin);
/* A character arrived from the serial line or keyboard (interrupt context): goes to dom0 as
 * VIRQ_CONSOLE. */
void console_input(char c);
/* Levels from loglvl= and guest_loglvl= ("error", "warning", "info", "debug"/"all", "none", "x/y"
 * forms). */
void console_set_levels(const char *loglvl, const char *guest_loglvl);
/* Raw text of dom0 (console_io), without prefix. */
void console_write_guest(const char *text, size_t len);
/* Up to @len bytes of waiting input. */
size_t console_read_input(char *buf, size_t len);
/* XEN_SYSCTL_readconsole: fills in index and count. 0 or a negative errno. */
int console_read_ring(struct xen_sysctl_readconsole *op);
/* From now on messages do not wait for slow devices or locks: the machine is going down. */
void console_force_unlock(void);

#endif
