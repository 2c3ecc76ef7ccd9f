/* SPDX-License-Identifier: MIT */
/*
 * How a domain that owns devices deals with interrupts, I/O ports and PCI.
 *
 * A physical interrupt has a number that belongs to the domain, its pirq. dom0 sets up the line
 * (setup_gsi), has it mapped to a pirq (map_pirq), binds that to a port (EVTCHNOP_bind_pirq), and
 * after handling a level-triggered one says so (eoi).
 *
 * long physdev_op(PHYSDEVOP_*, struct physdev_* *)
 */
#ifndef XEN_PUBLIC_PHYSDEV_H
#define XEN_PUBLIC_PHYSDEV_H

#include "xen.h"

/* ---- Interrupts ----------------------------------------------------------------------------- */

#define PHYSDEVOP_IRQ_UNMASK_NOTIFY 4 /* the ancestor of eoi, all lines at once */

#define PHYSDEVOP_irq_status_query 5
struct physdev_irq_status_query {
    uint32_t irq;   /* pirq */
    uint32_t flags; /* out: XENIRQSTAT_* */
};
typedef struct physdev_irq_status_query physdev_irq_status_query_t;
DEFINE_XEN_GUEST_HANDLE(physdev_irq_status_query_t);
#define _XENIRQSTAT_needs_eoi (0) /* PHYSDEVOP_eoi must follow each event */
#define XENIRQSTAT_needs_eoi  (1U << _XENIRQSTAT_needs_eoi)
#define _XENIRQSTAT_shared    (1) /* another domain has the line, too */
#define XENIRQSTAT_shared     (1U << _XENIRQSTAT_shared)

#define PHYSDEVOP_eoi 12 /* the handler is done */
struct physdev_eoi {
    uint32_t irq; /* pirq */
};
typedef struct physdev_eoi physdev_eoi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_eoi_t);

/*
 * Share a page with a bit for each pirq that says whether it needs an eoi. Version 1 also lets an
 * eoi unmask the port; version 2 does not.
 */
#define PHYSDEVOP_pirq_eoi_gmfn_v1 17
#define PHYSDEVOP_pirq_eoi_gmfn_v2 28
#define PHYSDEVOP_pirq_eoi_gmfn    PHYSDEVOP_pirq_eoi_gmfn_v2
struct physdev_pirq_eoi_gmfn {
    xen_pfn_t gmfn;
};
typedef struct physdev_pirq_eoi_gmfn physdev_pirq_eoi_gmfn_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pirq_eoi_gmfn_t);

/* Registers of the IO-APICs. Writes that would touch a line of the hypervisor's are not made. */
#define PHYSDEVOP_apic_read  8
#define PHYSDEVOP_apic_write 9
struct physdev_apic {
    unsigned long apic_physbase; /* which IO-APIC: its physical address */
    uint32_t reg;                /* which register */
    uint32_t value;              /* in or out */
};
typedef struct physdev_apic physdev_apic_t;
DEFINE_XEN_GUEST_HANDLE(physdev_apic_t);

#define PHYSDEVOP_alloc_irq_vector 10
#define PHYSDEVOP_free_irq_vector  11
struct physdev_irq {
    uint32_t irq;
    uint32_t vector; /* out; means nothing to a PV guest */
};
typedef struct physdev_irq physdev_irq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_irq_t);

#define MAP_PIRQ_TYPE_MSI       0x0 /* one message of a device, or an MSI-X entry; segment 0 */
#define MAP_PIRQ_TYPE_GSI       0x1 /* a line: index is its number */
#define MAP_PIRQ_TYPE_UNKNOWN   0x2
#define MAP_PIRQ_TYPE_MSI_SEG   0x3 /* as MSI, with the segment in the upper half of bus */
#define MAP_PIRQ_TYPE_MULTI_MSI 0x4 /* entry_nr messages of a device */

#define PHYSDEVOP_map_pirq 13
struct physdev_map_pirq {
    domid_t domid;
    int type;  /* MAP_PIRQ_TYPE_* */
    int index; /* in: GSI; -1 with messages */
    int pirq;  /* in: the number wanted, or -1; out: the number */
    int bus;   /* messages: which device */
    int devfn;
    int entry_nr;        /* MSI-X: which entry of its table; MULTI_MSI: in and out, how many */
    uint64_t table_base; /* MSI-X: physical address of its table; 0 for MSI */
};
typedef struct physdev_map_pirq physdev_map_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_map_pirq_t);

#define PHYSDEVOP_unmap_pirq 14
struct physdev_unmap_pirq {
    domid_t domid;
    int pirq;
};
typedef struct physdev_unmap_pirq physdev_unmap_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_unmap_pirq_t);

#define PHYSDEVOP_setup_gsi 21
struct physdev_setup_gsi {
    int gsi;
    uint8_t triggering; /* 0 edge, 1 level */
    uint8_t polarity;   /* 0 active high, 1 active low */
};
typedef struct physdev_setup_gsi physdev_setup_gsi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_setup_gsi_t);

#define PHYSDEVOP_get_free_pirq 23
struct physdev_get_free_pirq {
    int type;      /* MAP_PIRQ_TYPE_* that it will be used for */
    uint32_t pirq; /* out */
};
typedef struct physdev_get_free_pirq physdev_get_free_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_get_free_pirq_t);

