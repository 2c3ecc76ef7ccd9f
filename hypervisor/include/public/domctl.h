/* SPDX-License-Identifier: MIT */
/*
 * The control of domains, for the tools of a privileged domain.
 *
 * long domctl(struct xen_domctl *). The structure is the same for callers of both widths: integers
 * of 64 bits are aligned to 8, handles have 64 bits. A call with another interface_version fails
 * with -EACCES before anything else is looked at. Unlike the rest of the interface, this part is
 * for tools that belong to the hypervisor and changes with XEN_DOMCTL_INTERFACE_VERSION.
 */
#ifndef XEN_PUBLIC_DOMCTL_H
#define XEN_PUBLIC_DOMCTL_H

#include "event_channel.h"
#include "grant_table.h"
#include "memory.h"
#include "xen.h"

#define XEN_DOMCTL_INTERFACE_VERSION 0x00000015

/* ---- Life and death ------------------------------------------------------------------------- */

/* xen_domctl_createdomain.flags, by bit number and as a mask. */
#define _XEN_DOMCTL_CDF_hvm          0 /* hardware virtualisation; without it a PV domain */
#define XEN_DOMCTL_CDF_hvm           (1U << _XEN_DOMCTL_CDF_hvm)
#define _XEN_DOMCTL_CDF_hap          1 /* with nested paging */
#define XEN_DOMCTL_CDF_hap           (1U << _XEN_DOMCTL_CDF_hap)
#define _XEN_DOMCTL_CDF_s3_integrity 2 /* check its memory over a suspend of the machine */
#define XEN_DOMCTL_CDF_s3_integrity  (1U << _XEN_DOMCTL_CDF_s3_integrity)
#define _XEN_DOMCTL_CDF_oos_off      3 /* shadow page tables are always in step */
#define XEN_DOMCTL_CDF_oos_off       (1U << _XEN_DOMCTL_CDF_oos_off)
#define _XEN_DOMCTL_CDF_xs_domain    4 /* it will run the store */
#define XEN_DOMCTL_CDF_xs_domain     (1U << _XEN_DOMCTL_CDF_xs_domain)
#define _XEN_DOMCTL_CDF_iommu        5 /* it may get devices */
#define XEN_DOMCTL_CDF_iommu         (1U << _XEN_DOMCTL_CDF_iommu)
#define _XEN_DOMCTL_CDF_nested_virt  6
#define XEN_DOMCTL_CDF_nested_virt   (1U << _XEN_DOMCTL_CDF_nested_virt)
#define XEN_DOMCTL_CDF_vpmu          (1U << 7) /* performance counters */
#define XEN_DOMCTL_CDF_MAX           XEN_DOMCTL_CDF_vpmu

/* xen_domctl_createdomain.iommu_opts. */
#define _XEN_DOMCTL_IOMMU_no_sharept 0
#define XEN_DOMCTL_IOMMU_no_sharept  (1U << _XEN_DOMCTL_IOMMU_no_sharept)
#define XEN_DOMCTL_IOMMU_MAX         XEN_DOMCTL_IOMMU_no_sharept

/* xen_domctl_createdomain.grant_opts: the highest version of grant tables. */
#define XEN_DOMCTL_GRANT_version_mask 0xf
#define XEN_DOMCTL_GRANT_version(v)   ((v)&XEN_DOMCTL_GRANT_version_mask)

/*
 * XEN_DOMCTL_createdomain: xen_domctl.domain is the number wanted, or one that cannot be (0,
 * DOMID_FIRST_RESERVED and above) to have one chosen; it is the number in the answer. The domain
 * has no memory, all its vCPUs are down, and it is paused until the first XEN_DOMCTL_unpausedomain.
 */
struct xen_domctl_createdomain {
    uint32_t ssidref;            /* security label */
    xen_domain_handle_t handle;  /* its UUID */
    uint32_t flags;              /* XEN_DOMCTL_CDF_* */
    uint32_t iommu_opts;         /* XEN_DOMCTL_IOMMU_* */
    uint32_t max_vcpus;          /* at least 1 */
    uint32_t max_evtchn_port;    /* the highest port that it may have */
    int32_t max_grant_frames;    /* negative: the hypervisor's default */
    int32_t max_maptrack_frames; /* the same */
    uint32_t grant_opts;         /* XEN_DOMCTL_GRANT_version() */
    uint32_t vmtrace_size;       /* bytes of processor trace for each vCPU; 0: none */
    uint32_t cpupool_id;         /* 0 */
    struct xen_arch_domainconfig arch;
};

