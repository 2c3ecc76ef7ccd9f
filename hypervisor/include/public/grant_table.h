/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: how a domain lets another one use some of its frames.
 *
 * A domain's grant table is memory that it shares with the hypervisor. An entry, named by its
 * index, the grant reference, says which domain may use which frame. The other domain learns the
 * reference by other means (mostly the store) and has the hypervisor map the frame or copy from or
 * to it. While that lasts, GTF_reading and GTF_writing are set in the entry.
 *
 * To make a grant, write domid and frame, a write barrier, then flags. To end it, replace flags by
 * 0 with a compare-and-exchange that fails while GTF_reading or GTF_writing is set.
 *
 * long grant_table_op(GNTTABOP_*, ops[], unsigned count). Each element has a status of its own,
 * GNTST_*; the result is 0 unless the array itself could not be read or written.
 */
#ifndef XEN_PUBLIC_GRANT_TABLE_H
#define XEN_PUBLIC_GRANT_TABLE_H

#include "xen.h"

typedef uint32_t grant_ref_t; /* index of an entry of a grant table */

/* References that a domain builder fills in; a kernel starts with the next one. */
#define GNTTAB_RESERVED_CONSOLE    0
#define GNTTAB_RESERVED_XENSTORE   1
#define GNTTAB_NR_RESERVED_ENTRIES 8

/* ---- Entries, version 1 --------------------------------------------------------------------- */

struct grant_entry_v1 {
    uint16_t flags; /* GTF_* */
    domid_t domid;  /* the domain that is allowed */
    uint32_t frame; /* what is granted (in PV guests an mfn), or what came by a transfer */
};
typedef struct grant_entry_v1 grant_entry_v1_t;

/* Kinds of entry. */
#define GTF_invalid         (0U << 0) /* allows nothing */
#define GTF_permit_access   (1U << 0) /* `domid` may use `frame` */
#define GTF_accept_transfer (2U << 0) /* `domid` may give a frame away to the owner */
#define GTF_transitive      (3U << 0) /* version 2: passes on a grant of a third domain */
#define GTF_type_mask       (3U << 0)

/* With GTF_permit_access. The guest sets readonly and the caching bits, the hypervisor the rest. */
#define _GTF_readonly (2)
#define GTF_readonly  (1U << _GTF_readonly)
#define _GTF_reading  (3) /* in use for reading */
#define GTF_reading   (1U << _GTF_reading)
#define _GTF_writing  (4) /* in use for writing */
#define GTF_writing   (1U << _GTF_writing)
#define _GTF_PWT      (5) /* cache attributes for mappings, as in a page-table entry */
#define GTF_PWT       (1U << _GTF_PWT)
#define _GTF_PCD      (6)
#define GTF_PCD       (1U << _GTF_PCD)
#define _GTF_PAT      (7)
#define GTF_PAT       (1U << _GTF_PAT)
#define _GTF_sub_page (8) /* version 2: only a part of the page, for copies */
#define GTF_sub_page  (1U << _GTF_sub_page)

/* With GTF_accept_transfer; both set by the hypervisor. */
#define _GTF_transfer_committed (2) /* will be done; the entry may no longer be changed */
#define GTF_transfer_committed  (1U << _GTF_transfer_committed)
#define _GTF_transfer_completed (3) /* done; `frame` is valid */
#define GTF_transfer_completed  (1U << _GTF_transfer_completed)

/* ---- Entries, version 2 --------------------------------------------------------------------- */

struct grant_entry_header {
    uint16_t flags; /* GTF_* */
    domid_t domid;  /* the domain that is allowed */
};
typedef struct grant_entry_header grant_entry_header_t;

union grant_entry_v2 {
    grant_entry_header_t hdr;

    struct {
        grant_entry_header_t hdr;
        uint32_t pad0;
        uint64_t frame;
    } full_page; /* like version 1 */

    struct {
        grant_entry_header_t hdr;
        uint16_t page_off; /* first byte */
        uint16_t length;   /* bytes */
        uint64_t frame;
    } sub_page; /* with GTF_sub_page */

    struct {
        grant_entry_header_t hdr;
        domid_t trans_domid; /* whose grant is passed on */
        uint16_t pad0;
        grant_ref_t gref; /* its reference there */
    } transitive;         /* with GTF_transitive */

    uint32_t __spacer[4]; /* 16 bytes */
};
typedef union grant_entry_v2 grant_entry_v2_t;

/* Version 2 keeps GTF_reading and GTF_writing of each entry in an array of its own. */
typedef uint16_t grant_status_t;

