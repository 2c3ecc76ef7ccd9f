/* SPDX-License-Identifier: MIT */
/*
 * What several system tests do with Bulkhead: make a CD, boot to dom0's prompt, run a bh command.
 */
#ifndef TESTS_SYSTEM_BULKHEAD_H
#define TESTS_SYSTEM_BULKHEAD_H

#include "harness.h"

#define BH_PROMPT    "bh> "
#define LINUX_PROMPT "/ # "
/* How the Linux ramdisk's start script greets. */
#define LINUX_BANNER "hypervisor: xen"

/* Makes a CD with GRUB, a hypervisor and up to two modules (NULL: none); returns its path. */
const char *make_iso(const char *name, const char *hypervisor, const char *cmdline,
                     const char *kernel, const char *kernel_cmdline, const char *ramdisk);

/* The hypervisor under test: the environment's BULKHEAD, or build/bulkhead. */
const char *bulkhead_image(void);

/* Makes the CD that boots Bulkhead with the built-in dom0 and RAMDISK. */
const char *make_dom0_iso(const char *name, const char *ramdisk);

/* A ramdisk for the built-in dom0 whose /guests holds the named files of build/guests. */
const char *make_ramdisk(const char *name, const char *const *files);

/* The built-in dom0's image and the ramdisk with the default /guests. */
const char *dom0_kernel(void);
const char *dom0_ramdisk(void);

/*
 * Puts a stripped pv-guest image into FOLDER as NAME, and NAME.cfg next to it: its name, its
 * kernel, and the lines of CONFIG.
 */
void make_guest(const char *folder, const char *name, const char *image, const char *config);

/*
 * Starts Bulkhead with the built-in dom0 and RAMDISK, without a boot loader, and waits for the
 * prompt. OPTIONS says the rest; a command line of "console=com1" when it has none.
 */
struct machine *start_dom0(const struct machine_options *options, const char *ramdisk);

/* Waits for dom0's prompt. */
void expect_prompt(struct machine *machine);

/*
 * Types a bh command and waits for the next prompt. Returns what the command printed (without the
 * echo of its line), valid until the next wait.
 */
const char *bh(struct machine *machine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* From a domain's console back to dom0's prompt. */
void leave_console(struct machine *machine);

/* Has the shell of the domain "linux" run COMMAND, whose output has to hold LINE. */
void ask_linux(struct machine *machine, const char *command, const char *line);

/* How many lines a command's output has. */
unsigned int lines_of(const char *text);

/* Says something to the domain "demo" on its console and waits for its answer. */
void talk_to_demo(struct machine *machine, const char *word);

/* The number that follows "KEY": in JSON output; fails the test when there is none. */
long long json_number(struct machine *machine, const char *json, const char *key);

/* What the hypervisor has free now, in KiB. */
long long free_memory(struct machine *machine);

/* `bh list` shows @count domains besides dom0, when those that have been destroyed are gone. */
void expect_domains(struct machine *machine, unsigned int count);

/*
 * `bh list` does not show NAME any more: for a domain that stopped by itself, which dom0 destroys
 * while it does other things. (`bh destroy` waits.)
 */
void expect_gone(struct machine *machine, const char *name);

/*
 * All that the hypervisor counts: frames, objects, domains, event channels, grants; as the lines of
 * its debug keys, without the room that domains have for mappings, which never shrinks. Kept until
 * the program ends. Empties its messages.
 */
const char *hypervisor_counters(struct machine *machine);

/* The same from the messages that answered the debug keys "megq". */
const char *counters_in(const char *messages);

/* The release of the Debian kernel that the build unpacked, as `uname -r` prints it. */
const char *linux_release(void);

#endif
