/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's console: output to serial port and screen, the ring that `bh dmesg` reads,
 * dom0's input.
 */
#ifndef BULKHEAD_CONSOLE_H
#define BULKHEAD_CONSOLE_H

#include "types.h"

struct xen_sysctl_readconsole;

/*
 * A device that shows text. write() may be called in any context, and must neither sleep nor print.
 */
struct console_driver {
    const char *name;
    void (*write)(const char *text, size_t len);
    struct console_driver *next;
};

void console_register(struct console_driver *drv);
struct hv_options;
/*
 * Boot, right after the command line was read: sets the message levels and starts the drivers that
 * console= names. It uses ports, and the direct map of the VGA text buffer (0xb8000).
 * (arch/x86/console_setup.c)
 */
void console_init_early(const struct hv_options *opt);
/*
 * Boot, once timers run: starts serial input. console_choose_dom0() follows when dom0 is known: the
 * screen becomes dom0's, unless dom0 is the built-in one, for which the keyboard is read.
 * (arch/x86/console_setup.c)
 */
void console_init_input(void);
void console_choose_dom0(bool builtin);
/*
 * Takes a character from the serial line or the keyboard, in any context, for whoever has the
 * input: dom0, which VIRQ_CONSOLE tells, or the hypervisor, for which it is a debug key.
 * (console_input.c)
 */
void console_input(char c);
/* Boot: the hypervisor has the input until the administrator switches it to dom0. */
void console_input_to_us(void);
/*
 * The thresholds that loglvl= and guest_loglvl= set, as texts: "LEVEL" prints messages up to LEVEL;
 * "LEVEL/LIMITED" also prints those above it and up to LIMITED, within the rate limit. Levels are
 * "none", "error", "warning", "info", "debug" or "all"; as in Xen, an empty LEVEL is "warning".
 */
enum console_level { CONSOLE_LOGLVL, CONSOLE_GUEST_LOGLVL };
#define CONSOLE_LEVEL_MAX 16U /* bytes of the longest text that is shown */
/* Boot: sets both; an empty text stands for an option that was not given. */
void console_set_levels(const char *loglvl, const char *guest_loglvl);
/* @return false: @text is not understood, and nothing has changed */
bool console_set_level(enum console_level level, const char *text);
/* Shows it as "LEVEL/LIMITED". @text: room for CONSOLE_LEVEL_MAX bytes */
void console_get_level(enum console_level level, char *text);
/* Writes text of dom0 (console_io), without a prefix. */
void console_write_guest(const char *text, size_t len);
/*
 * Moves up to @len bytes of waiting input to @buf.
 * @return how many
 */
size_t console_read_input(char *buf, size_t len);
/*
 * XEN_SYSCTL_readconsole: fills in index and count of @op.
 * @return 0 or a negative errno
 */
int console_read_ring(struct xen_sysctl_readconsole *op);
/* Makes messages wait for no slow device and no lock from now on: the machine is going down. */
void console_force_unlock(void);

#endif
