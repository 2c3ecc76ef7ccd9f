/* SPDX-License-Identifier: MIT */
/*
 * The control of the machine, for the tools of a privileged domain.
 *
 * long sysctl(struct xen_sysctl *). What <public/domctl.h> says of layout and version holds here,
 * too.
 */
#ifndef XEN_PUBLIC_SYSCTL_H
#define XEN_PUBLIC_SYSCTL_H

#include "domctl.h"
#include "physdev.h"
#include "xen.h"

#define XEN_SYSCTL_INTERFACE_VERSION 0x00000015

/* ---- Console and debugging ------------------------------------------------------------------ */

/* XEN_SYSCTL_readconsole: what the hypervisor and its guests have printed, from a ring. */
struct xen_sysctl_readconsole {
    uint8_t clear;       /* in: empty the ring afterwards */
    uint8_t incremental; /* in: begin at index, not at the oldest byte */
    uint8_t pad0, pad1;
    uint32_t index; /* in: with incremental; out: where to continue */
    XEN_GUEST_HANDLE_64(char) buffer;
    uint32_t count; /* in: room; out: bytes written */
};

/* XEN_SYSCTL_debug_keys: as if these keys were pressed on the hypervisor's console. */
struct xen_sysctl_debug_keys {
    XEN_GUEST_HANDLE_64(const_char) keys;
    uint32_t nr_keys;
};

#define XEN_SYSCTL_TBUFOP_get_info     0
#define XEN_SYSCTL_TBUFOP_set_cpu_mask 1
#define XEN_SYSCTL_TBUFOP_set_evt_mask 2
#define XEN_SYSCTL_TBUFOP_set_size     3
#define XEN_SYSCTL_TBUFOP_enable       4
#define XEN_SYSCTL_TBUFOP_disable      5

/* XEN_SYSCTL_tbuf_op: trace buffers. */
struct xen_sysctl_tbuf_op {
    uint32_t cmd; /* XEN_SYSCTL_TBUFOP_* */
    struct xenctl_bitmap cpu_mask;
    uint32_t evt_mask;
    uint64_aligned_t buffer_mfn; /* out: where the list of buffers is */
    uint32_t size;               /* pages of a buffer */
};

#define XEN_SYSCTL_PERFCOP_reset 1
#define XEN_SYSCTL_PERFCOP_query 2

/* One of the hypervisor's own counters. */
struct xen_sysctl_perfc_desc {
    char name[80];
    uint32_t nr_vals; /* values that it has */
};
typedef struct xen_sysctl_perfc_desc xen_sysctl_perfc_desc_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_perfc_desc_t);
typedef uint32_t xen_sysctl_perfc_val_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_perfc_val_t);

/* XEN_SYSCTL_perfc_op */
struct xen_sysctl_perfc_op {
    uint32_t cmd;                                      /* XEN_SYSCTL_PERFCOP_* */
    uint32_t nr_counters;                              /* out */
    uint32_t nr_vals;                                  /* out: of all of them */
    XEN_GUEST_HANDLE_64(xen_sysctl_perfc_desc_t) desc; /* out; NULL asks for the numbers only */
    XEN_GUEST_HANDLE_64(xen_sysctl_perfc_val_t) val;
};

#define XEN_SYSCTL_LOCKPROF_reset 1 /* begin to count anew */
#define XEN_SYSCTL_LOCKPROF_query 2

#define LOCKPROF_TYPE_GLOBAL 0
#define LOCKPROF_TYPE_PERDOM 1 /* a lock of domain number idx */
#define LOCKPROF_TYPE_N      2

/*
 * How locks have been used. Bulkhead puts together all locks of a rank (docs/locking.md), and
 * counts waits only: lock_cnt and lock_time are 0.
 */
struct xen_sysctl_lockprof_data {
    char name[40];
    int32_t type; /* LOCKPROF_TYPE_* */
    int32_t idx;
    uint64_aligned_t lock_cnt;   /* times taken */
    uint64_aligned_t block_cnt;  /* times that a CPU had to wait for it */
    uint64_aligned_t lock_time;  /* ns for which it was held */
    uint64_aligned_t block_time; /* ns for which CPUs waited */
};
typedef struct xen_sysctl_lockprof_data xen_sysctl_lockprof_data_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_lockprof_data_t);