/* xen_domctl_getdomaininfo.flags. */
#define _XEN_DOMINF_dying        0 /* destroyed, but not all is free yet */
#define XEN_DOMINF_dying         (1U << _XEN_DOMINF_dying)
#define _XEN_DOMINF_hvm_guest    1
#define XEN_DOMINF_hvm_guest     (1U << _XEN_DOMINF_hvm_guest)
#define _XEN_DOMINF_shutdown     2 /* it stopped itself; the reason is below */
#define XEN_DOMINF_shutdown      (1U << _XEN_DOMINF_shutdown)
#define _XEN_DOMINF_paused       3 /* by a tool */
#define XEN_DOMINF_paused        (1U << _XEN_DOMINF_paused)
#define _XEN_DOMINF_blocked      4 /* no vCPU wants to run */
#define XEN_DOMINF_blocked       (1U << _XEN_DOMINF_blocked)
#define _XEN_DOMINF_running      5 /* a vCPU is running right now */
#define XEN_DOMINF_running       (1U << _XEN_DOMINF_running)
#define _XEN_DOMINF_debugged     6 /* paused for its debugger */
#define XEN_DOMINF_debugged      (1U << _XEN_DOMINF_debugged)
#define _XEN_DOMINF_xs_domain    7 /* it runs the store */
#define XEN_DOMINF_xs_domain     (1U << _XEN_DOMINF_xs_domain)
#define _XEN_DOMINF_hap          8
#define XEN_DOMINF_hap           (1U << _XEN_DOMINF_hap)
#define XEN_DOMINF_shutdownmask  255 /* SHUTDOWN_*, at the shift */
#define XEN_DOMINF_shutdownshift 16

#define XEN_INVALID_MAX_VCPU_ID (~0U) /* xen_domctl_getdomaininfo.max_vcpu_id: no vCPU yet */

/*
 * XEN_DOMCTL_getdomaininfo: about xen_domctl.domain or, if there is none, the domain with the next
 * higher number; -ESRCH if there is none either. xen_domctl.domain then says which one it is.
 * XEN_SYSCTL_getdomaininfolist gives an array of the same structure.
 */
struct xen_domctl_getdomaininfo {
    domid_t domain; /* out, as all */
    uint16_t pad1;
    uint32_t flags;                     /* XEN_DOMINF_* */
    uint64_aligned_t tot_pages;         /* frames that it has */
    uint64_aligned_t max_pages;         /* frames that it may have */
    uint64_aligned_t outstanding_pages; /* claimed and not yet taken */
    uint64_aligned_t shr_pages;         /* shared by copy-on-write */
    uint64_aligned_t paged_pages;       /* out on disk */
    uint64_aligned_t shared_info_frame; /* frame of shared_info, in PV domains an mfn */
    uint64_aligned_t cpu_time;          /* ns, all vCPUs together */
    uint32_t nr_online_vcpus;
    uint32_t max_vcpu_id; /* the highest one there is */
    uint32_t ssidref;
    xen_domain_handle_t handle;
    uint32_t cpupool;
    uint8_t gpaddr_bits; /* bits of a guest-physical address */
    uint8_t pad2[7];
    struct xen_arch_domainconfig arch_config;
};
typedef struct xen_domctl_getdomaininfo xen_domctl_getdomaininfo_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_getdomaininfo_t);

/* XEN_DOMCTL_setdomainhandle */
struct xen_domctl_setdomainhandle {
    xen_domain_handle_t handle;
};

/* XEN_DOMCTL_set_target: let this domain act on one other as if it were privileged. */
struct xen_domctl_set_target {
    domid_t target;
};

/* XEN_DOMCTL_subscribe: when the domain suspends itself, send an event through this port of its. */
struct xen_domctl_subscribe {
    uint32_t port;
};

/* XEN_DOMCTL_set_virq_handler: global virtual interrupt `virq` goes to this domain from now on. */
struct xen_domctl_set_virq_handler {
    uint32_t virq; /* VIRQ_* */
};

/* ---- Memory --------------------------------------------------------------------------------- */

/* XEN_DOMCTL_max_mem: how much the domain may have. */
struct xen_domctl_max_mem {
    uint64_aligned_t max_memkb; /* KiB */
};

