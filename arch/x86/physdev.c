/* SPDX-License-Identifier: MIT */
/*
 * The physdev_op hypercall: interrupts and ports of real devices, for dom0 and for domains that own
 * some.
 *
 * Dom0 finds out by itself (from ACPI) how the lines are wired and says so (setup_gsi); each domain
 * then maps lines to pirqs and binds them to event channels. Devices are announced so that a
 * hypervisor may prepare for them; we have nothing to prepare and accept the announcement. Messages
 * (MSI) are refused: drivers fall back to lines.
 */
#include <asm/acpi.h>
#include <asm/ioapic.h>
#include <asm/irq.h>
#include <asm/pirq.h>
#include <domain.h>
#include <event_channel.h>
#include <guest_access.h>
#include <hypercall.h>
#include <public/errno.h>
#include <public/physdev.h>

#define MAX_PORTS         65536U
#define EFLAGS_IOPL_SHIFT 12

static long end_of_interrupt(unsigned long arg)
{
    struct domain *d = current->domain;
    struct physdev_eoi op;
    struct pirq *pirq;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    pirq = pirq_get(d, op.irq, false);
    if (!pirq)
        return -XEN_EINVAL;
    if (d->arch.pirq_auto_unmask && pirq->evtchn)
        evtchn_unmask(pirq->evtchn);
    arch_pirq_eoi(d, pirq);
    return 0;
}

static long set_eoi_map(unsigned long arg, bool auto_unmask)
{
    struct physdev_pirq_eoi_gmfn op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    return pirq_set_eoi_map(current->domain, MFN(op.gmfn), auto_unmask);
}

/*
 * Every interrupt is reported as needing an answer: a guest that wants to know better, and
 * changing, uses the map of pirq_eoi_gmfn.
 */
static long query_status(unsigned long arg)
{
    struct domain *d = current->domain;
    struct physdev_irq_status_query op;
    const struct pirq *pirq;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.irq >= d->nr_pirqs)
        return -XEN_EINVAL;
    pirq = pirq_get(d, op.irq, false);
    op.flags = XENIRQSTAT_needs_eoi;
    if (pirq && pirq_is_shared(pirq))
        op.flags |= XENIRQSTAT_shared;
    return put_guest(arg, &op) ? -XEN_EFAULT : 0;
}

static long map_line(struct domain *d, struct physdev_map_pirq *op)
{
    unsigned int irq = (unsigned int)op->index;

    if (op->index < 0 || irq >= nr_gsis)
        return -XEN_EINVAL;
    if (!rangeset_contains(current->domain->irqs, irq, irq))
        return -XEN_EPERM; /* nobody can give away what he does not have */
    return pirq_map_gsi(d, irq, &op->pirq);
}

static long map_pirq(unsigned long arg)
{
    struct physdev_map_pirq op;
    struct domain *d;
    long rc;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    d = get_domain_or_self(op.domid);
    if (!d)
        return -XEN_ESRCH;
    if (!current->domain->privileged)
        rc = -XEN_EPERM;
    else if (op.type == MAP_PIRQ_TYPE_GSI)
        rc = map_line(d, &op);
    else if (op.type == MAP_PIRQ_TYPE_MSI || op.type == MAP_PIRQ_TYPE_MSI_SEG ||
             op.type == MAP_PIRQ_TYPE_MULTI_MSI)
        rc = -XEN_ENODEV; /* no device is known to us */
    else
        rc = -XEN_EINVAL;
    put_domain(d);
    if (!rc && put_guest(arg, &op))
        rc = -XEN_EFAULT;
    return rc;
}

static long unmap_pirq(unsigned long arg)
{
    struct physdev_unmap_pirq op;
    struct domain *d;
    long rc;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    d = get_domain_or_self(op.domid);
    if (!d)
        return -XEN_ESRCH;
    if (!current->domain->privileged)
        rc = -XEN_EPERM;
    else
        rc = op.pirq < 0 ? -XEN_EINVAL : pirq_unmap(d, (unsigned int)op.pirq);
    put_domain(d);
    return rc;
}

static long get_free_pirq(unsigned long arg)
{
    struct physdev_get_free_pirq op;
    int pirq;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    pirq = pirq_reserve(current->domain, op.type == MAP_PIRQ_TYPE_GSI);
    if (pirq < 0)
        return pirq;
    op.pirq = (uint32_t)pirq;
    return put_guest(arg, &op) ? -XEN_EFAULT : 0;
}

static long setup_gsi(unsigned long arg)
{
    struct physdev_setup_gsi op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.gsi < 0 || (unsigned int)op.gsi >= nr_gsis)
        return -XEN_EINVAL;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    return irq_setup_gsi((unsigned int)op.gsi, op.triggering, op.polarity);
}

static long access_ioapic(unsigned long arg, bool write)
{
    struct physdev_apic op;
    int rc;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (write)
        return ioapic_guest_write(op.apic_physbase, op.reg, op.value);
    rc = ioapic_guest_read(op.apic_physbase, op.reg, &op.value);
    if (!rc && put_guest(arg, &op))
        rc = -XEN_EFAULT;
    return rc;
}