/* XEN_SYSCTL_lockprof_op */
struct xen_sysctl_lockprof_op {
    uint32_t cmd;                                         /* XEN_SYSCTL_LOCKPROF_* */
    uint32_t max_elem;                                    /* in: room in data */
    uint32_t nr_elem;                                     /* out: elements there are */
    uint64_aligned_t time;                                /* out: ns since the counts began */
    XEN_GUEST_HANDLE_64(xen_sysctl_lockprof_data_t) data; /* out */
};

/* ---- The machine ---------------------------------------------------------------------------- */

/* xen_sysctl_physinfo.capabilities */
#define _XEN_SYSCTL_PHYSCAP_hvm                0 /* can run domains with hardware virtualisation */
#define XEN_SYSCTL_PHYSCAP_hvm                 (1u << _XEN_SYSCTL_PHYSCAP_hvm)
#define _XEN_SYSCTL_PHYSCAP_pv                 1 /* can run PV domains */
#define XEN_SYSCTL_PHYSCAP_pv                  (1u << _XEN_SYSCTL_PHYSCAP_pv)
#define _XEN_SYSCTL_PHYSCAP_directio           2 /* can give devices away */
#define XEN_SYSCTL_PHYSCAP_directio            (1u << _XEN_SYSCTL_PHYSCAP_directio)
#define _XEN_SYSCTL_PHYSCAP_hap                3 /* nested paging */
#define XEN_SYSCTL_PHYSCAP_hap                 (1u << _XEN_SYSCTL_PHYSCAP_hap)
#define _XEN_SYSCTL_PHYSCAP_shadow             4 /* shadow page tables */
#define XEN_SYSCTL_PHYSCAP_shadow              (1u << _XEN_SYSCTL_PHYSCAP_shadow)
#define _XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share 5
#define XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share  (1u << _XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share)
#define XEN_SYSCTL_PHYSCAP_vmtrace             (1u << 6) /* processor trace */
#define XEN_SYSCTL_PHYSCAP_vpmu                (1u << 7) /* performance counters */
#define XEN_SYSCTL_PHYSCAP_gnttab_v1           (1u << 8) /* grant tables of version 1 */
#define XEN_SYSCTL_PHYSCAP_gnttab_v2           (1u << 9) /* and 2 */
#define XEN_SYSCTL_PHYSCAP_MAX                 XEN_SYSCTL_PHYSCAP_gnttab_v2

/* XEN_SYSCTL_physinfo */
struct xen_sysctl_physinfo {
    uint32_t threads_per_core;
    uint32_t cores_per_socket;
    uint32_t nr_cpus;    /* that are up */
    uint32_t max_cpu_id; /* the highest that can be */
    uint32_t nr_nodes;
    uint32_t max_node_id;
    uint32_t cpu_khz;
    uint32_t capabilities; /* XEN_SYSCTL_PHYSCAP_* */
    uint32_t arch_capabilities;
    uint32_t pad;
    uint64_aligned_t total_pages; /* frames of RAM */
    uint64_aligned_t free_pages;
    uint64_aligned_t scrub_pages;       /* given back and not yet cleared */
    uint64_aligned_t outstanding_pages; /* free, but claimed */
    uint64_aligned_t max_mfn;           /* the highest there can be */
    uint32_t hw_cap[8];                 /* feature words of the CPUs */
};

/* XEN_SYSCTL_getcpuinfo */
struct xen_sysctl_cpuinfo {
    uint64_aligned_t idletime; /* ns */
};
typedef struct xen_sysctl_cpuinfo xen_sysctl_cpuinfo_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_cpuinfo_t);
struct xen_sysctl_getcpuinfo {
    uint32_t max_cpus; /* in: room in info */
    XEN_GUEST_HANDLE_64(xen_sysctl_cpuinfo_t) info;
    uint32_t nr_cpus; /* out: elements written */
};

/* XEN_SYSCTL_availheap: free memory, all of it or some. */
struct xen_sysctl_availheap {
    uint32_t min_bitwidth;        /* in: of addresses with at least this many bits; 0: any */
    uint32_t max_bitwidth;        /* in: and at most this many; 0: any */
    int32_t node;                 /* in: -1 for all */
    uint64_aligned_t avail_bytes; /* out */
};

