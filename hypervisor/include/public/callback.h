/* SPDX-License-Identifier: MIT */
/*
 * The places at which the hypervisor enters a kernel for reasons other than an exception.
 *
 * long callback_op(CALLBACKOP_*, struct callback_* *), for the calling vCPU, except NMIs.
 */
#ifndef XEN_PUBLIC_CALLBACK_H
#define XEN_PUBLIC_CALLBACK_H

#include "xen.h"

#define CALLBACKTYPE_event               0 /* an event is pending */
#define CALLBACKTYPE_failsafe            1 /* a saved ds, es, fs or gs could not be loaded */
#define CALLBACKTYPE_syscall             2 /* SYSCALL in 64-bit user code */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi                 4 /* an NMI for dom0, or one sent by VCPUOP_send_nmi */
#define CALLBACKTYPE_sysenter            5 /* SYSENTER in user code */
#define CALLBACKTYPE_syscall32           7 /* SYSCALL in 32-bit user code */

#define _CALLBACKF_mask_events 0 /* events are masked on entry */
#define CALLBACKF_mask_events  (1U << _CALLBACKF_mask_events)

#define CALLBACKOP_register 0
struct callback_register {
    uint16_t type;  /* CALLBACKTYPE_* */
    uint16_t flags; /* CALLBACKF_* */
    xen_callback_t address;
};
typedef struct callback_register callback_register_t;
DEFINE_XEN_GUEST_HANDLE(callback_register_t);

#define CALLBACKOP_unregister 1 /* possible for NMIs; the others can only be replaced */
struct callback_unregister {
    uint16_t type; /* CALLBACKTYPE_* */
    uint16_t _unused;
};
typedef struct callback_unregister callback_unregister_t;
DEFINE_XEN_GUEST_HANDLE(callback_unregister_t);

#endif /* XEN_PUBLIC_CALLBACK_H */
