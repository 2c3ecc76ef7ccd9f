/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_mca: machine checks, for dom0.
 *
 * long mca(struct xen_mc *): -EACCES wrong interface version, -EINVAL unknown command.
 *
 * Dom0 binds VIRQ_MCA, fetches records when it rings, and acknowledges each by its number. Here a
 * machine check that the processor raises ends the machine, and corrected errors are not polled:
 * there is never a record.
 */
#ifndef XEN_PUBLIC_ARCH_X86_MCA_H
#define XEN_PUBLIC_ARCH_X86_MCA_H

#include "../xen.h"

#define __HYPERVISOR_mca __HYPERVISOR_arch_0

#define XEN_MCA_INTERFACE_VERSION 0x01ecc003

#define VIRQ_MCA VIRQ_ARCH_0 /* global: records are there */

/* Which records; given to XEN_MC_fetch in flags. */
#define XEN_MC_NONURGENT 0x0001 /* of corrected errors */
#define XEN_MC_URGENT    0x0002 /* of others */
#define XEN_MC_ACK       0x0004 /* none: the one fetched last, fetch_id, is dealt with */

/* What flags says then. */
#define XEN_MC_OK             0x0
#define XEN_MC_FETCHFAILED    0x1
#define XEN_MC_NODATA         0x2
#define XEN_MC_NOMATCH        0x4
#define XEN_MC_CANNOTHANDLE   0x8
#define XEN_MC_NOTDELIVERED   0x10
#define XEN_MC_VCPUID_INVALID 0xffff

#ifndef __ASSEMBLY__

/* One record: elements of several kinds, one after the other. */
#define MCINFO_MAXSIZE 768
struct mc_info {
    uint32_t mi_nentries;
    uint32_t flags;
    uint64_t mi_data[(MCINFO_MAXSIZE - 1) / 8];
};
typedef struct mc_info mc_info_t;
DEFINE_XEN_GUEST_HANDLE(mc_info_t);

struct mcinfo_msr {
    uint64_t reg;
    uint64_t value;
};
typedef struct mcinfo_msr xen_mcinfo_msr_t;

/* A physical CPU. */
#define __MC_MSR_ARRAYSIZE 8
#define MC_NCAPS           7
#define MC_CAPS_STD_EDX    0 /* places in mc_cpu_caps: registers of CPUID leaves 1, */
#define MC_CAPS_STD_ECX    4
#define MC_CAPS_AMD_EDX    1 /* and 0x80000001 */
#define MC_CAPS_AMD_ECX    6
struct mcinfo_logical_cpu {
    uint32_t mc_cpunr;
    uint32_t mc_chipid; /* socket */
    uint16_t mc_coreid;
    uint16_t mc_threadid;
    uint32_t mc_apicid;
    uint32_t mc_clusterid;
    uint32_t mc_ncores;
    uint32_t mc_ncores_active;
    uint32_t mc_nthreads;
    int32_t mc_cpuid_level; /* highest basic leaf */
    uint32_t mc_family;
    uint32_t mc_vendor;
    uint32_t mc_model;
    uint32_t mc_step;
    char mc_vendorid[16];
    char mc_brandid[64];
    uint32_t mc_cpu_caps[MC_NCAPS];
    uint32_t mc_cache_size; /* KiB */
    uint32_t mc_cache_alignment;
    int32_t mc_nmsrvals; /* elements of mc_msrvalues */
    xen_mcinfo_msr_t mc_msrvalues[__MC_MSR_ARRAYSIZE];
};
typedef struct mcinfo_logical_cpu xen_mc_logical_cpu_t;
DEFINE_XEN_GUEST_HANDLE(xen_mc_logical_cpu_t);

#define XEN_MC_fetch 1
struct xen_mc_fetch {
    uint32_t flags; /* in: XEN_MC_NONURGENT or _URGENT, with _ACK; out: what became of it */
    uint32_t _pad0;
    uint64_t fetch_id;                /* of the record; 0: there is none */
    XEN_GUEST_HANDLE(mc_info_t) data; /* out */
};
typedef struct xen_mc_fetch xen_mc_fetch_t;
DEFINE_XEN_GUEST_HANDLE(xen_mc_fetch_t);

#define XEN_MC_notifydomain 2
struct xen_mc_notifydomain {
    uint16_t mc_domid;
    uint16_t mc_vcpuid;
    uint32_t flags;
};
typedef struct xen_mc_notifydomain xen_mc_notifydomain_t;
DEFINE_XEN_GUEST_HANDLE(xen_mc_notifydomain_t);

#define XEN_MC_physcpuinfo 3
struct xen_mc_physcpuinfo {
    uint32_t ncpus; /* in: room; out: elements, or how many there are if info is NULL */
    uint32_t _pad0;
    XEN_GUEST_HANDLE(xen_mc_logical_cpu_t) info; /* out */
};
typedef struct xen_mc_physcpuinfo xen_mc_physcpuinfo_t;

/* For tests of handlers. */
#define XEN_MC_msrinject  4
#define MC_MSRINJ_MAXMSRS 8
struct xen_mc_msrinject {
    uint32_t mcinj_cpunr;
    uint32_t mcinj_flags;
    uint32_t mcinj_count;
    domid_t mcinj_domid;
    uint16_t _pad0;
    xen_mcinfo_msr_t mcinj_msr[MC_MSRINJ_MAXMSRS];
};
typedef struct xen_mc_msrinject xen_mc_msrinject_t;

#define XEN_MC_mceinject 5
struct xen_mc_mceinject {
    unsigned int mceinj_cpunr;
};
typedef struct xen_mc_mceinject xen_mc_mceinject_t;

struct xen_mc {
    uint32_t cmd;
    uint32_t interface_version;
    union {
        xen_mc_fetch_t mc_fetch;
        xen_mc_notifydomain_t mc_notifydomain;
        xen_mc_physcpuinfo_t mc_physcpuinfo;
        xen_mc_msrinject_t mc_msrinject;
        xen_mc_mceinject_t mc_mceinject;
    } u;
};
typedef struct xen_mc xen_mc_t;
DEFINE_XEN_GUEST_HANDLE(xen_mc_t);

#endif /* __ASSEMBLY__ */
#endif /* XEN_PUBLIC_ARCH_X86_MCA_H */
