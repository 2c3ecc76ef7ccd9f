/* SPDX-License-Identifier: MIT */
/*
 * Operations on the vCPUs of one's own domain: starting and stopping them, their timers, their
 * accounting, and the memory in which the hypervisor publishes their state.
 *
 * long vcpu_op(VCPUOP_*, unsigned vcpu, *)
 */
#ifndef XEN_PUBLIC_VCPU_H
#define XEN_PUBLIC_VCPU_H

#include "xen.h"

#define VCPUOP_initialise 0 /* vcpu_guest_context: set the state of a vCPU that is down */
#define VCPUOP_up         1 /* no argument: let it run */
#define VCPUOP_down       2 /* no argument: stop it; it may stop itself */
#define VCPUOP_is_up      3 /* no argument: 1 or 0 */

/* ---- Accounting ----------------------------------------------------------------------------- */

#define VCPUOP_get_runstate_info 4 /* vcpu_runstate_info, of any vCPU of the domain */

#define RUNSTATE_running  0 /* on a physical CPU */
#define RUNSTATE_runnable 1 /* wants one; the time "stolen" from the guest */
#define RUNSTATE_blocked  2 /* has nothing to do */
#define RUNSTATE_offline  3 /* down, or its domain is paused */

/* In which state a vCPU is and how long it has been in each. */
struct vcpu_runstate_info {
    int state;                 /* RUNSTATE_* */
    uint64_t state_entry_time; /* system time, ns; top bit: XEN_RUNSTATE_UPDATE */
    uint64_t time[4];          /* ns in each state, before state_entry_time */
};
typedef struct vcpu_runstate_info vcpu_runstate_info_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_runstate_info_t);

/* Set while a registered record is being written, with VMASST_TYPE_runstate_update_flag. */
#define XEN_RUNSTATE_UPDATE (xen_mk_ullong(1) << 63)

/*
 * Have the record written to guest memory at every change, for as long as the vCPU lives. The
 * address is a virtual one and is used under whatever tables are loaded in kernel mode.
 */
#define VCPUOP_register_runstate_memory_area 5
struct vcpu_register_runstate_memory_area {
    union {
        XEN_GUEST_HANDLE(vcpu_runstate_info_t) h;
        struct vcpu_runstate_info *v;
        uint64_t p;
    } addr; /* one address under three types; 0 ends it */
};
typedef struct vcpu_register_runstate_memory_area vcpu_register_runstate_memory_area_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_runstate_memory_area_t);

/* ---- Timers, which raise VIRQ_TIMER on the vCPU ---------------------------------------------- */

#define VCPUOP_set_periodic_timer  6 /* vcpu_set_periodic_timer */
#define VCPUOP_stop_periodic_timer 7 /* no argument */
struct vcpu_set_periodic_timer {
    uint64_t period_ns; /* at least one millisecond */
};
typedef struct vcpu_set_periodic_timer vcpu_set_periodic_timer_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_set_periodic_timer_t);

#define VCPUOP_set_singleshot_timer  8 /* vcpu_set_singleshot_timer, of the calling vCPU only */
#define VCPUOP_stop_singleshot_timer 9 /* no argument */
struct vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns; /* system time */
    uint32_t flags;          /* VCPU_SSHOTTMR_* */
};
typedef struct vcpu_set_singleshot_timer vcpu_set_singleshot_timer_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_set_singleshot_timer_t);

#define _VCPU_SSHOTTMR_future (0) /* fail with -ETIME when the time has passed already */
#define VCPU_SSHOTTMR_future  (1U << _VCPU_SSHOTTMR_future)

/* ---- Published state ------------------------------------------------------------------------ */

/*
 * Move the vcpu_info of a vCPU, the calling one or one that is down, out of shared_info. Possible
 * once; the record may not cross a page boundary. All events are looked at
 * again afterwards, so one spurious upcall may come.
 */
#define VCPUOP_register_vcpu_info 10
struct vcpu_register_vcpu_info {
    uint64_t mfn;    /* frame (in PV guests a machine frame) */
    uint32_t offset; /* in bytes, within that frame */
    uint32_t rsvd;
};
typedef struct vcpu_register_vcpu_info vcpu_register_vcpu_info_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_vcpu_info_t);

#define VCPUOP_send_nmi 11 /* no argument: run the vCPU's NMI callback */

/* Which physical CPU a vCPU of dom0 is pinned to. */
#define VCPUOP_get_physid 12
struct vcpu_get_physid {
    uint64_t phys_id; /* out: take it apart by the macros below */
};
typedef struct vcpu_get_physid vcpu_get_physid_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_get_physid_t);
#define xen_vcpu_physid_to_x86_apicid(physid) ((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid) ((uint32_t)((physid) >> 32))

/*
 * Have a copy of the vCPU's time record written to guest memory, where user mode can be allowed to
 * read it. The address is a virtual one, as for the run state.
 */
#define VCPUOP_register_vcpu_time_memory_area 13
DEFINE_XEN_GUEST_HANDLE(vcpu_time_info_t);
struct vcpu_register_time_memory_area {
    union {
        XEN_GUEST_HANDLE(vcpu_time_info_t) h;
        struct vcpu_time_info *v;
        uint64_t p;
    } addr; /* one address under three types; 0 ends it */
};
typedef struct vcpu_register_time_memory_area vcpu_register_time_memory_area_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_register_time_memory_area_t);

#endif /* XEN_PUBLIC_VCPU_H */