/* What xen_domctl_getpageframeinfo3 says of a frame, in the top 4 bits of its number's 32 bits. */
#define XEN_DOMCTL_PFINFO_LTAB_SHIFT    28
#define XEN_DOMCTL_PFINFO_NOTAB         (0x0U << 28) /* not a page table */
#define XEN_DOMCTL_PFINFO_L1TAB         (0x1U << 28)
#define XEN_DOMCTL_PFINFO_L2TAB         (0x2U << 28)
#define XEN_DOMCTL_PFINFO_L3TAB         (0x3U << 28)
#define XEN_DOMCTL_PFINFO_L4TAB         (0x4U << 28)
#define XEN_DOMCTL_PFINFO_LTABTYPE_MASK (0x7U << 28)
#define XEN_DOMCTL_PFINFO_LPINTAB       (0x1U << 31) /* or'ed to the above: pinned */
#define XEN_DOMCTL_PFINFO_XTAB          (0xfU << 28) /* not a frame of the domain */
#define XEN_DOMCTL_PFINFO_XALLOC        (0xeU << 28) /* streams only: an empty frame */
#define XEN_DOMCTL_PFINFO_BROKEN        (0xdU << 28) /* the hardware failed */
#define XEN_DOMCTL_PFINFO_LTAB_MASK     (0xfU << 28)

/* XEN_DOMCTL_getpageframeinfo3: the types of some frames of a domain. */
struct xen_domctl_getpageframeinfo3 {
    uint64_aligned_t num;                 /* at most 1024 */
    XEN_GUEST_HANDLE_64(xen_pfn_t) array; /* in: frames; out: XEN_DOMCTL_PFINFO_* */
};

/* XEN_DOMCTL_hypercall_init: fill a frame of the domain with the hypercall stubs. */
struct xen_domctl_hypercall_init {
    uint64_aligned_t gmfn; /* in PV domains an mfn */
};

/* XEN_DOMCTL_set_address_size, _get_address_size: width of a PV domain, before it has memory. */
struct xen_domctl_address_size {
    uint32_t size; /* 32 or 64 */
};

/* XEN_DOMCTL_setnodeaffinity, _getnodeaffinity: the nodes its memory comes from by preference. */
struct xen_domctl_nodeaffinity {
    struct xenctl_bitmap nodemap;
};

/* ---- vCPUs ---------------------------------------------------------------------------------- */

/* XEN_DOMCTL_max_vcpus: create them; the number must be the one given at creation. */
struct xen_domctl_max_vcpus {
    uint32_t max;
};

/*
 * XEN_DOMCTL_setvcpucontext, _getvcpucontext. A context of a 32-bit domain has the 32-bit layout.
 * Setting with no context resets the vCPU to its first state.
 */
struct xen_domctl_vcpucontext {
    uint32_t vcpu;
    XEN_GUEST_HANDLE_64(vcpu_guest_context_t) ctxt;
};

/* XEN_DOMCTL_getvcpuinfo */
struct xen_domctl_getvcpuinfo {
    uint32_t vcpu;
    uint8_t online;            /* out: it is up */
    uint8_t blocked;           /* out: it has nothing to do */
    uint8_t running;           /* out: it runs right now */
    uint64_aligned_t cpu_time; /* out: ns */
    uint32_t cpu;              /* out: where it runs or ran last */
};

/* xen_domctl_vcpuaffinity.flags */
#define _XEN_VCPUAFFINITY_HARD  0 /* where it may run */
#define XEN_VCPUAFFINITY_HARD   (1U << _XEN_VCPUAFFINITY_HARD)
#define _XEN_VCPUAFFINITY_SOFT  1 /* where it should run */
#define XEN_VCPUAFFINITY_SOFT   (1U << _XEN_VCPUAFFINITY_SOFT)
#define _XEN_VCPUAFFINITY_FORCE 2 /* end a SCHEDOP_pin_override */
#define XEN_VCPUAFFINITY_FORCE  (1U << _XEN_VCPUAFFINITY_FORCE)

/* XEN_DOMCTL_setvcpuaffinity, _getvcpuaffinity */
struct xen_domctl_vcpuaffinity {
    uint32_t vcpu;
    uint32_t flags;                   /* which of the two is meant */
    struct xenctl_bitmap cpumap_hard; /* set: in, and out what is in force */
    struct xenctl_bitmap cpumap_soft;
};