/* ---- I/O ports ------------------------------------------------------------------------------ */

/* The privilege level that the calling vCPU's port instructions are checked against. */
#define PHYSDEVOP_set_iopl 6
struct physdev_set_iopl {
    uint32_t iopl; /* 0 to 3; a kernel counts as 1 */
};
typedef struct physdev_set_iopl physdev_set_iopl_t;
DEFINE_XEN_GUEST_HANDLE(physdev_set_iopl_t);

/* The ports that user mode of the calling vCPU may use. */
#define PHYSDEVOP_set_iobitmap 7
struct physdev_set_iobitmap {
    XEN_GUEST_HANDLE(uint8) bitmap; /* a set bit forbids, as in a task-state segment */
    uint32_t nr_ports;              /* bits in it; ports beyond are forbidden */
};
typedef struct physdev_set_iobitmap physdev_set_iobitmap_t;
DEFINE_XEN_GUEST_HANDLE(physdev_set_iobitmap_t);

/* ---- PCI ------------------------------------------------------------------------------------ */

/* dom0 finds the devices and tells the hypervisor. The first forms know segment 0 only. */
#define PHYSDEVOP_manage_pci_add    15
#define PHYSDEVOP_manage_pci_remove 16
struct physdev_manage_pci {
    uint8_t bus;
    uint8_t devfn; /* device << 3 | function */
};
typedef struct physdev_manage_pci physdev_manage_pci_t;
DEFINE_XEN_GUEST_HANDLE(physdev_manage_pci_t);

#define PHYSDEVOP_restore_msi 19 /* write a device's messages again, after it was reset */
struct physdev_restore_msi {
    uint8_t bus;
    uint8_t devfn;
};
typedef struct physdev_restore_msi physdev_restore_msi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_restore_msi_t);

#define PHYSDEVOP_manage_pci_add_ext 20
struct physdev_manage_pci_ext {
    uint8_t bus;
    uint8_t devfn;
    uint32_t is_extfn;  /* an ARI extended function */
    uint32_t is_virtfn; /* an SR-IOV virtual function of physfn */
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
};
typedef struct physdev_manage_pci_ext physdev_manage_pci_ext_t;
DEFINE_XEN_GUEST_HANDLE(physdev_manage_pci_ext_t);

#define PHYSDEVOP_pci_mmcfg_reserved 24  /* firmware marks this configuration window as usable */
#define XEN_PCI_MMCFG_RESERVED       0x1 /* flags: it is reserved in the memory map */
struct physdev_pci_mmcfg_reserved {
    uint64_t address; /* physical, of bus 0 */
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus;
    uint32_t flags;
};
typedef struct physdev_pci_mmcfg_reserved physdev_pci_mmcfg_reserved_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_mmcfg_reserved_t);

#define PHYSDEVOP_pci_device_add 25
#define XEN_PCI_DEV_EXTFN        0x1 /* flags: an ARI extended function */
#define XEN_PCI_DEV_VIRTFN       0x2 /* flags: an SR-IOV virtual function of physfn */
#define XEN_PCI_DEV_PXM          0x4 /* flags: optarr[0] is its proximity domain */
struct physdev_pci_device_add {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
    uint32_t flags; /* XEN_PCI_DEV_* */
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
    uint32_t optarr[XEN_FLEX_ARRAY_DIM];
};
typedef struct physdev_pci_device_add physdev_pci_device_add_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_device_add_t);

#define PHYSDEVOP_pci_device_remove 26
#define PHYSDEVOP_restore_msi_ext   27
#define PHYSDEVOP_prepare_msix      30 /* keep MSI-X of a device usable while a domU has it */
#define PHYSDEVOP_release_msix      31
struct physdev_pci_device {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
};
typedef struct physdev_pci_device physdev_pci_device_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_device_t);

/* The USB controller that the hypervisor's own console uses is going to be, or has been, reset. */
#define PHYSDEVOP_dbgp_op            29
#define PHYSDEVOP_DBGP_RESET_PREPARE 1
#define PHYSDEVOP_DBGP_RESET_DONE    2
#define PHYSDEVOP_DBGP_BUS_UNKNOWN   0
#define PHYSDEVOP_DBGP_BUS_PCI       1
struct physdev_dbgp_op {
    uint8_t op;
    uint8_t bus;
    union {
        physdev_pci_device_t pci;
    } u;
};
typedef struct physdev_dbgp_op physdev_dbgp_op_t;
DEFINE_XEN_GUEST_HANDLE(physdev_dbgp_op_t);

/* ---- The older form of the call ------------------------------------------------------------- */

/* The argument of __HYPERVISOR_physdev_op_compat: number and structure in one. */
struct physdev_op {
    uint32_t cmd; /* PHYSDEVOP_* */
    union {
        physdev_irq_status_query_t irq_status_query;
        physdev_set_iopl_t set_iopl;
        physdev_set_iobitmap_t set_iobitmap;
        physdev_apic_t apic_op;
        physdev_irq_t irq_op;
    } u;
};
typedef struct physdev_op physdev_op_t;
DEFINE_XEN_GUEST_HANDLE(physdev_op_t);

#endif /* XEN_PUBLIC_PHYSDEV_H */
