/* SPDX-License-Identifier: MIT */
/*
 * The platform_op hypercall: what dom0 asks of the machine or tells it.
 *
 * Linux's dom0 sets the wall clock, reads firmware facts, lists CPUs and enters S5 through it.
 * Power management of CPUs stays with the firmware; memory-type registers can be read, but not
 * changed: with PAT no kernel needs to.
 */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/cpu_features.h>
#include <asm/efi.h>
#include <asm/msr.h>
#include <cpu_hotplug.h>
#include <domain.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page.h>
#include <percpu.h>
#include <public/platform.h>
#include <sched.h>

#define ACPI_S5                5
#define BIOS_SHIFT_FLAGS_PADDR 0x417 /* BIOS data area */
#define MTRR_CAP_COUNT_MASK    0xffU
#define MTRR_MASK_VALID        (1U << 11)
#define CPUID_MTRR             (1U << 12) /* leaf 1, EDX */

static long set_time(u64 secs, u32 nsecs, u64 system_time)
{
    arch_set_wallclock(secs, nsecs, system_time);
    return 0;
}

static long read_memtype(struct xenpf_read_memtype *op)
{
    u64 base, mask, address_bits = (1UL << boot_cpu.phys_bits) - 1;

    if (!(cpuid(1).edx & CPUID_MTRR) || op->reg >= (rdmsr(MSR_MTRR_CAP) & MTRR_CAP_COUNT_MASK))
        return -XEN_EINVAL;
    base = rdmsr(MSR_MTRR_PHYS_BASE(op->reg));
    mask = rdmsr(MSR_MTRR_PHYS_MASK(op->reg));
    op->mfn = op->nr_mfns = 0;
    op->type = 0;
    if (mask & MTRR_MASK_VALID) {
        /*
         * The set bits of a mask are contiguous from the top: their complement is the size less
         * one.
         */
        op->mfn = (base & address_bits) >> PAGE_SHIFT;
        op->nr_mfns = ((~mask & address_bits) >> PAGE_SHIFT) + 1;
        op->type = base & 0xff;
    }
    return 0;
}

