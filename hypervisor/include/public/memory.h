/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain: how much it has, which machine frames these are, and the maps that go
 * with it.
 *
 * A PV guest counts its own frames from 0 (pseudo-physical frames, gpfn or pfn) and uses machine
 * frames (mfn) in page tables. It keeps the table from the first to the second itself; the M2P
 * table of the hypervisor goes the other way.
 *
 * long memory_op(XENMEM_*, *). Calls that work on lists return how many elements were done; a tool
 * that names another domain must control it.
 */
#ifndef XEN_PUBLIC_MEMORY_H
#define XEN_PUBLIC_MEMORY_H

#include "physdev.h"
#include "xen.h"

/* ---- Getting and giving back ---------------------------------------------------------------- */

/*
 * Get frames without a place (their mfns are written to extent_start), give back the frames whose
 * mfns are in extent_start, or get a frame for each pfn in extent_start: then its M2P entry is set
 * and the mfn replaces the pfn.
 */
#define XENMEM_increase_reservation 0
#define XENMEM_decrease_reservation 1
#define XENMEM_populate_physmap     6

/* xen_memory_reservation.mem_flags. */
#define XENMEMF_address_bits(x)     (x) /* machine addresses of at most x bits; 0: any */
#define XENMEMF_get_address_bits(x) ((x)&0xffu)
#define XENMEMF_node(x)             (((x) + 1) << 8) /* from memory node x, if there is some */
#define XENMEMF_get_node(x)         ((((x) >> 8) - 1) & 0xffu)
#define XENMEMF_populate_on_demand  (1 << 16) /* hardware virtualisation only */
#define XENMEMF_exact_node_request  (1 << 17) /* from that node or not at all */
#define XENMEMF_exact_node(n)       (XENMEMF_node(n) | XENMEMF_exact_node_request)
#define XENMEMF_vnode               (1 << 18) /* the node is one of the guest's */

struct xen_memory_reservation {
    XEN_GUEST_HANDLE(xen_pfn_t) extent_start; /* one number for each extent: its first frame */
    xen_ulong_t nr_extents;
    unsigned int extent_order; /* an extent has 1 << extent_order frames, in a row and aligned */
    unsigned int mem_flags;    /* XENMEMF_* */
    domid_t domid;             /* DOMID_SELF works */
};
typedef struct xen_memory_reservation xen_memory_reservation_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_reservation_t);

/*
 * Give back the frames of `in` and get those of `out` for them, of the same total size: for a
 * stretch of frames in a row, or below an address. Elements are done in order; nr_exchanged counts
 * elements of `in` and must be 0 at first.
 */
#define XENMEM_exchange 11
struct xen_memory_exchange {
    struct xen_memory_reservation in;  /* mfns to give back */
    struct xen_memory_reservation out; /* in: their pfns; out: the mfns */
    xen_ulong_t nr_exchanged;          /* out */
};
typedef struct xen_memory_exchange xen_memory_exchange_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_exchange_t);

/* Set aside free memory for a domain that is going to be built: xen_memory_reservation. */
#define XENMEM_claim_pages 24

/* ---- Numbers -------------------------------------------------------------------------------- */

#define XENMEM_maximum_ram_page    2  /* no argument: the highest mfn of RAM */
#define XENMEM_current_reservation 3  /* xen_memory_domain: frames that the domain has */
#define XENMEM_maximum_reservation 4  /* xen_memory_domain: frames that it may have */
#define XENMEM_maximum_gpfn        14 /* xen_memory_domain: highest pfn (arch.max_pfn - 1) */
struct xen_memory_domain {
    domid_t domid; /* DOMID_SELF works */
};

/* ---- The machine-to-physical table ---------------------------------------------------------- */

/* The frames that hold the M2P table, one for each 2 MiB of it, for tools to map. */
#define XENMEM_machphys_mfn_list        5
#define XENMEM_machphys_compat_mfn_list 25 /* the same of the table that 32-bit guests see */
struct xen_machphys_mfn_list {
    unsigned int max_extents;                 /* room in extent_start */
    XEN_GUEST_HANDLE(xen_pfn_t) extent_start; /* out: first frame of each */
    unsigned int nr_extents;                  /* out */
};
typedef struct xen_machphys_mfn_list xen_machphys_mfn_list_t;
DEFINE_XEN_GUEST_HANDLE(xen_machphys_mfn_list_t);