/* ---- Operations ----------------------------------------------------------------------------- */

#define GNTTABOP_map_grant_ref     0  /* gnttab_map_grant_ref[] */
#define GNTTABOP_unmap_grant_ref   1  /* gnttab_unmap_grant_ref[] */
#define GNTTABOP_setup_table       2  /* gnttab_setup_table, one */
#define GNTTABOP_dump_table        3  /* gnttab_dump_table, one */
#define GNTTABOP_transfer          4  /* gnttab_transfer[] */
#define GNTTABOP_copy              5  /* gnttab_copy[] */
#define GNTTABOP_query_size        6  /* gnttab_query_size, one */
#define GNTTABOP_unmap_and_replace 7  /* gnttab_unmap_and_replace[] */
#define GNTTABOP_set_version       8  /* gnttab_set_version, one */
#define GNTTABOP_get_status_frames 9  /* gnttab_get_status_frames, one */
#define GNTTABOP_get_version       10 /* gnttab_get_version, one */
#define GNTTABOP_swap_grant_ref    11 /* gnttab_swap_grant_ref[] */
#define GNTTABOP_cache_flush       12 /* gnttab_cache_flush[] */

typedef uint32_t grant_handle_t; /* names a mapping, for the domain that made it */

/* gnttab_map_grant_ref.flags. */
#define _GNTMAP_device_map      (0) /* map for devices; gives dev_bus_addr */
#define GNTMAP_device_map       (1 << _GNTMAP_device_map)
#define _GNTMAP_host_map        (1) /* map for CPUs, at host_addr */
#define GNTMAP_host_map         (1 << _GNTMAP_host_map)
#define _GNTMAP_readonly        (2)
#define GNTMAP_readonly         (1 << _GNTMAP_readonly)
#define _GNTMAP_application_map (3) /* user mode may access it */
#define GNTMAP_application_map  (1 << _GNTMAP_application_map)
#define _GNTMAP_contains_pte    (4) /* host_addr is the machine address of an L1 entry to write */
#define GNTMAP_contains_pte     (1 << _GNTMAP_contains_pte)
#define _GNTMAP_guest_avail0    (16) /* from here on: goes to the available bits of the entry */
#define GNTMAP_guest_avail_mask ((uint32_t)~0 << _GNTMAP_guest_avail0)

/* Map a frame that another domain granted. */
struct gnttab_map_grant_ref {
    uint64_t host_addr; /* virtual address, or see GNTMAP_contains_pte */
    uint32_t flags;     /* GNTMAP_* */
    grant_ref_t ref;
    domid_t dom;           /* whose grant it is */
    int16_t status;        /* out: GNTST_* */
    grant_handle_t handle; /* out: for unmapping */
    uint64_t dev_bus_addr; /* out: the frame's machine address, for devices */
};
typedef struct gnttab_map_grant_ref gnttab_map_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_map_grant_ref_t);

/* Undo a mapping. An address of 0 leaves that side of the mapping as it is. */
struct gnttab_unmap_grant_ref {
    uint64_t host_addr;
    uint64_t dev_bus_addr;
    grant_handle_t handle;
    int16_t status; /* out: GNTST_* */
};
typedef struct gnttab_unmap_grant_ref gnttab_unmap_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_unmap_grant_ref_t);

/* Make the table at least so large and tell the frames that hold it, for the guest to map. */
struct gnttab_setup_table {
    domid_t dom; /* DOMID_SELF, or any by tools */
    uint32_t nr_frames;
    int16_t status;                         /* out: GNTST_* */
    XEN_GUEST_HANDLE(xen_pfn_t) frame_list; /* out: nr_frames of them */
};
typedef struct gnttab_setup_table gnttab_setup_table_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_setup_table_t);

/* Print a domain's table on the hypervisor's console. */
struct gnttab_dump_table {
    domid_t dom;
    int16_t status; /* out: GNTST_* */
};
typedef struct gnttab_dump_table gnttab_dump_table_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_dump_table_t);

/* Give a frame away to a domain that has an entry of kind GTF_accept_transfer. */
struct gnttab_transfer {
    xen_pfn_t mfn;
    domid_t domid;
    grant_ref_t ref;
    int16_t status; /* out: GNTST_* */
};
typedef struct gnttab_transfer gnttab_transfer_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_transfer_t);

#define _GNTCOPY_source_gref (0) /* the source is a grant, else a frame of the caller */
#define GNTCOPY_source_gref  (1 << _GNTCOPY_source_gref)
#define _GNTCOPY_dest_gref   (1) /* the same for the destination */
#define GNTCOPY_dest_gref    (1 << _GNTCOPY_dest_gref)

