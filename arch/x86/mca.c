/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_mca: what dom0 asks about machine checks. There are no records to fetch (traps.c: a
 * machine check ends the machine), so the answers describe the CPUs and say that there is no
 * record, which is all that dom0's driver needs.
 */
#include <arch.h>
#include <asm/cpu_features.h>
#include <asm/msr.h>
#include <guest_access.h>
#include <hypercall.h>
#include <percpu.h>
#include <public/arch-x86/xen-mca.h>

static long mca_fetch(struct xen_mc_fetch *op)
{
    u32 which = op->flags & (XEN_MC_NONURGENT | XEN_MC_URGENT);

    if (which != XEN_MC_NONURGENT && which != XEN_MC_URGENT)
        return -XEN_EINVAL;
    if (op->flags & XEN_MC_ACK) {
        op->flags = XEN_MC_OK;
        return 0;
    }
    if (!handle_addr(op->data))
        return -XEN_EINVAL;
    op->flags = XEN_MC_OK | XEN_MC_NODATA;
    op->fetch_id = 0;
    return 0;
}

static void mca_describe_cpu(unsigned int cpu, xen_mc_logical_cpu_t *info)
{
    struct cpuid basic = cpuid(1), extended = cpuid(0x80000001);

    *info = (xen_mc_logical_cpu_t){
        .mc_cpunr = cpu,
        .mc_apicid = cpus[cpu]->arch.apic_id,
        .mc_ncores = 1,
        .mc_ncores_active = 1,
        .mc_nthreads = 1,
        .mc_cpuid_level = (s32)boot_cpu.max_leaf,
        .mc_family = boot_cpu.family,
        .mc_model = boot_cpu.model,
        .mc_step = boot_cpu.stepping,
        .mc_cache_alignment = (basic.ebx >> 8 & 0xff) * 8,
    };
    memcpy(info->mc_vendorid, boot_cpu.vendor, sizeof(boot_cpu.vendor));
    info->mc_cpu_caps[MC_CAPS_STD_EDX] = basic.edx;
    info->mc_cpu_caps[MC_CAPS_STD_ECX] = basic.ecx;
    info->mc_cpu_caps[MC_CAPS_AMD_EDX] = extended.edx;
    info->mc_cpu_caps[MC_CAPS_AMD_ECX] = extended.ecx;
}

static long tell_cpus(struct xen_mc_physcpuinfo *op)
{
    unsigned int cpu, n = 0;

    if (!handle_addr(op->info)) {
        op->ncpus = cpumask_weight(&cpu_online);
        return 0;
    }
    for_each_cpu (cpu, &cpu_online) {
        xen_mc_logical_cpu_t info;

        if (n == op->ncpus)
            break;
        mca_describe_cpu(cpu, &info);
        if (put_guest_element(handle_addr(op->info), n, &info))
            return -XEN_EFAULT;
        n++;
    }
    op->ncpus = n;
    return 0;
}

long do_mca(unsigned long u_mc)
{
    struct xen_mc op;
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (get_guest(&op, u_mc))
        return -XEN_EFAULT;
    if (op.interface_version != XEN_MCA_INTERFACE_VERSION)
        return -XEN_EACCES;
    switch (op.cmd) {
    case XEN_MC_fetch:
        rc = mca_fetch(&op.u.mc_fetch);
        break;
    case XEN_MC_physcpuinfo:
        rc = tell_cpus(&op.u.mc_physcpuinfo);
        break;
    default: /* nothing is passed on to domains, nor injected */
        return -XEN_EINVAL;
    }
    return rc == 0 && put_guest(u_mc, &op) ? -XEN_EFAULT : rc;
}