#define XEN_INVALID_CORE_ID   (~0U)
#define XEN_INVALID_SOCKET_ID (~0U)
#define XEN_INVALID_NODE_ID   (~0U)

/* XEN_SYSCTL_cputopoinfo */
struct xen_sysctl_cputopo {
    uint32_t core;   /* or XEN_INVALID_CORE_ID, for a CPU that is not there */
    uint32_t socket; /* or XEN_INVALID_SOCKET_ID */
    uint32_t node;   /* or XEN_INVALID_NODE_ID */
};
typedef struct xen_sysctl_cputopo xen_sysctl_cputopo_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_cputopo_t);
struct xen_sysctl_cputopoinfo {
    uint32_t num_cpus; /* in: room in cputopo; out: how many there are */
    XEN_GUEST_HANDLE_64(xen_sysctl_cputopo_t) cputopo;
};

#define XEN_INVALID_MEM_SZ    (~0U)
#define XEN_INVALID_NODE_DIST (~0U)

/* XEN_SYSCTL_numainfo */
struct xen_sysctl_meminfo {
    uint64_t memsize; /* bytes; or XEN_INVALID_MEM_SZ, for a node that is not there */
    uint64_t memfree;
};
typedef struct xen_sysctl_meminfo xen_sysctl_meminfo_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_meminfo_t);
struct xen_sysctl_numainfo {
    uint32_t num_nodes; /* in: room; out: how many there are */
    XEN_GUEST_HANDLE_64(xen_sysctl_meminfo_t) meminfo;
    XEN_GUEST_HANDLE_64(uint32) distance; /* num_nodes * num_nodes; or XEN_INVALID_NODE_DIST */
};

#define XEN_INVALID_DEV (XEN_INVALID_NODE_ID - 1)

/* XEN_SYSCTL_pcitopoinfo: on which node PCI devices are. */
struct xen_sysctl_pcitopoinfo {
    uint32_t num_devs; /* in: elements; out: elements done */
    XEN_GUEST_HANDLE_64(physdev_pci_device_t) devs;
    XEN_GUEST_HANDLE_64(uint32) nodes; /* out; or XEN_INVALID_NODE_ID, XEN_INVALID_DEV */
};

/* xen_sysctl_get_pmstat.type: of performance states (P), of idle states (C). */
#define PMSTAT_CATEGORY_MASK 0xf0
#define PMSTAT_PX            0x10
#define PMSTAT_CX            0x20
#define PMSTAT_get_max_px    (PMSTAT_PX | 0x1)
#define PMSTAT_get_pxstat    (PMSTAT_PX | 0x2)
#define PMSTAT_reset_pxstat  (PMSTAT_PX | 0x3)
#define PMSTAT_get_max_cx    (PMSTAT_CX | 0x1) /* getcx.nr only */
#define PMSTAT_get_cxstat    (PMSTAT_CX | 0x2)
#define PMSTAT_reset_cxstat  (PMSTAT_CX | 0x3)

struct pm_px_val {
    uint64_aligned_t freq;      /* MHz */
    uint64_aligned_t residency; /* ns */
    uint64_aligned_t count;     /* changes to this state */
};
typedef struct pm_px_val pm_px_val_t;
DEFINE_XEN_GUEST_HANDLE(pm_px_val_t);

/* Bulkhead leaves frequencies alone, and so does Xen without a driver for the processor. */
struct pm_px_stat {
    uint8_t total;
    uint8_t usable;
    uint8_t last;
    uint8_t cur;
    XEN_GUEST_HANDLE_64(uint64) trans_pt; /* how often from each state to each other */
    XEN_GUEST_HANDLE_64(pm_px_val_t) pt;
};

