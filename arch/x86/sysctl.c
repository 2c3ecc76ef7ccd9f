/* SPDX-License-Identifier: MIT */
/*
 * The control operations about the machine that need to know the CPU: its topology and features.
 */
#include <arch.h>
#include <asm/cpu_features.h>
#include <asm/cpu_policy.h>
#include <asm/memory_map.h>
#include <asm/msi.h>
#include <asm/msr.h>
#include <asm/paging.h>
#include <asm/topology.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <percpu.h>
#include <public/sysctl.h>

static long physinfo(struct xen_sysctl_physinfo *info)
{
    struct topology t = cpu_topology();
    struct cpuid basic = cpuid(1), leaf7 = {0};

    if (boot_cpu.max_leaf >= 7)
        leaf7 = cpuid_count(7, 0);
    *info = (struct xen_sysctl_physinfo){
        .threads_per_core = t.threads_per_core,
        .cores_per_socket = t.cores_per_socket,
        .nr_cpus = cpumask_weight(&cpu_online),
        .max_cpu_id = nr_cpus - 1,
        .nr_nodes = 1,
        .cpu_khz = (u32)cpu_khz,
        .capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
        .total_pages = heap_total_pages(),
        .free_pages = heap_free_pages(),
        .outstanding_pages = heap_claimed_pages(),
        .max_mfn = max_page - 1,
    };
    /* In the order of Xen's feature words: what `xl info` calls hw_caps. */
    info->hw_cap[0] = basic.edx;
    info->hw_cap[1] = basic.ecx;
    info->hw_cap[2] = cpuid(0x80000001).edx;
    info->hw_cap[3] = cpuid(0x80000001).ecx;
    info->hw_cap[4] = boot_cpu.max_leaf >= 0xd ? cpuid_count(0xd, 1).eax : 0;
    info->hw_cap[5] = leaf7.ebx;
    info->hw_cap[6] = leaf7.ecx;
    info->hw_cap[7] = boot_cpu.max_ext_leaf >= 0x80000007 ? cpuid(0x80000007).edx : 0;
    return 0;
}

static long cputopoinfo(struct xen_sysctl_cputopoinfo *op)
{
    struct topology t = cpu_topology();
    u32 n = MIN(op->num_cpus, nr_cpus);

    if (!handle_addr(op->cputopo)) {
        op->num_cpus = nr_cpus;
        return 0;
    }
    for (u32 cpu = 0; cpu < n; cpu++) {
        struct xen_sysctl_cputopo topo = {.core = XEN_INVALID_CORE_ID,
                                          .socket = XEN_INVALID_SOCKET_ID};

        if (cpumask_test(&cpu_online, cpu)) {
            u32 id = cpus[cpu]->arch.apic_id;

            topo.core = id >> t.core_shift & ((1U << (t.socket_shift - t.core_shift)) - 1);
            topo.socket = id >> t.socket_shift;
        }
        if (put_guest_element(handle_addr(op->cputopo), cpu, &topo))
            return -XEN_EFAULT;
    }
    op->num_cpus = n;
    return 0;
}

/* There is one node with all memory. */
static long numainfo(struct xen_sysctl_numainfo *op)
{
    struct xen_sysctl_meminfo mem = {heap_total_pages() << PAGE_SHIFT, heap_free_pages()
                                                                           << PAGE_SHIFT};
    u32 distance = 10; /* to itself, by ACPI's convention */
    bool wanted = handle_addr(op->meminfo) || handle_addr(op->distance);

    if (wanted && op->num_nodes) {
        if (handle_addr(op->meminfo) && put_guest(handle_addr(op->meminfo), &mem))
            return -XEN_EFAULT;
        if (handle_addr(op->distance) && put_guest(handle_addr(op->distance), &distance))
            return -XEN_EFAULT;
    }
    op->num_nodes = wanted ? MIN(op->num_nodes, 1U) : 1;
    return 0;
}

#define DEVICES_AT_ONCE 64U

/*
 * There is one memory node, and no device says that it is near to it. Tools call again for those
 * that were not reached.
 */
static long pcitopoinfo(struct xen_sysctl_pcitopoinfo *op)
{
    u32 done = 0;

    if (!handle_addr(op->devs) || !handle_addr(op->nodes))
        return -XEN_EINVAL;
    while (done < op->num_devs) {
        physdev_pci_device_t dev;
        u32 node;

        if (get_guest_element(&dev, handle_addr(op->devs), done))
            return -XEN_EFAULT;
        node = msi_device_known(dev.seg, (struct pci_address){.bus = dev.bus, .devfn = dev.devfn})
                   ? XEN_INVALID_NODE_ID
                   : XEN_INVALID_DEV;
        if (put_guest_element(handle_addr(op->nodes), done, &node))
            return -XEN_EFAULT;
        if (++done >= DEVICES_AT_ONCE && hypercall_preempt_check())
            break;
    }
    op->num_devs = done;
    return 0;
}

unsigned long arch_memory_use(struct bulkhead_sysctl_memory_use *use)
{
    unsigned long vcpu = PAGE_SIZE << order_from_pages(DIV_ROUND_UP(arch_vcpu_size(), PAGE_SIZE));
    unsigned long outside = memory_ram_pages() - heap_total_pages();

    *use = (struct bulkhead_sysctl_memory_use){
        .ram = memory_ram_pages() << PAGE_SHIFT,
        .fixed = (outside << PAGE_SHIFT) + fixed_memory.heap,
        .image = (unsigned long)(hv_image_end - hv_init_end),
        .frames = fixed_memory.frames,
        .m2p = fixed_memory.m2p,
        .cpus = fixed_memory.cpus,
        .vcpu = vcpu + (sizeof(u64) << (GDT_LDT_VCPU_SHIFT - PAGE_SHIFT)), /* and its window */
    };
    return fixed_memory.heap;
}

long arch_sysctl(struct xen_sysctl *op, unsigned long u_sysctl, bool *copyback)
{
    switch (op->cmd) {
    case XEN_SYSCTL_physinfo:
        *copyback = true;
        return physinfo(&op->u.physinfo);
    case XEN_SYSCTL_cputopoinfo:
        *copyback = true;
        return cputopoinfo(&op->u.cputopoinfo);
    case XEN_SYSCTL_numainfo:
        *copyback = true;
        return numainfo(&op->u.numainfo);
    case XEN_SYSCTL_pcitopoinfo:
        *copyback = true;
        return pcitopoinfo(&op->u.pcitopoinfo);
    case XEN_SYSCTL_psr_cmt_op: /* no share of a cache is measured or given */
        return -XEN_ENODEV;
    case XEN_SYSCTL_psr_alloc:
        return op->u.psr_alloc.cmd <= XEN_SYSCTL_PSR_get_mba_info ? -XEN_ENODEV : -XEN_EOPNOTSUPP;
    case XEN_SYSCTL_get_cpu_levelling_caps:
        op->u.cpu_levelling_caps.caps = boot_cpu.cpuid_faulting ? XEN_SYSCTL_CPU_LEVELCAP_faulting
                                                                : 0;
        *copyback = true;
        return 0;
    case XEN_SYSCTL_get_cpu_policy:
        *copyback = true;
        return cpu_policy_sysctl(&op->u.cpu_policy);
    case XEN_SYSCTL_get_cpu_featureset:
        *copyback = true;
        return cpu_policy_featureset(&op->u.cpu_featureset);
    default:
        return hypercall_unknown(__HYPERVISOR_sysctl, op->cmd);
    }
}
