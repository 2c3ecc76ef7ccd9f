/* SPDX-License-Identifier: MIT */
/*
 * What the administrator asked for on the command line. Parsed once by the boot code, read-only
 * afterwards; each subject copies what it needs after boot.
 */
#ifndef BULKHEAD_OPTIONS_H
#define BULKHEAD_OPTIONS_H

#include "types.h"

struct hv_options {
    char cmdline[1024]; /* as given, for XENVER_commandline and messages */

    /* Console and messages. */
    char console[32]; /* console=: comma-separated "com1", "vga", "none"; empty: both */
    char com1[48];   /* com1=: baud[,data+parity+stop[,io-base[,irq]]]; empty: 115200,8n1,0x3f8,4 */
    char loglvl[16]; /* loglvl=: threshold as in console_set_levels(); empty: default */
    char guest_loglvl[16]; /* guest_loglvl= */
    char switch_character; /* conswitch=: three of it switch the input between dom0 and us */
    bool keeps_input;      /* conswitch=ax: it is ours at first */

    /* Platform. */
    u64 acpi_rsdp;        /* acpi_rsdp=: machine address of ACPI's root pointer; 0: look for it */
    bool no_x2apic;       /* x2apic=0 */
    char clocksource[12]; /* clocksource=: "hpet", "acpi", "pit": what calibrates the TSC; empty:
                             the best there is */
    unsigned int maxcpus; /* maxcpus=: physical CPUs to use */
    bool watchdog;        /* watchdog=: a CPU that hangs ends the machine */
    unsigned int watchdog_timeout; /* watchdog_timeout=: seconds until a CPU counts as hung */
    bool noreboot;                 /* noreboot: stop instead of restarting after a fatal error */
    bool spec_ctrl;                /* spec-ctrl=: speculation barriers; on unless "no" */
    enum { MD_CLEAR_BY_CPU, MD_CLEAR_NEVER, MD_CLEAR_ALWAYS } md_clear; /* spec-ctrl=md-clear */

    /* Dom0. Sizes in bytes; a negative one means "all memory except that much"; DOM0_MEM_UNSET: not
     * given. */
    s64 dom0_mem, dom0_mem_min, dom0_mem_max;
    unsigned int dom0_max_vcpus; /* dom0_max_vcpus=; 0: as many as there are CPUs */
    bool dom0_vcpus_pin;         /* dom0_vcpus_pin: vCPU n of dom0 runs on CPU n alone */
};

#define DOM0_MEM_UNSET INT64_MIN

/*
 * Fills in hv_options from our command line and remembers what was wrong with it. (boot/options.c)
 */
void options_parse(const char *cmdline);
/* Prints one line for every unknown option and every bad value, now that the console works. */
void options_report(void);

extern struct hv_options hv_options;

#endif