/* Copy between frames; neither side may cross a page boundary. */
struct gnttab_copy {
    struct gnttab_copy_ptr {
        union {
            grant_ref_t ref;
            xen_pfn_t gmfn;
        } u;
        domid_t domid;   /* owner; DOMID_SELF for a frame of one's own */
        uint16_t offset; /* in bytes */
    } source, dest;
    uint16_t len;   /* bytes */
    uint16_t flags; /* GNTCOPY_* */
    int16_t status; /* out: GNTST_* */
};
typedef struct gnttab_copy gnttab_copy_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_copy_t);

/* How large the table is, and can become, in frames. */
struct gnttab_query_size {
    domid_t dom;
    uint32_t nr_frames;     /* out */
    uint32_t max_nr_frames; /* out */
    int16_t status;         /* out: GNTST_* */
};
typedef struct gnttab_query_size gnttab_query_size_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_query_size_t);

/* Undo a mapping and put the entry that maps `new_addr`, which becomes empty, in its place. */
struct gnttab_unmap_and_replace {
    uint64_t host_addr;
    uint64_t new_addr; /* 0: only unmap */
    grant_handle_t handle;
    int16_t status; /* out: GNTST_* */
};
typedef struct gnttab_unmap_and_replace gnttab_unmap_and_replace_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_unmap_and_replace_t);

/* Choose the form of the entries, while only the reserved ones are in use. */
struct gnttab_set_version {
    uint32_t version; /* in: 1 or 2; out: the one in force */
};
typedef struct gnttab_set_version gnttab_set_version_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_set_version_t);

/* Version 2: the frames that hold the status array. */
struct gnttab_get_status_frames {
    uint32_t nr_frames;
    domid_t dom;
    int16_t status; /* out: GNTST_* */
    XEN_GUEST_HANDLE(uint64_t) frame_list;
};
typedef struct gnttab_get_status_frames gnttab_get_status_frames_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_get_status_frames_t);

/* Which form of entries a domain uses. */
struct gnttab_get_version {
    domid_t dom;
    uint16_t pad;
    uint32_t version; /* out: 1 or 2 */
};
typedef struct gnttab_get_version gnttab_get_version_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_get_version_t);

/* Exchange the contents of two entries that are not in use. */
struct gnttab_swap_grant_ref {
    grant_ref_t ref_a;
    grant_ref_t ref_b;
    int16_t status; /* out: GNTST_* */
};
typedef struct gnttab_swap_grant_ref gnttab_swap_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_swap_grant_ref_t);

#define GNTTAB_CACHE_CLEAN       (1u << 0)  /* write back */
#define GNTTAB_CACHE_INVAL       (1u << 1)  /* invalidate */
#define GNTTAB_CACHE_SOURCE_GREF (1u << 31) /* a.ref is meant, else a.dev_bus_addr */

/* Bring the caches in step with a device that does not snoop them. */
struct gnttab_cache_flush {
    union {
        uint64_t dev_bus_addr;
        grant_ref_t ref;
    } a;
    uint16_t offset; /* in the page */
    uint16_t length; /* bytes */
    uint32_t op;     /* GNTTAB_CACHE_* */
};
typedef struct gnttab_cache_flush gnttab_cache_flush_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_cache_flush_t);

/* ---- Status --------------------------------------------------------------------------------- */

#define GNTST_okay              (0)
#define GNTST_general_error     (-1)  /* none of the others says it better */
#define GNTST_bad_domain        (-2)  /* no such domain */
#define GNTST_bad_gntref        (-3)  /* no such entry, or it does not allow this */
#define GNTST_bad_handle        (-4)  /* no such mapping */
#define GNTST_bad_virt_addr     (-5)  /* host_addr cannot be mapped, or is not the mapping */
#define GNTST_bad_dev_addr      (-6)  /* dev_bus_addr is not the mapping */
#define GNTST_no_device_space   (-7)  /* no room in the IOMMU */
#define GNTST_permission_denied (-8)  /* not for the caller */
#define GNTST_bad_page          (-9)  /* the frame cannot be used so */
#define GNTST_bad_copy_arg      (-10) /* a copy crosses a page boundary */
#define GNTST_address_too_big   (-11) /* a frame number does not fit */
#define GNTST_eagain            (-12) /* not now; try again */
#define GNTST_no_space          (-13) /* no more handles */

#endif /* XEN_PUBLIC_GRANT_TABLE_H */