/* Kinds of scheduler. */
#define XEN_SCHEDULER_CREDIT   5
#define XEN_SCHEDULER_CREDIT2  6
#define XEN_SCHEDULER_ARINC653 7
#define XEN_SCHEDULER_RTDS     8
#define XEN_SCHEDULER_NULL     9

struct xen_domctl_sched_credit {
    uint16_t weight; /* share, relative to others; 256 is the default */
    uint16_t cap;    /* most that it gets, in percent of a CPU; 0: no limit */
};

struct xen_domctl_sched_credit2 {
    uint16_t weight;
    uint16_t cap;
};

#define _XEN_DOMCTL_SCHEDRT_extra 0 /* xen_domctl_sched_rtds.flags: may use idle time */
#define XEN_DOMCTL_SCHEDRT_extra  (1U << _XEN_DOMCTL_SCHEDRT_extra)
struct xen_domctl_sched_rtds {
    uint32_t period; /* us */
    uint32_t budget; /* us in each period */
    uint32_t flags;
};

typedef struct xen_domctl_schedparam_vcpu {
    union {
        struct xen_domctl_sched_credit credit;
        struct xen_domctl_sched_credit2 credit2;
        struct xen_domctl_sched_rtds rtds;
    } u;
    uint32_t vcpuid;
} xen_domctl_schedparam_vcpu_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_schedparam_vcpu_t);

#define XEN_DOMCTL_SCHEDOP_putinfo     0 /* set for the domain */
#define XEN_DOMCTL_SCHEDOP_getinfo     1
#define XEN_DOMCTL_SCHEDOP_putvcpuinfo 2 /* set for some vCPUs */
#define XEN_DOMCTL_SCHEDOP_getvcpuinfo 3

/* XEN_DOMCTL_scheduler_op */
struct xen_domctl_scheduler_op {
    uint32_t sched_id; /* XEN_SCHEDULER_*, must be the one in force */
    uint32_t cmd;      /* XEN_DOMCTL_SCHEDOP_* */
    union {
        struct xen_domctl_sched_credit credit;
        struct xen_domctl_sched_credit2 credit2;
        struct xen_domctl_sched_rtds rtds;
        struct {
            XEN_GUEST_HANDLE_64(xen_domctl_schedparam_vcpu_t) vcpus;
            uint32_t nr_vcpus; /* in: elements; out: elements done */
            uint32_t padding;
        } v;
    } u;
};

/* The machine-check registers that a vCPU is shown. Bulkhead shows none: all are 0. */
struct hvm_vmce_vcpu {
    uint64_t caps; /* MCG_CAP */
    uint64_t mci_ctl2_bank0;
    uint64_t mci_ctl2_bank1;
    uint64_t mcg_ext_ctl;
};

/*
 * XEN_DOMCTL_set_ext_vcpucontext, _get_ext_vcpucontext: what a vcpu_guest_context lacks. The
 * selectors count for 32-bit kernels only.
 */
struct xen_domctl_ext_vcpucontext {
    uint32_t vcpu;
    uint32_t size; /* set: bytes given, at least those in front of vmce; get: out, of all of it */
    uint64_aligned_t syscall32_callback_eip;
    uint64_aligned_t sysenter_callback_eip;
    uint16_t syscall32_callback_cs;
    uint16_t sysenter_callback_cs;
    uint8_t syscall32_disables_events;
    uint8_t sysenter_disables_events;
    union {
        uint64_aligned_t mcg_cap; /* vmce.caps; the last member for old tools */
        struct hvm_vmce_vcpu vmce;
    };
};

/* XEN_DOMCTL_get_vcpu_msrs, _set_vcpu_msrs: model-specific registers, for saving. */
struct xen_domctl_vcpu_msr {
    uint32_t index;
    uint32_t reserved;
    uint64_aligned_t value;
};
typedef struct xen_domctl_vcpu_msr xen_domctl_vcpu_msr_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_vcpu_msr_t);

/*
 * Only those that are not 0 are given. -ENOBUFS: there are more, msr_count says how many. After
 * another error of _set_vcpu_msrs msr_count is the element that is wrong; those before it are set.
 */
struct xen_domctl_vcpu_msrs {
    uint32_t vcpu;
    uint32_t msr_count;                              /* in: room, or elements; out: elements */
    XEN_GUEST_HANDLE_64(xen_domctl_vcpu_msr_t) msrs; /* get: NULL asks for the most there can be */
};