struct pm_cx_stat {
    uint32_t nr;                             /* in: room; out: states, with C0 */
    uint32_t last;                           /* the state that it was in last */
    uint64_aligned_t idle_time;              /* ns since boot */
    XEN_GUEST_HANDLE_64(uint64) triggers;    /* out: how often each state was entered */
    XEN_GUEST_HANDLE_64(uint64) residencies; /* out: ns in each */
    uint32_t nr_pc;                          /* in: room; out: the processor's own counters, */
    uint32_t nr_cc;                          /* of packages and cores: Bulkhead reads none */
    XEN_GUEST_HANDLE_64(uint64) pc;
    XEN_GUEST_HANDLE_64(uint64) cc;
};

/* XEN_SYSCTL_get_pmstat */
struct xen_sysctl_get_pmstat {
    uint32_t type; /* PMSTAT_* */
    uint32_t cpuid;
    union {
        struct pm_px_stat getpx;
        struct pm_cx_stat getcx;
    } u;
};

/* The governors of frequencies, and what they can be told. */
struct xen_userspace {
    uint32_t scaling_setspeed; /* kHz */
};

struct xen_ondemand {
    uint32_t sampling_rate_max; /* us */
    uint32_t sampling_rate_min;
    uint32_t sampling_rate;
    uint32_t up_threshold; /* percent */
};

#define CPUFREQ_NAME_LEN 16
struct xen_get_cpufreq_para {
    uint32_t cpu_num; /* in: room; out: elements, as the next two */
    uint32_t freq_num;
    uint32_t gov_num;
    XEN_GUEST_HANDLE_64(uint32) affected_cpus;
    XEN_GUEST_HANDLE_64(uint32) scaling_available_frequencies;
    XEN_GUEST_HANDLE_64(char) scaling_available_governors;
    char scaling_driver[CPUFREQ_NAME_LEN];
    uint32_t cpuinfo_cur_freq; /* kHz */
    uint32_t cpuinfo_max_freq;
    uint32_t cpuinfo_min_freq;
    uint32_t scaling_cur_freq;
    char scaling_governor[CPUFREQ_NAME_LEN];
    uint32_t scaling_max_freq;
    uint32_t scaling_min_freq;
    union {
        struct xen_userspace userspace;
        struct xen_ondemand ondemand;
    } u;
    int32_t turbo_enabled;
};

struct xen_set_cpufreq_gov {
    char scaling_governor[CPUFREQ_NAME_LEN];
};

#define SCALING_MAX_FREQ 1 /* xen_set_cpufreq_para.ctrl_type */
#define SCALING_MIN_FREQ 2
#define SCALING_SETSPEED 3
#define SAMPLING_RATE    4
#define UP_THRESHOLD     5

struct xen_set_cpufreq_para {
    uint32_t ctrl_type;
    uint32_t ctrl_value;
};

/* xen_sysctl_pm_op.cmd */
#define PM_PARA_CATEGORY_MASK                     0xf0
#define CPUFREQ_PARA                              0x10 /* frequencies: refused */
#define GET_CPUFREQ_PARA                          (CPUFREQ_PARA | 0x01)
#define SET_CPUFREQ_GOV                           (CPUFREQ_PARA | 0x02)
#define SET_CPUFREQ_PARA                          (CPUFREQ_PARA | 0x03)
#define GET_CPUFREQ_AVGFREQ                       (CPUFREQ_PARA | 0x04)
#define XEN_SYSCTL_pm_op_set_sched_opt_smt        0x21
#define XEN_SYSCTL_pm_op_get_max_cstate           0x22 /* cpuid 0: the state; 1: its sub-state */
#define XEN_SYSCTL_pm_op_set_max_cstate           0x23
#define XEN_SYSCTL_pm_op_set_vcpu_migration_delay 0x24
#define XEN_SYSCTL_pm_op_get_vcpu_migration_delay 0x25
#define XEN_SYSCTL_pm_op_enable_turbo             0x26
#define XEN_SYSCTL_pm_op_disable_turbo            0x27

#define XEN_SYSCTL_CX_UNLIMITED 0xffffffff

/* XEN_SYSCTL_pm_op */
struct xen_sysctl_pm_op {
    uint32_t cmd;
    uint32_t cpuid;
    union {
        struct xen_get_cpufreq_para get_para;
        struct xen_set_cpufreq_gov set_gov;
        struct xen_set_cpufreq_para set_para;
        uint64_aligned_t get_avgfreq; /* kHz */
        uint32_t set_sched_opt_smt;
        uint32_t get_max_cstate; /* or XEN_SYSCTL_CX_UNLIMITED */
        uint32_t set_max_cstate;
    } u;
};