/* Where the M2P table is in the caller's address space. */
#define XENMEM_machphys_mapping 12
struct xen_machphys_mapping {
    xen_ulong_t v_start, v_end; /* out: virtual addresses */
    xen_ulong_t max_mfn;        /* out: highest index that can be used */
};
typedef struct xen_machphys_mapping xen_machphys_mapping_t;
DEFINE_XEN_GUEST_HANDLE(xen_machphys_mapping_t);

/* ---- Placing frames in a translated domain -------------------------------------------------- */

#define XENMAPSPACE_shared_info  0 /* the shared_info page */
#define XENMAPSPACE_grant_table  1 /* frame `idx` of the grant table */
#define XENMAPSPACE_gmfn         2 /* another frame of the same domain */
#define XENMAPSPACE_gmfn_range   3 /* `size` frames of the same domain */
#define XENMAPSPACE_gmfn_foreign 4 /* frames of another domain; the batch form only */
#define XENMAPSPACE_dev_mmio     5 /* device memory */

#define XENMAPIDX_grant_table_status 0x80000000 /* in idx: the status frames are meant */

#define XENMEM_add_to_physmap 7
struct xen_add_to_physmap {
    domid_t domid;
    uint16_t size;      /* XENMAPSPACE_gmfn_range: how many */
    unsigned int space; /* XENMAPSPACE_* */
    xen_ulong_t idx;    /* which of that space */
    xen_pfn_t gpfn;     /* where to put it */
};
typedef struct xen_add_to_physmap xen_add_to_physmap_t;
DEFINE_XEN_GUEST_HANDLE(xen_add_to_physmap_t);

#define XENMEM_add_to_physmap_batch 23
struct xen_add_to_physmap_batch {
    domid_t domid;
    uint16_t space; /* XENMAPSPACE_* */
    uint16_t size;  /* elements in each list */
    union xen_add_to_physmap_batch_extra {
        domid_t foreign_domid; /* XENMAPSPACE_gmfn_foreign: whose frames */
        uint16_t res0;         /* else 0 */
    } u;
    XEN_GUEST_HANDLE(xen_ulong_t) idxs;
    XEN_GUEST_HANDLE(xen_pfn_t) gpfns;
    XEN_GUEST_HANDLE(int) errs; /* out: 0 or a negated error for each */
};
typedef struct xen_add_to_physmap_batch xen_add_to_physmap_batch_t;
DEFINE_XEN_GUEST_HANDLE(xen_add_to_physmap_batch_t);

#define XENMEM_remove_from_physmap 15
struct xen_remove_from_physmap {
    domid_t domid;
    xen_pfn_t gpfn;
};
typedef struct xen_remove_from_physmap xen_remove_from_physmap_t;
DEFINE_XEN_GUEST_HANDLE(xen_remove_from_physmap_t);

/* ---- Memory maps ---------------------------------------------------------------------------- */

/*
 * A map is an array of 20-byte entries as PC firmware gives them: address (8 bytes), size (8),
 * type (4; 1 is RAM).
 */
#define XENMEM_memory_map         9  /* xen_memory_map: the caller's pseudo-physical map */
#define XENMEM_machine_memory_map 10 /* xen_memory_map: the machine's; dom0 only */
struct xen_memory_map {
    unsigned int nr_entries;       /* in: room in buffer; out: entries written */
    XEN_GUEST_HANDLE(void) buffer; /* out; NULL asks for the number only */
};
typedef struct xen_memory_map xen_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_map_t);

/* Tools: set the map that a PV domain will read. */
#define XENMEM_set_memory_map 13
struct xen_foreign_memory_map {
    domid_t domid;
    struct xen_memory_map map;
};
typedef struct xen_foreign_memory_map xen_foreign_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_foreign_memory_map_t);