/*
 * XEN_DOMCTL_setvcpuextstate, _getvcpuextstate: the extended state, for saving. The buffer holds
 * XCR0, all bits that were ever set in XCR0 (both 0 if XCR0 was never written), and then, if those
 * are not 0, the XSAVE area in its standard format.
 */
struct xen_domctl_vcpuextstate {
    uint32_t vcpu;
    uint64_aligned_t xfeature_mask; /* get: of the machine, asked for with both 0 or no buffer */
    uint64_aligned_t size;          /* bytes of buffer; get: must be right, likewise */
    XEN_GUEST_HANDLE_64(uint64) buffer;
};

#define XEN_CPUID_INPUT_UNUSED 0xFFFFFFFF /* of xen_cpuid_leaf.subleaf */

/* XEN_DOMCTL_get_cpu_policy, _set_cpu_policy: what CPUID and MSRs show to the domain. */
struct xen_domctl_cpu_policy {
    uint32_t nr_leaves; /* in: room, or elements; out: elements */
    uint32_t nr_msrs;   /* the same */
    XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;
    XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;
    uint32_t err_leaf, err_subleaf, err_msr; /* out: what was wrong; all bits set: none */
};
typedef struct xen_domctl_cpu_policy xen_domctl_cpu_policy_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_cpu_policy_t);

/* ---- Time ----------------------------------------------------------------------------------- */

/* XEN_DOMCTL_settimeoffset: the domain's wall clock differs from the machine's by this. */
struct xen_domctl_settimeoffset {
    int64_aligned_t time_offset_seconds;
};

/* XEN_DOMCTL_gettscinfo, _settscinfo: its time-stamp counter, see CPUID leaf 3. */
struct xen_domctl_tsc_info {
    uint32_t tsc_mode;
    uint32_t gtsc_khz;
    uint32_t incarnation;
    uint32_t pad;
    uint64_aligned_t elapsed_nsec; /* how long the domain has lived */
};

/* ---- Devices -------------------------------------------------------------------------------- */

/* XEN_DOMCTL_irq_permission */
struct xen_domctl_irq_permission {
    uint32_t pirq;
    uint8_t allow_access; /* 1 allows, 0 forbids */
    uint8_t pad[3];
};

/* XEN_DOMCTL_iomem_permission: device memory that the domain may map. */
struct xen_domctl_iomem_permission {
    uint64_aligned_t first_mfn;
    uint64_aligned_t nr_mfns;
    uint8_t allow_access;
};

/* XEN_DOMCTL_ioport_permission */
struct xen_domctl_ioport_permission {
    uint32_t first_port;
    uint32_t nr_ports;
    uint8_t allow_access;
};

#define DPCI_ADD_MAPPING    1 /* add_mapping of the two below */
#define DPCI_REMOVE_MAPPING 0

/* XEN_DOMCTL_memory_mapping: put device memory into a translated domain. */
struct xen_domctl_memory_mapping {
    uint64_aligned_t first_gfn;
    uint64_aligned_t first_mfn;
    uint64_aligned_t nr_mfns;
    uint32_t add_mapping;
    uint32_t padding;
};

/* XEN_DOMCTL_ioport_mapping: put ports into a domain with hardware virtualisation. */
struct xen_domctl_ioport_mapping {
    uint32_t first_gport;
    uint32_t first_mport;
    uint32_t nr_ports;
    uint32_t add_mapping;
};

/* ---- Debugging ------------------------------------------------------------------------------ */

/* XEN_DOMCTL_setdebugging: breakpoints in the domain stop it for a debugger outside. */
struct xen_domctl_setdebugging {
    uint8_t enable;
};

#define XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF 0
#define XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON  1

/* XEN_DOMCTL_debug_op */
struct xen_domctl_debug_op {
    uint32_t op; /* XEN_DOMCTL_DEBUG_OP_* */
    uint32_t vcpu;
};

#define XEN_DOMCTL_SENDTRIGGER_NMI   0
#define XEN_DOMCTL_SENDTRIGGER_RESET 1
#define XEN_DOMCTL_SENDTRIGGER_INIT  2
#define XEN_DOMCTL_SENDTRIGGER_POWER 3
#define XEN_DOMCTL_SENDTRIGGER_SLEEP 4