#define XEN_SYSCTL_CPU_HOTPLUG_ONLINE      0
#define XEN_SYSCTL_CPU_HOTPLUG_OFFLINE     1
#define XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE  2
#define XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE 3

/* XEN_SYSCTL_cpu_hotplug */
struct xen_sysctl_cpu_hotplug {
    uint32_t cpu;
    uint32_t op; /* XEN_SYSCTL_CPU_HOTPLUG_* */
};

#define XEN_SYSCTL_PSR_get_l3_info  0
#define XEN_SYSCTL_PSR_get_l2_info  1
#define XEN_SYSCTL_PSR_get_mba_info 2

#define XEN_SYSCTL_PSR_CAT_L3_CDP (1u << 0) /* cat_info.flags */
#define XEN_SYSCTL_PSR_MBA_LINEAR (1u << 0) /* mba_info.flags */

/* XEN_SYSCTL_psr_alloc: Bulkhead gives no domain a share of caches. */
struct xen_sysctl_psr_alloc {
    uint32_t cmd;    /* XEN_SYSCTL_PSR_get_* */
    uint32_t target; /* which cache */
    union {
        struct {
            uint32_t cbm_len;
            uint32_t cos_max;
            uint32_t flags;
        } cat_info;
        struct {
            uint32_t thrtl_max;
            uint32_t cos_max;
            uint32_t flags;
        } mba_info;
    } u;
};

/* ---- Patches of the running hypervisor ------------------------------------------------------ */

/*
 * Bulkhead takes no patches: there are none to list, and every other operation is refused.
 */
#define XEN_SYSCTL_LIVEPATCH_UPLOAD 0
#define XEN_SYSCTL_LIVEPATCH_GET    1
#define XEN_SYSCTL_LIVEPATCH_LIST   2
#define XEN_SYSCTL_LIVEPATCH_ACTION 3

struct xen_livepatch_status {
    uint32_t state;
    int32_t rc;
};
typedef struct xen_livepatch_status xen_livepatch_status_t;
DEFINE_XEN_GUEST_HANDLE(xen_livepatch_status_t);

struct xen_sysctl_livepatch_list {
    uint32_t version;             /* out: changes whenever the list does */
    uint32_t idx;                 /* in: begin with this one */
    uint32_t nr;                  /* in: room in each array; out: how many are left */
    uint32_t pad;                 /* must be 0 */
    uint32_t name_total_size;     /* out: bytes */
    uint32_t metadata_total_size; /* out: bytes */
    XEN_GUEST_HANDLE_64(xen_livepatch_status_t) status;
    XEN_GUEST_HANDLE_64(char) name;
    XEN_GUEST_HANDLE_64(uint32) len;
    XEN_GUEST_HANDLE_64(char) metadata;
    XEN_GUEST_HANDLE_64(uint32) metadata_len;
};

/* XEN_SYSCTL_livepatch_op */
struct xen_sysctl_livepatch_op {
    uint32_t cmd; /* XEN_SYSCTL_LIVEPATCH_* */
    uint32_t pad; /* must be 0 */
    union {
        struct xen_sysctl_livepatch_list list;
    } u;
};

/* ---- What CPUs can show to guests ----------------------------------------------------------- */

#define XEN_SYSCTL_CPU_LEVELCAP_faulting    (1ul << 0) /* CPUID faults in guests */
#define XEN_SYSCTL_CPU_LEVELCAP_ecx         (1ul << 1) /* leaf 1 ECX can be masked */
#define XEN_SYSCTL_CPU_LEVELCAP_edx         (1ul << 2) /* and so on */
#define XEN_SYSCTL_CPU_LEVELCAP_extd_ecx    (1ul << 3)
#define XEN_SYSCTL_CPU_LEVELCAP_extd_edx    (1ul << 4)
#define XEN_SYSCTL_CPU_LEVELCAP_xsave_eax   (1ul << 5)
#define XEN_SYSCTL_CPU_LEVELCAP_thermal_ecx (1ul << 6)
#define XEN_SYSCTL_CPU_LEVELCAP_l7s0_eax    (1ul << 7)
#define XEN_SYSCTL_CPU_LEVELCAP_l7s0_ebx    (1ul << 8)

