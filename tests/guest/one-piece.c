/* SPDX-License-Identifier: MIT */
/*
 * What dom0 may ask for in one piece, and what it costs. As dom0 under -icount shift=0, where a TSC
 * tick is an instruction, it prints
 *
 *     piece: <what> <instructions> for <amount>
 *
 * for each, and powers off. tests/system/test_preemption.c compares the figures with those of
 * docs/testing.md.
 */
#include <clock.h>
#include <guest.h>
#include <hypercall.h>
#include <public/domctl.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/sysctl.h>
#include <stdio.h>
#include <string.h>

#define EXTENT_ORDER 16U /* 256 MiB */
#define VCPUS        128U
#define CONSOLE_RING 65536U
#define LINE         128U
#define BITMAP       (1U << 20) /* bytes */
#define FILLINGS     10         /* of the ring, by the longest of the debug keys */

static long must(const char *what, long result)
{
    if (result < 0)
        guest_panic("%s: %ld", what, result);
    return result;
}

static void report(const char *what, uint64_t instructions, unsigned long amount)
{
    printf("piece: %s %lu for %lu\n", what, instructions, amount);
}

static struct xen_sysctl sysctl(uint32_t cmd)
{
    return (struct xen_sysctl){.cmd = cmd, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
}

static struct xen_domctl domctl(uint32_t cmd, domid_t domain)
{
    return (struct xen_domctl){
        .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = domain};
}

static domid_t create_domain(void)
{
    struct xen_domctl op = domctl(XEN_DOMCTL_createdomain, DOMID_INVALID);
    domid_t domain;

    op.u.createdomain = (struct xen_domctl_createdomain){.max_vcpus = VCPUS,
                                                         .max_evtchn_port = 1023,
                                                         .max_grant_frames = -1,
                                                         .max_maptrack_frames = -1,
                                                         .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    must("createdomain", hypercall_domctl(&op));
    domain = op.domain;
    op = domctl(XEN_DOMCTL_max_vcpus, domain);
    op.u.max_vcpus.max = VCPUS;
    must("max_vcpus", hypercall_domctl(&op));
    op = domctl(XEN_DOMCTL_max_mem, domain);
    op.u.max_mem.max_memkb = 8UL << EXTENT_ORDER;
    must("max_mem", hypercall_domctl(&op));
    return domain;
}

static void extent(domid_t domain)
{
    xen_pfn_t frame = 0;
    struct xen_memory_reservation request = {
        .nr_extents = 1, .extent_order = EXTENT_ORDER, .domid = domain};
    uint64_t start;

    set_xen_guest_handle(request.extent_start, &frame);
    start = clock_tsc();
    if (must("populate_physmap", hypercall_memory_op(XENMEM_populate_physmap, &request)) != 1)
        guest_panic("no extent");
    report("extent", clock_tsc() - start, 1UL << EXTENT_ORDER);
}

static void domain_list(domid_t domain)
{
    struct xen_sysctl op = sysctl(XEN_SYSCTL_getdomaininfolist);
    xen_domctl_getdomaininfo_t info;
    uint64_t start;

    op.u.getdomaininfolist.first_domain = domain;
    op.u.getdomaininfolist.max_domains = 1;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, &info);
    start = clock_tsc();
    must("getdomaininfolist", hypercall_sysctl(&op));
    report("domain", clock_tsc() - start, op.u.getdomaininfolist.num_domains);
}

/* A bitmap is cleared up to its end, however far beyond the last CPU that is. */
static void bitmap(void)
{
    static uint8_t bits[BITMAP];
    struct xen_domctl op = domctl(XEN_DOMCTL_getvcpuaffinity, 0);
    uint64_t start;

    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = BITMAP * 8;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, bits);
    start = clock_tsc();
    must("getvcpuaffinity", hypercall_domctl(&op));
    report("bitmap", clock_tsc() - start, BITMAP / 8);
}

static void press(const char *key)
{
    struct xen_sysctl op = sysctl(XEN_SYSCTL_debug_keys);

    op.u.debug_keys.nr_keys = 1;
    set_xen_guest_handle(op.u.debug_keys.keys, key);
    must("debug_keys", hypercall_sysctl(&op));
}

static void vcpu_lines(void)
{
    uint64_t start = clock_tsc();

    press("q");
    report("vcpu_lines", clock_tsc() - start, 1 + VCPUS); /* the first is the domain's */
}

static void console_text(void)
{
    static char text[LINE + 1];
    uint64_t start;

    memset(text, '.', LINE - 1);
    text[LINE - 1] = '\n';
    start = clock_tsc();
    must("console_io", hypercall_console_io(CONSOLEIO_write, LINE, text));
    report("console_write", clock_tsc() - start, LINE);
}

static void read_console(void)
{
    static char ring[CONSOLE_RING];
    struct xen_sysctl op = sysctl(XEN_SYSCTL_readconsole);
    uint64_t start;

    for (int i = 0; i < FILLINGS; i++)
        press("q");
    op.u.readconsole.count = CONSOLE_RING;
    set_xen_guest_handle(op.u.readconsole.buffer, ring);
    start = clock_tsc();
    must("readconsole", hypercall_sysctl(&op));
    report("console_read", clock_tsc() - start, op.u.readconsole.count);
}

void guest_main(void)
{
    domid_t domain = create_domain();

    extent(domain);
    domain_list(domain);
    bitmap();
    vcpu_lines();
    console_text();
    read_console();
    printf("piece: done\n");
    hypercall_sched_op(SCHEDOP_shutdown, &(struct sched_shutdown){.reason = SHUTDOWN_poweroff});
}
