/* SPDX-License-Identifier: MIT */
/*
 * ELF notes by which a kernel tells a domain builder where and how it wants to be started. They
 * have the owner name "Xen". A string is zero-terminated; a number has 4 or 8 bytes.
 */
#ifndef XEN_PUBLIC_ELFNOTE_H
#define XEN_PUBLIC_ELFNOTE_H

#define XEN_ELFNOTE_INFO 0           /* string: free text */
#define XEN_ELFNOTE_ENTRY 1          /* number: virtual address of the first instruction; the ELF
                                        header's entry point if missing */
#define XEN_ELFNOTE_HYPERCALL_PAGE 2 /* number: virtual address of a page of the image that the
                                        builder has filled with the hypercall stubs */
#define XEN_ELFNOTE_VIRT_BASE 3      /* number: virtual address of pseudo-physical address 0;
                                        0 if missing */
#define XEN_ELFNOTE_PADDR_OFFSET 4   /* number: what to subtract from the p_paddr of the program
                                        headers to get pseudo-physical addresses; 0 if missing */
#define XEN_ELFNOTE_XEN_VERSION 5    /* string: "xen-3.0", the generation of the interface */
#define XEN_ELFNOTE_GUEST_OS 6       /* string: name of the system */
#define XEN_ELFNOTE_GUEST_VERSION 7  /* string: its version */
#define XEN_ELFNOTE_LOADER 8         /* string: "generic" */
#define XEN_ELFNOTE_PAE_MODE 9       /* string, 32-bit: "yes", "no" or "bimodal" */
#define XEN_ELFNOTE_FEATURES 10      /* string: names of XENFEAT_*, separated by '|'; a '!' in
                                        front says that the kernel cannot do without it */
#define XEN_ELFNOTE_BSD_SYMTAB 11    /* string: "yes" loads the symbol table behind the image */
#define XEN_ELFNOTE_HV_START_LOW 12  /* number: the lowest start of the hypervisor's range that
                                        the kernel can live with */
#define XEN_ELFNOTE_L1_MFN_VALID 13  /* pairs of numbers (mask, value): L1 entries that hold a
                                        machine frame although they are not present, for saving */
#define XEN_ELFNOTE_SUSPEND_CANCEL 14 /* number: 1 if SHUTDOWN_suspend may return with 1, when the
                                        save was called off */
#define XEN_ELFNOTE_INIT_P2M 15      /* number, 64-bit: virtual address for the P2M array, outside
                                        of the initial mapping */
#define XEN_ELFNOTE_MOD_START_PFN 16 /* number: 1 if the ramdisk need not be mapped, see
                                        SIF_MOD_START_PFN */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* number: bitmap of XENFEAT_* that it understands */
#define XEN_ELFNOTE_PHYS32_ENTRY 18  /* number: 32-bit entry point without paging (PVH) */

#define XEN_ELFNOTE_MAX XEN_ELFNOTE_PHYS32_ENTRY

/* Notes in crash dumps of the hypervisor. */
#define XEN_ELFNOTE_CRASH_INFO 0x1000001
#define XEN_ELFNOTE_CRASH_REGS 0x1000002

/* Notes in dumps of a domain, made by tools. */
#define XEN_ELFNOTE_DUMPCORE_NONE 0x2000000
#define XEN_ELFNOTE_DUMPCORE_HEADER 0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION 0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION 0x2000003

#endif /* XEN_PUBLIC_ELFNOTE_H */