/* XEN_SYSCTL_get_cpu_levelling_caps */
struct xen_sysctl_cpu_levelling_caps {
    uint32_t caps; /* out: XEN_SYSCTL_CPU_LEVELCAP_* */
};

#define XEN_SYSCTL_cpu_featureset_raw     0 /* what the CPU says */
#define XEN_SYSCTL_cpu_featureset_host    1 /* what the hypervisor uses */
#define XEN_SYSCTL_cpu_featureset_pv      2 /* what PV domains get */
#define XEN_SYSCTL_cpu_featureset_hvm     3
#define XEN_SYSCTL_cpu_featureset_pv_max  4 /* what PV domains can get at most */
#define XEN_SYSCTL_cpu_featureset_hvm_max 5

/* XEN_SYSCTL_get_cpu_featureset */
struct xen_sysctl_cpu_featureset {
    uint32_t index;                       /* in: XEN_SYSCTL_cpu_featureset_* */
    uint32_t nr_features;                 /* in: room, in words; out: words there are */
    XEN_GUEST_HANDLE_64(uint32) features; /* out; NULL asks for the number only */
};

#define XEN_SYSCTL_cpu_policy_raw         0
#define XEN_SYSCTL_cpu_policy_host        1
#define XEN_SYSCTL_cpu_policy_pv_max      2
#define XEN_SYSCTL_cpu_policy_hvm_max     3
#define XEN_SYSCTL_cpu_policy_pv_default  4
#define XEN_SYSCTL_cpu_policy_hvm_default 5

/* XEN_SYSCTL_get_cpu_policy: the same as CPUID leaves and MSRs. */
struct xen_sysctl_cpu_policy {
    uint32_t index;     /* in: XEN_SYSCTL_cpu_policy_* */
    uint32_t nr_leaves; /* in: room; out: elements */
    uint32_t nr_msrs;   /* the same */
    uint32_t _rsvd;     /* must be 0 */
    XEN_GUEST_HANDLE_64(xen_cpuid_leaf_t) leaves;
    XEN_GUEST_HANDLE_64(xen_msr_entry_t) msrs;
};
typedef struct xen_sysctl_cpu_policy xen_sysctl_cpu_policy_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_cpu_policy_t);

/* ---- Domains and the scheduler -------------------------------------------------------------- */

/* XEN_SYSCTL_getdomaininfolist: all domains, in the order of their numbers. */
struct xen_sysctl_getdomaininfolist {
    domid_t first_domain; /* in: begin with this number */
    uint32_t max_domains; /* in: room in buffer */
    XEN_GUEST_HANDLE_64(xen_domctl_getdomaininfo_t) buffer;
    uint32_t num_domains; /* out: elements written */
};

/* XEN_SYSCTL_sched_id */
struct xen_sysctl_sched_id {
    uint32_t sched_id; /* out: XEN_SCHEDULER_* */
};

#define XEN_SYSCTL_SCHED_RATELIMIT_MAX   500000 /* us */
#define XEN_SYSCTL_SCHED_RATELIMIT_MIN   100
#define XEN_SYSCTL_CSCHED_TSLICE_MAX     1000 /* ms */
#define XEN_SYSCTL_CSCHED_TSLICE_MIN     1
#define XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US (100 * 1000)

struct xen_sysctl_credit_schedule {
    uint32_t tslice_ms;          /* the longest that a vCPU runs while others wait */
    uint32_t ratelimit_us;       /* the shortest; 0: no such limit */
    uint32_t vcpu_migr_delay_us; /* how long a vCPU's caches count as warm */
};

struct xen_sysctl_credit2_schedule {
    uint32_t ratelimit_us;
};

/* The frame of a fixed schedule. */
#define ARINC653_MAX_DOMAINS_PER_SCHEDULE 64
struct xen_sysctl_arinc653_schedule {
    uint64_aligned_t major_frame; /* ns, then it begins again */
    uint8_t num_sched_entries;
    struct {
        xen_domain_handle_t dom_handle;
        uint32_t vcpu_id;
        uint64_aligned_t runtime; /* ns */
    } sched_entries[ARINC653_MAX_DOMAINS_PER_SCHEDULE];
};
typedef struct xen_sysctl_arinc653_schedule xen_sysctl_arinc653_schedule_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_arinc653_schedule_t);