/* Vectors are ours; the guest gets a number that it can hand back. */
static long alloc_irq_vector(unsigned long arg)
{
    struct physdev_irq op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    op.vector = op.irq;
    return put_guest(arg, &op) ? -XEN_EFAULT : 0;
}

static long set_iopl(unsigned long arg)
{
    struct physdev_set_iopl op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.iopl > 3)
        return -XEN_EINVAL;
    current->arch.iopl = op.iopl << EFLAGS_IOPL_SHIFT;
    return 0;
}

static long set_iobitmap(unsigned long arg)
{
    struct physdev_set_iobitmap op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (!guest_range_ok(handle_addr(op.bitmap), MAX_PORTS / 8, 1) || op.nr_ports > MAX_PORTS)
        return -XEN_EINVAL;
    current->arch.iobmp = (u8 *)handle_addr(op.bitmap);
    current->arch.iobmp_limit = op.nr_ports;
    return 0;
}

/* A device appeared or went; @size: of the operation's structure. */
static long announce_device(unsigned long arg, size_t size)
{
    u8 op[sizeof(struct physdev_manage_pci_ext)];

    if (copy_from_guest(op, arg, size))
        return -XEN_EFAULT;
    return current->domain->privileged ? 0 : -XEN_EPERM;
}

/* Dom0 says that the firmware really reserves the configuration window that MCFG told us about. */
static long mmcfg_reserved(unsigned long arg)
{
    struct physdev_pci_mmcfg_reserved op;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < acpi.nr_mcfg; i++)
        if (acpi.mcfg[i].address == op.address && acpi.mcfg[i].segment == op.segment &&
            acpi.mcfg[i].first_bus == op.start_bus)
            return 0;
    return -XEN_ENODEV;
}

/* We use no USB debug port that dom0's resets could disturb. */
static long debug_port(unsigned long arg)
{
    struct physdev_dbgp_op op;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    return op.op == PHYSDEVOP_DBGP_RESET_PREPARE || op.op == PHYSDEVOP_DBGP_RESET_DONE
               ? 0
               : -XEN_EINVAL;
}

/* Messages of a device are to be written again: we have written none. */
static long restore_msi(void)
{
    return current->domain->privileged ? -XEN_ENODEV : -XEN_EPERM;
}

long do_physdev_op(int cmd, unsigned long arg)
{
    switch (cmd) {
    case PHYSDEVOP_eoi:
        return end_of_interrupt(arg);
    case PHYSDEVOP_pirq_eoi_gmfn_v1:
    case PHYSDEVOP_pirq_eoi_gmfn_v2:
        return set_eoi_map(arg, cmd == PHYSDEVOP_pirq_eoi_gmfn_v1);
    case PHYSDEVOP_irq_status_query:
        return query_status(arg);
    case PHYSDEVOP_map_pirq:
        return map_pirq(arg);
    case PHYSDEVOP_unmap_pirq:
        return unmap_pirq(arg);
    case PHYSDEVOP_get_free_pirq:
        return get_free_pirq(arg);
    case PHYSDEVOP_setup_gsi:
        return setup_gsi(arg);
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
        return access_ioapic(arg, cmd == PHYSDEVOP_apic_write);
    case PHYSDEVOP_alloc_irq_vector:
        return alloc_irq_vector(arg);
    case PHYSDEVOP_set_iopl:
        return set_iopl(arg);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(arg);
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_remove:
        return announce_device(arg, sizeof(struct physdev_manage_pci));
    case PHYSDEVOP_manage_pci_add_ext:
        return announce_device(arg, sizeof(struct physdev_manage_pci_ext));
    case PHYSDEVOP_pci_device_add:
        return announce_device(arg, offsetof(struct physdev_pci_device_add, optarr));
    case PHYSDEVOP_pci_device_remove:
        return announce_device(arg, sizeof(struct physdev_pci_device));
    case PHYSDEVOP_pci_mmcfg_reserved:
        return mmcfg_reserved(arg);
    case PHYSDEVOP_restore_msi:
    case PHYSDEVOP_restore_msi_ext:
        return restore_msi();
    case PHYSDEVOP_dbgp_op:
        return debug_port(arg);
    default:
        return hypercall_unknown(__HYPERVISOR_physdev_op, (unsigned long)cmd);
    }
}

long do_physdev_op_compat(unsigned long uop)
{
    struct physdev_op op;

    if (copy_from_guest(&op.cmd, uop + offsetof(struct physdev_op, cmd), sizeof(op.cmd)))
        return -XEN_EFAULT;
    switch (op.cmd) {
    case PHYSDEVOP_irq_status_query:
    case PHYSDEVOP_set_iopl:
    case PHYSDEVOP_set_iobitmap:
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
    case PHYSDEVOP_alloc_irq_vector:
        return do_physdev_op((int)op.cmd, uop + offsetof(struct physdev_op, u));
    default:
        return -XEN_EINVAL;
    }
}
