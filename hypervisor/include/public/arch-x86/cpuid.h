/* SPDX-License-Identifier: MIT */
/*
 * CPUID leaves by which a guest recognises the hypervisor and learns what it offers. A PV kernel
 * reads them through XEN_CPUID. If another hypervisor's leaves come first, these are found at the
 * next multiple of 0x100 above XEN_CPUID_FIRST_LEAF, up to 0x40010000.
 */
#ifndef XEN_PUBLIC_ARCH_X86_CPUID_H
#define XEN_PUBLIC_ARCH_X86_CPUID_H

#define XEN_CPUID_FIRST_LEAF 0x40000000
#define XEN_CPUID_LEAF(i)    (XEN_CPUID_FIRST_LEAF + (i))

/* Leaf 0: EAX is the highest of these leaves; EBX, ECX, EDX spell "XenVMMXenVMM". */
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

/* Leaf 1: EAX is the version of the interface, major in the upper 16 bits, minor in the lower. */

/*
 * Leaf 2: EAX is the number of hypercall pages, EBX the MSR that has one written into the guest
 * (write the page's guest frame address), ECX a set of features.
 */
#define _XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD 0
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD  (1u << 0) /* the mmu_update kind is there */

/*
 * Leaf 3, sub-leaf 0: EAX bit 0: RDTSC is emulated; bit 1: the host's counter is reliable; bit 2:
 * RDTSCP is there. EBX is the mode (0 default, 1 always emulate, 2 never), ECX the guest's counter
 * frequency in kHz, EDX how often the guest was migrated. Sub-leaf 1: EAX and EBX are the offset
 * to the host's counter, ECX and EDX the multiplier and shift to nanoseconds as in vcpu_time_info.
 * Sub-leaf 2: EAX is the host's counter frequency in kHz.
 */

/* Leaf 4 (domains with hardware virtualisation), EAX; EBX and ECX as the bits say. */
#define XEN_HVM_CPUID_APIC_ACCESS_VIRT (1u << 0) /* the local APIC page is virtualised */
#define XEN_HVM_CPUID_X2APIC_VIRT      (1u << 1) /* x2APIC registers are virtualised */
#define XEN_HVM_CPUID_IOMMU_MAPPINGS   (1u << 2) /* foreign and granted frames work for devices */
#define XEN_HVM_CPUID_VCPU_ID_PRESENT  (1u << 3) /* EBX is the number of this vCPU */
#define XEN_HVM_CPUID_DOMID_PRESENT    (1u << 4) /* ECX is the number of this domain */
#define XEN_HVM_CPUID_EXT_DEST_ID      (1u << 5) /* interrupts reach 15-bit APIC ids */
#define XEN_HVM_CPUID_UPCALL_VECTOR    (1u << 6) /* per-vCPU vectors work for pirqs as well */

/* Leaf 5 (PV domains), EBX: how many bits a machine address can have, hot-added memory included. */
#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK (0xffu << 0)

#define XEN_CPUID_MAX_NUM_LEAVES 5 /* the highest leaf, from XEN_CPUID_FIRST_LEAF */

#endif /* XEN_PUBLIC_ARCH_X86_CPUID_H */