#define XEN_SYSCTL_SCHEDOP_putinfo 0
#define XEN_SYSCTL_SCHEDOP_getinfo 1

/* XEN_SYSCTL_scheduler_op */
struct xen_sysctl_scheduler_op {
    uint32_t cpupool_id;
    uint32_t sched_id; /* XEN_SCHEDULER_* */
    uint32_t cmd;      /* XEN_SYSCTL_SCHEDOP_* */
    union {
        struct xen_sysctl_sched_arinc653 {
            XEN_GUEST_HANDLE_64(xen_sysctl_arinc653_schedule_t) schedule;
        } sched_arinc653;
        struct xen_sysctl_credit_schedule sched_credit;
        struct xen_sysctl_credit2_schedule sched_credit2;
    } u;
};

#define XEN_SYSCTL_CPUPOOL_OP_CREATE     1
#define XEN_SYSCTL_CPUPOOL_OP_DESTROY    2
#define XEN_SYSCTL_CPUPOOL_OP_INFO       3
#define XEN_SYSCTL_CPUPOOL_OP_ADDCPU     4
#define XEN_SYSCTL_CPUPOOL_OP_RMCPU      5
#define XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN 6
#define XEN_SYSCTL_CPUPOOL_OP_FREEINFO   7
#define XEN_SYSCTL_CPUPOOL_PAR_ANY       0xFFFFFFFF /* cpupool_id or cpu: any */

/* XEN_SYSCTL_cpupool_op: groups of CPUs with a scheduler each. */
struct xen_sysctl_cpupool_op {
    uint32_t op;                 /* XEN_SYSCTL_CPUPOOL_OP_* */
    uint32_t cpupool_id;         /* INFO: in, the first to look at; out, the one found */
    uint32_t sched_id;           /* out, except CREATE */
    uint32_t domid;              /* MOVEDOMAIN */
    uint32_t cpu;                /* ADDCPU, RMCPU */
    uint32_t n_dom;              /* out: domains in the pool */
    struct xenctl_bitmap cpumap; /* out: CPUs in the pool, or in none */
};

/* ---- Bulkhead's own, which Xen refuses with -ENOSYS ------------------------------------------ */

/*
 * How long the vCPUs of a domain have been in each state, all together. The time when a vCPU was
 * down, as its kernel wanted, does not count: so the offline ones are those that were paused.
 */
struct bulkhead_domain_times {
    domid_t domain;
    uint16_t pad[3];
    uint64_aligned_t time[4]; /* ns, by RUNSTATE_* of vcpu.h */
};
typedef struct bulkhead_domain_times bulkhead_domain_times_t;
DEFINE_XEN_GUEST_HANDLE(bulkhead_domain_times_t);

/* BULKHEAD_SYSCTL_domain_times: those of all domains, in the order of their numbers. */
struct bulkhead_sysctl_domain_times {
    domid_t first_domain; /* in: begin with this number */
    uint32_t max_domains; /* in: room in buffer */
    XEN_GUEST_HANDLE_64(bulkhead_domain_times_t) buffer;
    uint32_t num_domains; /* out: elements written */
};

/*
 * BULKHEAD_SYSCTL_memory_use: what the hypervisor takes of the machine's memory, in bytes. The
 * fixed part is what it takes whatever domains there are: the next four, page tables, and what
 * firmware keeps of the lowest memory. Domains' own memory is in none of these.
 */
struct bulkhead_sysctl_memory_use {
    uint64_aligned_t ram;     /* the machine's */
    uint64_aligned_t fixed;   /* the fixed part, of which: */
    uint64_aligned_t image;   /* code and data, those of the first CPU too */
    uint64_aligned_t frames;  /* the frame table, with each frame of RAM */
    uint64_aligned_t m2p;     /* the machine-to-physical table */
    uint64_aligned_t cpus;    /* all CPUs but the first: stacks, queues, idle vCPUs */
    uint64_aligned_t domains; /* for all domains, and their vCPUs, of which */
    uint64_aligned_t vcpu;    /* each one takes this */
};

