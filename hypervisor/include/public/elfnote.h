/* SPDX-License-Identifier: MIT */
/*
 * ELF notes by which a kernel tells a domain builder where and how it wants to be started. They
 * have the owner name "Xen". A string is zero-terminated; a number has 4 or 8 bytes.
 *
 * A kernel needs XEN_VERSION, and LOADER "generic" unless its GUEST_OS begins with "linux". One
 * that is not linked at 0 needs VIRT_BASE. HYPERCALL_PAGE may be left out by a kernel that makes
 * its calls by SYSCALL, ENTRY by one whose ELF header has the entry point.
 */
#ifndef XEN_PUBLIC_ELFNOTE_H
#define XEN_PUBLIC_ELFNOTE_H

/* String: free text. */
#define XEN_ELFNOTE_INFO 0

/* Number: virtual address of the first instruction. If missing, the ELF header's entry point. */
#define XEN_ELFNOTE_ENTRY 1

/* Number: virtual address of a page of the image that the builder fills with hypercall stubs. */
#define XEN_ELFNOTE_HYPERCALL_PAGE 2

/* Number: virtual address of pseudo-physical address 0. If missing, 0. */
#define XEN_ELFNOTE_VIRT_BASE 3

/*
 * Number: what a program header's p_paddr exceeds the pseudo-physical address by. If missing, 0. A
 * segment is loaded to p_paddr - PADDR_OFFSET and mapped at that address + VIRT_BASE; p_vaddr is
 * not looked at. So where a linker makes p_paddr the same as p_vaddr, PADDR_OFFSET is VIRT_BASE.
 */
#define XEN_ELFNOTE_PADDR_OFFSET 4

/* String: the generation of the interface, "xen-3.0". Kernels without this note are refused. */
#define XEN_ELFNOTE_XEN_VERSION 5

/* Strings: the name of the system, its version, and what boots it ("generic"). */
#define XEN_ELFNOTE_GUEST_OS      6
#define XEN_ELFNOTE_GUEST_VERSION 7
#define XEN_ELFNOTE_LOADER        8

/* String, 32-bit kernels: "yes" or "bimodal" for PAE page tables; others are not supported. */
#define XEN_ELFNOTE_PAE_MODE 9

/*
 * String: names of XENFEAT_*, without that prefix, separated by '|'. A '!' in front of a name says
 * that the kernel cannot do without it.
 */
#define XEN_ELFNOTE_FEATURES 10

/* String: "yes" has the symbol table loaded behind the image. */
#define XEN_ELFNOTE_BSD_SYMTAB 11

/* Number: the lowest start of the hypervisor's address range that the kernel can live with. */
#define XEN_ELFNOTE_HV_START_LOW 12

/*
 * Pairs of numbers (mask, value): an L1 entry that gives `value` under `mask` holds a machine frame
 * number although it is not present. Tools that save the domain need to know.
 */
#define XEN_ELFNOTE_L1_MFN_VALID 13

/* Number: 1 if SHUTDOWN_suspend may return 1, when the save was called off. If missing, 0. */
#define XEN_ELFNOTE_SUSPEND_CANCEL 14

/* Number, 64-bit kernels: virtual address for the P2M array, outside of the initial mapping. */
#define XEN_ELFNOTE_INIT_P2M 15

/* Number: 1 if the ramdisk need not be mapped, see SIF_MOD_START_PFN. If missing, 0. */
#define XEN_ELFNOTE_MOD_START_PFN 16

/* Number: XENFEAT_* that the kernel understands, as a bitmap. */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17

/* Number: 32-bit entry point without paging, for domains with hardware virtualisation. */
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define XEN_ELFNOTE_MAX XEN_ELFNOTE_PHYS32_ENTRY /* the highest note of a kernel */

/* Notes in crash dumps of the hypervisor: its own data, and control registers of each CPU. */
#define XEN_ELFNOTE_CRASH_INFO 0x1000001
#define XEN_ELFNOTE_CRASH_REGS 0x1000002

/* Notes in dumps of a domain, made by tools: a mark, page counts, and two versions. */
#define XEN_ELFNOTE_DUMPCORE_NONE           0x2000000
#define XEN_ELFNOTE_DUMPCORE_HEADER         0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION    0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION 0x2000003

#endif /* XEN_PUBLIC_ELFNOTE_H */
