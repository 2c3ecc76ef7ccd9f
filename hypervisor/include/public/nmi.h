/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts that dom0 takes.
 *
 * long nmi_op(XENNMI_*, struct xennmi_callback *), on vCPU 0
 */
#ifndef XEN_PUBLIC_NMI_H
#define XEN_PUBLIC_NMI_H

#include "xen.h"

/* Bits of arch_shared_info.nmi_reason: what the chipset said. */
#define _XEN_NMIREASON_io_error 0 /* I/O channel check */
#define XEN_NMIREASON_io_error  (1UL << _XEN_NMIREASON_io_error)
#define _XEN_NMIREASON_pci_serr 1 /* a PCI device raised SERR# */
#define XEN_NMIREASON_pci_serr  (1UL << _XEN_NMIREASON_pci_serr)
#define _XEN_NMIREASON_unknown  2 /* nothing that can be told */
#define XEN_NMIREASON_unknown   (1UL << _XEN_NMIREASON_unknown)

#define XENNMI_register_callback 0 /* xennmi_callback */
struct xennmi_callback {
    unsigned long handler_address;
    unsigned long pad;
};
typedef struct xennmi_callback xennmi_callback_t;
DEFINE_XEN_GUEST_HANDLE(xennmi_callback_t);

#define XENNMI_unregister_callback 1 /* no argument */

#endif /* XEN_PUBLIC_NMI_H */