/* ---- The call ------------------------------------------------------------------------------- */

/* xen_sysctl.cmd. The member of `u` has the same name, without "get_" in front. */
#define XEN_SYSCTL_readconsole            1
#define XEN_SYSCTL_tbuf_op                2
#define XEN_SYSCTL_physinfo               3
#define XEN_SYSCTL_sched_id               4
#define XEN_SYSCTL_perfc_op               5
#define XEN_SYSCTL_getdomaininfolist      6
#define XEN_SYSCTL_debug_keys             7
#define XEN_SYSCTL_getcpuinfo             8
#define XEN_SYSCTL_availheap              9
#define XEN_SYSCTL_get_pmstat             10 /* power states of a CPU */
#define XEN_SYSCTL_cpu_hotplug            11
#define XEN_SYSCTL_pm_op                  12 /* frequencies of a CPU */
#define XEN_SYSCTL_page_offline_op        14 /* take frames out of use */
#define XEN_SYSCTL_lockprof_op            15 /* statistics of locks */
#define XEN_SYSCTL_cputopoinfo            16
#define XEN_SYSCTL_numainfo               17
#define XEN_SYSCTL_cpupool_op             18
#define XEN_SYSCTL_scheduler_op           19
#define XEN_SYSCTL_coverage_op            20 /* which code has run */
#define XEN_SYSCTL_psr_cmt_op             21 /* cache monitoring */
#define XEN_SYSCTL_pcitopoinfo            22
#define XEN_SYSCTL_psr_alloc              23 /* cache allocation */
#define XEN_SYSCTL_get_cpu_levelling_caps 25
#define XEN_SYSCTL_get_cpu_featureset     26
#define XEN_SYSCTL_livepatch_op           27 /* patches of the running hypervisor */
#define XEN_SYSCTL_get_cpu_policy         29
#define BULKHEAD_SYSCTL_domain_times      0x42480001 /* far from what Xen may come to use */
#define BULKHEAD_SYSCTL_memory_use        0x42480002

struct xen_sysctl {
    uint32_t cmd;               /* XEN_SYSCTL_* */
    uint32_t interface_version; /* XEN_SYSCTL_INTERFACE_VERSION */
    union {
        struct xen_sysctl_readconsole readconsole;
        struct xen_sysctl_tbuf_op tbuf_op;
        struct xen_sysctl_physinfo physinfo;
        struct xen_sysctl_cputopoinfo cputopoinfo;
        struct xen_sysctl_pcitopoinfo pcitopoinfo;
        struct xen_sysctl_numainfo numainfo;
        struct xen_sysctl_sched_id sched_id;
        struct xen_sysctl_perfc_op perfc_op;
        struct xen_sysctl_getdomaininfolist getdomaininfolist;
        struct xen_sysctl_debug_keys debug_keys;
        struct xen_sysctl_getcpuinfo getcpuinfo;
        struct xen_sysctl_availheap availheap;
        struct xen_sysctl_get_pmstat get_pmstat;
        struct xen_sysctl_cpu_hotplug cpu_hotplug;
        struct xen_sysctl_pm_op pm_op;
        struct xen_sysctl_lockprof_op lockprof_op;
        struct xen_sysctl_cpupool_op cpupool_op;
        struct xen_sysctl_scheduler_op scheduler_op;
        struct xen_sysctl_psr_alloc psr_alloc;
        struct xen_sysctl_cpu_levelling_caps cpu_levelling_caps;
        struct xen_sysctl_cpu_featureset cpu_featureset;
        struct xen_sysctl_livepatch_op livepatch;
        struct xen_sysctl_cpu_policy cpu_policy;
        struct bulkhead_sysctl_domain_times domain_times;
        struct bulkhead_sysctl_memory_use memory_use;
        uint8_t pad[128]; /* all members fit in here */
    } u;
};
typedef struct xen_sysctl xen_sysctl_t;
DEFINE_XEN_GUEST_HANDLE(xen_sysctl_t);

#endif /* XEN_PUBLIC_SYSCTL_H */