/* Tools: ranges that devices need in the guest's map as they are. */
#define XENMEM_reserved_device_memory_map 27
struct xen_reserved_device_memory {
    xen_pfn_t start_pfn;
    xen_ulong_t nr_pages;
};
typedef struct xen_reserved_device_memory xen_reserved_device_memory_t;
DEFINE_XEN_GUEST_HANDLE(xen_reserved_device_memory_t);

#define XENMEM_RDM_ALL 1 /* flags: of all devices, not only dev */
struct xen_reserved_device_memory_map {
    uint32_t flags;
    unsigned int nr_entries; /* in: room; out: how many there are */
    XEN_GUEST_HANDLE(xen_reserved_device_memory_t) buffer;
    union {
        physdev_pci_device_t pci;
    } dev;
};
typedef struct xen_reserved_device_memory_map xen_reserved_device_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_reserved_device_memory_map_t);

/* ---- Mapping what belongs to a domain but is no frame of its own ---------------------------- */

/*
 * Tools: learn the machine frames of a resource of a domain, to map them as foreign frames. With
 * nr_frames 0 and no list, nr_frames tells how many there can be.
 */
#define XENMEM_acquire_resource                     28
#define XENMEM_resource_ioreq_server                0 /* type: pages of a device model */
#define XENMEM_resource_grant_table                 1 /* type: the grant table */
#define XENMEM_resource_vmtrace_buf                 2 /* type: processor trace of a vCPU */
#define XENMEM_resource_grant_table_id_shared       0 /* id: the entries */
#define XENMEM_resource_grant_table_id_status       1 /* id: the status array of version 2 */
#define XENMEM_resource_ioreq_server_frame_bufioreq 0
#define XENMEM_resource_ioreq_server_frame_ioreq(n) (1 + (n))
struct xen_mem_acquire_resource {
    domid_t domid;
    uint16_t type;                          /* XENMEM_resource_* */
    uint32_t id;                            /* which of that type */
    uint32_t nr_frames;                     /* how many */
    uint32_t pad;                           /* must be 0 */
    uint64_t frame;                         /* from which on */
    XEN_GUEST_HANDLE(xen_pfn_t) frame_list; /* out */
};
typedef struct xen_mem_acquire_resource xen_mem_acquire_resource_t;
DEFINE_XEN_GUEST_HANDLE(xen_mem_acquire_resource_t);

/* ---- Virtual memory nodes ------------------------------------------------------------------- */

/* A stretch of the guest's memory that lies on one of its nodes. */
struct xen_vmemrange {
    uint64_t start, end; /* pseudo-physical addresses */
    unsigned int flags;
    unsigned int nid; /* which node */
};
typedef struct xen_vmemrange xen_vmemrange_t;
DEFINE_XEN_GUEST_HANDLE(xen_vmemrange_t);

/* The nodes that the caller's domain was given, if any: -EOPNOTSUPP if none. */
#define XENMEM_get_vnumainfo 26
struct xen_vnuma_topology_info {
    domid_t domid;
    uint16_t pad;
    unsigned int nr_vnodes;     /* in: room in the lists; out: how many there are */
    unsigned int nr_vcpus;      /* the same */
    unsigned int nr_vmemranges; /* the same */
    union {
        XEN_GUEST_HANDLE(uint) h;
        uint64_t pad;
    } vdistance; /* nr_vnodes * nr_vnodes of them */
    union {
        XEN_GUEST_HANDLE(uint) h;
        uint64_t pad;
    } vcpu_to_vnode;
    union {
        XEN_GUEST_HANDLE(xen_vmemrange_t) h;
        uint64_t pad;
    } vmemrange;
};
typedef struct xen_vnuma_topology_info xen_vnuma_topology_info_t;
DEFINE_XEN_GUEST_HANDLE(xen_vnuma_topology_info_t);

/* ---- Numbers of operations for domains with hardware virtualisation ------------------------- */

#define XENMEM_set_pod_target           16 /* populate on demand */
#define XENMEM_get_pod_target           17
#define XENMEM_get_sharing_freed_pages  18 /* no argument: frames saved by sharing */
#define XENMEM_get_sharing_shared_pages 19
#define XENMEM_paging_op                20
#define XENMEM_access_op                21
#define XENMEM_sharing_op               22

#endif /* XEN_PUBLIC_MEMORY_H */