static long platform_quirk(u32 id)
{
    /*
     * All interrupts go to one CPU, and the IO-APIC's register is selected at each access: no quirk
     * has an effect.
     */
    switch (id) {
    case QUIRK_NOIRQBALANCING:
    case QUIRK_IOAPIC_BAD_REGSEL:
    case QUIRK_IOAPIC_GOOD_REGSEL:
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

static long firmware_info(struct xenpf_firmware_info *op)
{
    switch (op->type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
        return -XEN_ESRCH; /* the BIOS was not asked while that was possible */
    case XEN_FW_EFI_INFO:
        return efi_get_info(op->index, &op->u.efi_info);
    case XEN_FW_KBD_SHIFT_FLAGS:
        if (op->index != 0)
            return -XEN_ESRCH;
        /* UEFI has no data of a BIOS. */
        op->u.kbd_shift_flags = efi.version ? 0
                                            : *(const u8 *)maddr_to_virt(BIOS_SHIFT_FLAGS_PADDR);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

static long platform_enter_sleep(const struct xenpf_enter_acpi_sleep *op)
{
    if (op->flags & ~XENPF_ACPI_SLEEP_EXTENDED || op->sleep_state < 1 || op->sleep_state > ACPI_S5)
        return -XEN_EINVAL;
    if (op->sleep_state != ACPI_S5 || !acpi.has_s5)
        return -XEN_EOPNOTSUPP;
    printk(LOG_INFO, "Domain %u switches the machine off", current->domain->id);
    machine_poweroff();
}

/*
 * Walks the bit map and the array byte by byte and bit by bit, and clears the bits of CPUs that do
 * not exist.
 */
static long get_idle_time(struct xenpf_getidletime *op)
{
    op->now = (u64)now();
    for (u32 first = 0; first < op->cpumap_nr_cpus; first += 8) {
        unsigned long map_addr = handle_addr(op->cpumap_bitmap) + first / 8;
        u8 bits;

        if (first >= NR_CPUS)
            break;
        if (copy_from_guest(&bits, map_addr, 1))
            return -XEN_EFAULT;
        for (u32 cpu = first; cpu < first + 8 && cpu < op->cpumap_nr_cpus; cpu++) {
            u64 idle = 0;

            if (!(bits >> (cpu - first) & 1))
                continue;
            if (cpumask_test(&cpu_online, cpu))
                idle = vcpu_cpu_time(cpus[cpu]->rq.idle);
            else
                bits &= (u8) ~(1U << (cpu - first));
            if (put_guest_element(handle_addr(op->idletime), cpu, &idle))
                return -XEN_EFAULT;
        }
        if (copy_to_guest(map_addr, &bits, 1))
            return -XEN_EFAULT;
    }
    return 0;
}

static bool cpu_in_use(u32 cpu)
{
    return cpu < NR_CPUS && cpumask_test(&cpu_online, cpu);
}

static long get_cpuinfo(struct xenpf_pcpuinfo *op)
{
    op->max_present = nr_cpus - 1;
    op->apic_id = op->acpi_id = 0;
    if (op->xen_cpuid >= nr_cpus) {
        op->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    op->flags = cpu_in_use(op->xen_cpuid) ? XEN_PCPU_FLAGS_ONLINE : 0;
    op->apic_id = cpus[op->xen_cpuid]->arch.apic_id;
    for (unsigned int i = 0; i < acpi.nr_cpus; i++)
        if (acpi.cpu[i].apic_id == op->apic_id)
            op->acpi_id = acpi.cpu[i].acpi_id;
    return 0;
}

static long get_cpu_version(struct xenpf_pcpu_version *op)
{
    op->max_present = nr_cpus - 1;
    memset(op->vendor_id, 0, sizeof(op->vendor_id));
    op->family = op->model = op->stepping = 0;
    if (cpu_in_use(op->xen_cpuid)) {
        memcpy(op->vendor_id, boot_cpu.vendor, sizeof(op->vendor_id));
        op->family = boot_cpu.family;
        op->model = boot_cpu.model;
        op->stepping = boot_cpu.stepping;
    }
    return 0;
}

/* As cpu_set_use(), but Xen says other things here of CPU 0 and of a CPU that is so already. */
static long set_cpu_use(u32 cpu, bool use)
{
    int rc = cpu == 0 && !use ? -XEN_EOPNOTSUPP : cpu_set_use(cpu, use);

    return rc == -XEN_EEXIST ? 0 : rc;
}

/* @copyback: the structure holds results for the guest. */
static long platform_op_dispatch(struct xen_platform_op *op, bool *copyback)
{
    *copyback = true;
    switch (op->cmd) {
    case XENPF_read_memtype:
        return read_memtype(&op->u.read_memtype);
    case XENPF_firmware_info:
        return firmware_info(&op->u.firmware_info);
    case XENPF_efi_runtime_call:
        return efi_runtime_call(&op->u.efi_runtime_call);
    case XENPF_getidletime:
        return get_idle_time(&op->u.getidletime);
    case XENPF_get_cpuinfo:
        return get_cpuinfo(&op->u.pcpu_info);
    case XENPF_get_cpu_version:
        return get_cpu_version(&op->u.pcpu_version);
    default:
        break;
    }
    *copyback = false;
    switch (op->cmd) {
    case XENPF_settime32:
        return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
    case XENPF_settime64:
        if (op->u.settime64.mbz)
            return -XEN_EINVAL;
        return set_time(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
    case XENPF_add_memtype:
        return -XEN_ENOSPC; /* no register is free for dom0 */
    case XENPF_del_memtype:
        return -XEN_EINVAL; /* so dom0 has none to give back */
    case XENPF_platform_quirk:
        return platform_quirk(op->u.platform_quirk.quirk_id);
    case XENPF_cpu_online:
        return set_cpu_use(op->u.cpu_ol.cpuid, true);
    case XENPF_cpu_offline:
        return set_cpu_use(op->u.cpu_ol.cpuid, false);
    case XENPF_enter_acpi_sleep:
        return platform_enter_sleep(&op->u.enter_acpi_sleep);
    default:
        return hypercall_unknown(__HYPERVISOR_platform_op, op->cmd);
    }
}

long do_platform_op(unsigned long u_op)
{
    struct xen_platform_op op;
    bool copyback;
    long rc;

    if (get_guest(&op, u_op))
        return -XEN_EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    rc = platform_op_dispatch(&op, &copyback);
    if (rc == -ERESTART)
        return hypercall_continue(__HYPERVISOR_platform_op, 1, u_op);
    if (!rc && copyback && put_guest(u_op, &op))
        rc = -XEN_EFAULT;
    return rc;
}
