/* SPDX-License-Identifier: MIT */
/*
 * Features of the interface, as bit numbers. The hypervisor lists what it grants through
 * XENVER_get_features; a kernel lists what it needs or understands in its ELF notes.
 */
#ifndef XEN_PUBLIC_FEATURES_H
#define XEN_PUBLIC_FEATURES_H

/* Page tables need not be mapped read-only: only domains whose memory is translated. */
#define XENFEAT_writable_page_tables 0

/* The same for descriptor tables. */
#define XENFEAT_writable_descriptor_tables 1

/* Frame numbers that the guest uses are its own, translated by hardware. Never in a PV guest. */
#define XENFEAT_auto_translated_physmap 2

/* The kernel runs in ring 0. Never in a PV guest. */
#define XENFEAT_supervisor_mode_kernel 3

/* 32-bit guests: page-directory-pointer tables may lie above 4 GiB. */
#define XENFEAT_pae_pgdir_above_4gb 4

/* MMU_PT_UPDATE_PRESERVE_AD is there. */
#define XENFEAT_mmu_pt_update_preserve_ad 5

/* 32-bit guests: MMUEXT_CLEAR_PAGE and MMUEXT_COPY_PAGE are there. */
#define XENFEAT_highmem_assist 6

/* GNTMAP_guest_avail_mask: a grant can be mapped with bits of the guest's choice in its entry. */
#define XENFEAT_gnttab_map_avail_bits 7

/* Domains with hardware virtualisation: events can come by a vector of their own. */
#define XENFEAT_hvm_callback_vector 8

/* The same: vcpu_time_info may be used as the clock. */
#define XENFEAT_hvm_safe_pvclock 9

/* The same: pirqs may be used. */
#define XENFEAT_hvm_pirqs 10

/* The kernel can be, or is, the domain that owns the machine. */
#define XENFEAT_dom0 11

/* XENMEMF_vnode works in memory reservations. */
#define XENFEAT_memory_op_vnode_supported 13

/* Another architecture's calls to its firmware. */
#define XENFEAT_ARM_SMCCC_supported 14

/* The kernel takes the ACPI root pointer wherever its boot parameters say it is. */
#define XENFEAT_linux_rsdp_unrestricted 15

/* Guest frame numbers are not machine frame numbers, or they are: one of the two is set. */
#define XENFEAT_not_direct_mapped 16
#define XENFEAT_direct_mapped     17

#define XENFEAT_NR_SUBMAPS 1 /* words of 32 features */

#endif /* XEN_PUBLIC_FEATURES_H */