/* XEN_DOMCTL_sendtrigger: press a button of the domain. */
struct xen_domctl_sendtrigger {
    uint32_t trigger; /* XEN_DOMCTL_SENDTRIGGER_* */
    uint32_t vcpu;
};

/* ---- The call ------------------------------------------------------------------------------- */

/*
 * XEN_DOMCTL_get_domain_state: what has become of a domain. For DOMID_INVALID it picks a domain
 * whose state has changed since it was picked last (it has shut down, is dead or has gone), and
 * says in the operation's domain which one: who gets VIRQ_DOM_EXC asks until the answer is -ENOENT.
 * A domain that has gone has no state bit set. Xen has this call from 4.20 on, and it is the only
 * one whose interface_version is 0; there it names new domains, too.
 */
#define XEN_DOMCTL_GETDOMSTATE_VERS_MAX       0
#define XEN_DOMCTL_GETDOMSTATE_STATE_EXIST    0x0001
#define XEN_DOMCTL_GETDOMSTATE_STATE_SHUTDOWN 0x0002
#define XEN_DOMCTL_GETDOMSTATE_STATE_DYING    0x0004
#define XEN_DOMCTL_GETDOMSTATE_STATE_DEAD     0x0008

struct xen_domctl_get_domain_state {
    uint16_t state;     /* XEN_DOMCTL_GETDOMSTATE_STATE_* */
    uint16_t pad0;      /* 0 */
    uint32_t pad1;      /* 0 */
    uint64_t unique_id; /* no other domain since boot has had it */
};

/* xen_domctl.cmd. The member of `u` has the same name unless said above. */
#define XEN_DOMCTL_createdomain            1
#define XEN_DOMCTL_destroydomain           2 /* no member; -ERESTART never reaches the caller */
#define XEN_DOMCTL_pausedomain             3 /* no member; counted, waits until no vCPU runs */
#define XEN_DOMCTL_unpausedomain           4 /* no member */
#define XEN_DOMCTL_getdomaininfo           5
#define XEN_DOMCTL_setvcpuaffinity         9
#define XEN_DOMCTL_shadow_op               10 /* log of written frames, for migration */
#define XEN_DOMCTL_max_mem                 11
#define XEN_DOMCTL_setvcpucontext          12
#define XEN_DOMCTL_getvcpucontext          13
#define XEN_DOMCTL_getvcpuinfo             14
#define XEN_DOMCTL_max_vcpus               15
#define XEN_DOMCTL_scheduler_op            16
#define XEN_DOMCTL_setdomainhandle         17
#define XEN_DOMCTL_setdebugging            18
#define XEN_DOMCTL_irq_permission          19
#define XEN_DOMCTL_iomem_permission        20
#define XEN_DOMCTL_ioport_permission       21
#define XEN_DOMCTL_hypercall_init          22
#define XEN_DOMCTL_settimeoffset           24
#define XEN_DOMCTL_getvcpuaffinity         25
#define XEN_DOMCTL_real_mode_area          26
#define XEN_DOMCTL_resumedomain            27 /* no member: let a domain that shut down run on */
#define XEN_DOMCTL_sendtrigger             28
#define XEN_DOMCTL_subscribe               29
#define XEN_DOMCTL_gethvmcontext           33
#define XEN_DOMCTL_sethvmcontext           34
#define XEN_DOMCTL_set_address_size        35
#define XEN_DOMCTL_get_address_size        36
#define XEN_DOMCTL_assign_device           37
#define XEN_DOMCTL_bind_pt_irq             38
#define XEN_DOMCTL_memory_mapping          39
#define XEN_DOMCTL_ioport_mapping          40
#define XEN_DOMCTL_set_ext_vcpucontext     42
#define XEN_DOMCTL_get_ext_vcpucontext     43
#define XEN_DOMCTL_set_opt_feature         44
#define XEN_DOMCTL_test_assign_device      45
#define XEN_DOMCTL_set_target              46
#define XEN_DOMCTL_deassign_device         47
#define XEN_DOMCTL_unbind_pt_irq           48
#define XEN_DOMCTL_get_device_group        50
#define XEN_DOMCTL_debug_op                54
#define XEN_DOMCTL_gethvmcontext_partial   55
#define XEN_DOMCTL_vm_event_op             56
#define XEN_DOMCTL_mem_sharing_op          57
#define XEN_DOMCTL_gettscinfo              59
#define XEN_DOMCTL_settscinfo              60
#define XEN_DOMCTL_getpageframeinfo3       61
#define XEN_DOMCTL_setvcpuextstate         62
#define XEN_DOMCTL_getvcpuextstate         63
#define XEN_DOMCTL_set_access_required     64
#define XEN_DOMCTL_audit_p2m               65
#define XEN_DOMCTL_set_virq_handler        66
#define XEN_DOMCTL_set_broken_page_p2m     67
#define XEN_DOMCTL_setnodeaffinity         68
#define XEN_DOMCTL_getnodeaffinity         69
#define XEN_DOMCTL_cacheflush              71
#define XEN_DOMCTL_get_vcpu_msrs           72
#define XEN_DOMCTL_set_vcpu_msrs           73
#define XEN_DOMCTL_setvnumainfo            74
#define XEN_DOMCTL_psr_cmt_op              75
#define XEN_DOMCTL_monitor_op              77
#define XEN_DOMCTL_psr_alloc               78
#define XEN_DOMCTL_soft_reset              79
#define XEN_DOMCTL_vuart_op                81
#define XEN_DOMCTL_get_cpu_policy          82
#define XEN_DOMCTL_set_cpu_policy          83
#define XEN_DOMCTL_vmtrace_op              84
#define XEN_DOMCTL_get_paging_mempool_size 85
#define XEN_DOMCTL_set_paging_mempool_size 86
#define XEN_DOMCTL_get_domain_state        89 /* interface_version is 0 */
/*
 * As XEN_DOMCTL_destroydomain, which Xen continues by itself until the domain is gone; this one
 * returns -XEN_EAGAIN instead, so that the caller may do something else before it calls again.
 */
