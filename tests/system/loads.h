/* SPDX-License-Identifier: MIT */
/*
 * Domains that work (pv-guest/apps/load.c) under the built-in dom0, on Bulkhead or on Debian's Xen,
 * and what each of them got.
 */
#ifndef TESTS_SYSTEM_LOADS_H
#define TESTS_SYSTEM_LOADS_H

#include "bulkhead.h"

/* What benchmarks of several CPUs compare, by its place in their tables. */
enum { XEN, BULKHEAD, HYPERVISORS };

#define MAX_LOADS 16

/* What a domain got, in the time that it measured. */
struct load {
    double cpus;         /* that its vCPUs ran on, on average */
    double least;        /* the same of the vCPU that ran least */
    double longest_ms;   /* from the end of one operation to the end of the next */
    double operations;   /* in a second, of all vCPUs */
    double late_ms;      /* of work=wake: how late half of the sleeps ended at most, */
    double late_99_ms;   /* 99 of 100, */
    double late_most_ms; /* all */
};

/* Starts a machine with CPUS CPUs and waits for dom0's prompt. */
struct machine *loads_boot(const char *name, int hypervisor, unsigned int cpus);

/*
 * Has COUNT domains work at the same time and destroys them. SETTINGS are arguments of `bh create`
 * for each of them, beside its name.
 */
void loads_run(struct machine *machine, const char *const *settings, unsigned int count,
               struct load *loads);

/* The median of COUNT values, which are sorted. */
double median(double *values, unsigned int count);

#endif
