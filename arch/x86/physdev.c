/* SPDX-License-Identifier: MIT */
/*
 * The physdev_op hypercall: interrupts and ports of real devices, for dom0 and for domains that own
 * some.
 *
 * Dom0 finds out by itself (from ACPI) how the lines are wired, and tells us (setup_gsi); each
 * domain then maps lines to pirqs and binds them to event channels. Dom0 announces the devices, and
 * maps their messages (MSI, MSI-X) to pirqs likewise. All devices are dom0's.
 */
#include <asm/acpi.h>
#include <asm/ioapic.h>
#include <asm/irq.h>
#include <asm/msi.h>
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
 * Reports every interrupt as needing an answer: a guest that wants to know the present state uses
 * the map of pirq_eoi_gmfn.
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
        return -XEN_EPERM; /* a domain cannot pass on what it does not have */
    return pirq_map_gsi(d, irq, &op->pirq);
}

/* Refuses several messages of one device: they need interrupt remapping, which we do not use. */
static long check_count(const struct physdev_map_pirq *op)
{
    if (op->entry_nr <= 0 || op->entry_nr > 32)
        return -XEN_EDOM;
    return op->entry_nr > 1 ? -XEN_EOPNOTSUPP : 0;
}

static long map_message(struct domain *d, struct physdev_map_pirq *op, u16 segment)
{
    struct msi_request request = {.at = {.bus = (u8)op->bus, .devfn = (u8)op->devfn},
                                  .segment = segment,
                                  .msix = op->table_base != 0,
                                  .entry = (unsigned int)op->entry_nr,
                                  .table_base = op->table_base};
    unsigned int irq;
    long rc;

    if (op->type == MAP_PIRQ_TYPE_MULTI_MSI && op->pirq < 0) {
        rc = check_count(op);
        if (rc)
            return rc;
    } else if (op->type == MAP_PIRQ_TYPE_MSI && op->index != -1) {
        return -XEN_EINVAL; /* the number of the interrupt is ours to choose */
    }
    if (op->pirq >= 0 && (unsigned int)op->pirq >= d->nr_pirqs)
        return -XEN_EINVAL;
    if (d != dom0)
        return -XEN_ENODEV; /* all devices are dom0's */
    rc = msi_map(&request, &irq);
    if (rc)
        return rc;
    rc = pirq_map_message(d, irq, &op->pirq);
    if (rc)
        msi_unmap(irq);
    return rc;
}

static long map_pirq(unsigned long arg)
{
    struct physdev_map_pirq op;
    struct domain *d;
    u16 segment = 0;
    long rc;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.type == MAP_PIRQ_TYPE_MULTI_MSI && op.table_base)
        return -XEN_EINVAL;
    if (op.type == MAP_PIRQ_TYPE_MSI_SEG || op.type == MAP_PIRQ_TYPE_MULTI_MSI)
        segment = (u16)((u32)op.bus >> 16);
    if (op.type == MAP_PIRQ_TYPE_MSI_SEG)
        op.type = MAP_PIRQ_TYPE_MSI; /* so the caller gets it back, as from Xen */
    d = get_domain_or_self(op.domid);
    if (!d)
        rc = -XEN_ESRCH;
    else if (!current->domain->privileged)
        rc = -XEN_EPERM;
    else if (op.type == MAP_PIRQ_TYPE_GSI)
        rc = map_line(d, &op);
    else if (op.type == MAP_PIRQ_TYPE_MSI || op.type == MAP_PIRQ_TYPE_MULTI_MSI)
        rc = map_message(d, &op, segment);
    else
        rc = -XEN_EINVAL;
    if (d)
        put_domain(d);
    /*
     * The structure is written back even after a refusal: Linux looks at the error and at what came
     * back.
     */
    return put_guest(arg, &op) ? -XEN_EFAULT : rc;
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
    op.pirq = (u32)pirq;
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

/* Vectors are ours; the guest gets a number that it can pass to us later. */
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

/* ---- devices ---- */

static struct pci_address address(u8 bus, u8 devfn)
{
    return (struct pci_address){.bus = bus, .devfn = devfn};
}

static long add_device(u16 segment, u8 bus, u8 devfn)
{
    return current->domain->privileged ? msi_device_add(segment, address(bus, devfn)) : -XEN_EPERM;
}

static long remove_device(u16 segment, u8 bus, u8 devfn)
{
    if (!current->domain->privileged)
        return -XEN_EPERM;
    return msi_device_remove(segment, address(bus, devfn));
}

static long manage_pci(unsigned long arg, bool add)
{
    struct physdev_manage_pci op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    return add ? add_device(0, op.bus, op.devfn) : remove_device(0, op.bus, op.devfn);
}

static long manage_pci_add_ext(unsigned long arg)
{
    struct physdev_manage_pci_ext op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.is_extfn > 1 || op.is_virtfn > 1)
        return -XEN_EINVAL;
    return add_device(0, op.bus, op.devfn);
}

static long pci_device_add(unsigned long arg)
{
    struct physdev_pci_device_add op;

    if (copy_from_guest(&op, arg, offsetof(struct physdev_pci_device_add, optarr)))
        return -XEN_EFAULT;
    return add_device(op.seg, op.bus, op.devfn);
}

/*
 * Writes the messages of a device again. As on Xen, -XEN_ENODEV takes precedence over -XEN_EPERM;
 * but for a caller without the right we do not search for the device.
 * @return as msi_restore(); -XEN_EPERM
 */
static long physdev_restore(u16 segment, struct pci_address at)
{
    if (!current->domain->privileged)
        return msi_device_known(segment, at) ? -XEN_EPERM : -XEN_ENODEV;
    return msi_restore(segment, at);
}

static long device_op(int cmd, unsigned long arg)
{
    struct physdev_pci_device op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (cmd == PHYSDEVOP_pci_device_remove)
        return remove_device(op.seg, op.bus, op.devfn);
    if (cmd == PHYSDEVOP_restore_msi_ext)
        return physdev_restore(op.seg, address(op.bus, op.devfn));
    if (!current->domain->privileged)
        return -XEN_EPERM;
    return msi_keep_table(op.seg, address(op.bus, op.devfn), cmd == PHYSDEVOP_release_msix);
}

static long restore_msi(unsigned long arg)
{
    struct physdev_restore_msi op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    return physdev_restore(0, address(op.bus, op.devfn));
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
        return manage_pci(arg, cmd == PHYSDEVOP_manage_pci_add);
    case PHYSDEVOP_manage_pci_add_ext:
        return manage_pci_add_ext(arg);
    case PHYSDEVOP_pci_device_add:
        return pci_device_add(arg);
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix:
    case PHYSDEVOP_restore_msi_ext:
        return device_op(cmd, arg);
    case PHYSDEVOP_restore_msi:
        return restore_msi(arg);
    case PHYSDEVOP_pci_mmcfg_reserved:
        return mmcfg_reserved(arg);
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