#define BULKHEAD_DOMCTL_destroy_step 0x42480001 /* far from what Xen may come to use */
#define XEN_DOMCTL_gdbsx_guestmemio  1000
#define XEN_DOMCTL_gdbsx_pausevcpu   1001
#define XEN_DOMCTL_gdbsx_unpausevcpu 1002
#define XEN_DOMCTL_gdbsx_domstatus   1003

struct xen_domctl {
    uint32_t cmd;               /* XEN_DOMCTL_* */
    uint32_t interface_version; /* XEN_DOMCTL_INTERFACE_VERSION */
    domid_t domain;             /* which domain is meant */
    uint16_t _pad[3];
    union {
        struct xen_domctl_createdomain createdomain;
        struct xen_domctl_getdomaininfo getdomaininfo;
        struct xen_domctl_getpageframeinfo3 getpageframeinfo3;
        struct xen_domctl_nodeaffinity nodeaffinity;
        struct xen_domctl_vcpuaffinity vcpuaffinity;
        struct xen_domctl_max_mem max_mem;
        struct xen_domctl_vcpucontext vcpucontext;
        struct xen_domctl_getvcpuinfo getvcpuinfo;
        struct xen_domctl_max_vcpus max_vcpus;
        struct xen_domctl_scheduler_op scheduler_op;
        struct xen_domctl_setdomainhandle setdomainhandle;
        struct xen_domctl_setdebugging setdebugging;
        struct xen_domctl_irq_permission irq_permission;
        struct xen_domctl_iomem_permission iomem_permission;
        struct xen_domctl_ioport_permission ioport_permission;
        struct xen_domctl_hypercall_init hypercall_init;
        struct xen_domctl_settimeoffset settimeoffset;
        struct xen_domctl_tsc_info tsc_info;
        struct xen_domctl_address_size address_size;
        struct xen_domctl_sendtrigger sendtrigger;
        struct xen_domctl_memory_mapping memory_mapping;
        struct xen_domctl_ioport_mapping ioport_mapping;
        struct xen_domctl_ext_vcpucontext ext_vcpucontext;
        struct xen_domctl_set_target set_target;
        struct xen_domctl_subscribe subscribe;
        struct xen_domctl_debug_op debug_op;
        struct xen_domctl_cpu_policy cpu_policy;
        struct xen_domctl_vcpuextstate vcpuextstate;
        struct xen_domctl_vcpu_msrs vcpu_msrs;
        struct xen_domctl_set_virq_handler set_virq_handler;
        struct xen_domctl_get_domain_state get_domain_state;
        uint8_t pad[128]; /* all members fit in here */
    } u;
};
typedef struct xen_domctl xen_domctl_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_t);

#endif /* XEN_PUBLIC_DOMCTL_H */
