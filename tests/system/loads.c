/* SPDX-License-Identifier: MIT */
/*
 * Domains that work. See loads.h.
 */
#include "loads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const hypervisors[HYPERVISORS] = {
    [XEN] = "packages/xen", [BULKHEAD] = "bulkhead"};

static const char *make_files(const char *name)
{
    const char *folder = build_path("logs/%s.guests", name);
    const char *ramdisk = build_path("logs/%s.cpio", name);

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "load", "load", "memory = 8\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

struct machine *loads_boot(const char *name, int hypervisor, unsigned int cpus)
{
    char modules[1024], number[16];
    const char *const extra[] = {"-smp", number, NULL};
    struct machine *machine;

    snprintf(number, sizeof(number), "%u", cpus);
    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), make_files(name));
    machine = machine_start(&(struct machine_options){
        .name = name,
        .kernel = build_path("%s", hypervisors[hypervisor]),
        .cmdline = "console=com1 noreboot loglvl=warning guest_loglvl=none/warning "
                   "dom0_mem=256M spec-ctrl=no",
        .modules = modules,
        .extra = extra});
    expect_prompt(machine);
    machine_fire_timers_first(machine);
    return machine;
}

static void take_line(struct load *load, const char *line)
{
    unsigned long long window, running, longest, operations;
    unsigned int number, half, most_of_them, last;

    if (sscanf(line, "LOAD %u window %llu running %llu longest %llu operations %llu", &number,
               &window, &running, &longest, &operations) == 5) {
        double cpus = (double)running / (double)window;

        load->cpus += cpus;
        load->least = number == 0 || cpus < load->least ? cpus : load->least;
        if ((double)longest / 1e6 > load->longest_ms) {
            load->longest_ms = (double)longest / 1e6;
        }
        load->operations += (double)operations / (double)window * 1e9;
    } else if (sscanf(line, "LATE %u median %u p99 %u longest %u", &number, &half, &most_of_them,
                      &last) == 4) {
        load->late_ms = half / 1e6;
        load->late_99_ms = most_of_them / 1e6;
        load->late_most_ms = last / 1e6;
    }
}

/* Reads a domain's console up to the end of its report. */
static void read_report(struct machine *machine, unsigned int domain, struct load *load)
{
    const char *line;

    machine_type(machine, "console w%u", domain);
    machine_expect(machine, "LOAD DONE");
    memset(load, 0, sizeof(*load));
    line = machine_between(machine);
    while ((line = strchr(line, '\n')) != NULL)
        take_line(load, ++line);
    if (load->cpus == 0)
        machine_fail(machine, "domain w%u reports nothing", domain);
    leave_console(machine);
}

/* Domains are created first, so that all begin to work at about the same time. */
void loads_run(struct machine *machine, const char *const *settings, unsigned int count,
               struct load *loads)
{
    assert_true(count <= MAX_LOADS);
    for (unsigned int i = 0; i < count; i++)
        bh(machine, "create -p /guests/load.cfg name=w%u %s", i, settings[i]);
    for (unsigned int i = 0; i < count; i++)
        assert_string_equal(bh(machine, "unpause w%u", i), "");
    for (unsigned int i = 0; i < count; i++)
        read_report(machine, i, &loads[i]);
    for (unsigned int i = 0; i < count; i++)
        bh(machine, "destroy w%u", i);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

double median(double *values, unsigned int count)
{
    qsort(values, count, sizeof(*values), compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
