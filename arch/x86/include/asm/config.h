/* SPDX-License-Identifier: MIT */
/*
 * The address map. Everything of ours lies in L4 slots 256 to 271 (the ABI's reserved range);
 * guests have the rest.
 *
 *   slot       address             what lies there
 *   256        0xffff800000000000  machine-to-physical table, read-only for guests (ABI address)
 *   257        0xffff808000000000  the same frames, writable for us
 *   260        0xffff820000000000  windows for the GDT and LDT of each vCPU
 *   261        0xffff82c000000000  device mappings (ioremap)
 *   261        0xffff82cd00000000  tables of devices' messages (device_window.c)
 *   261        0xffff82d080000000  text and data: fixed link address, position-independent code
 *   261        0xffff82d0c0000000  stacks of all CPUs but the boot CPU
 *   261        0xffff82e000000000  frame table: struct page by machine frame number
 *   262-271    0xffff830000000000  direct map of all RAM, never executable
 */
#ifndef ASM_CONFIG_H
#define ASM_CONFIG_H

#ifdef __ASSEMBLY__
#define ADDR(x) x
#else
#define ADDR(x) x##UL
#endif

#define HV_L4_FIRST         256
#define HV_L4_LAST          271
#define DESCRIPTORS_L4_SLOT 260

/* Where an L4 slot of the upper half begins; the parts of slot 261 are placed in GiB. */
#define L4_SLOT_START(slot) (ADDR(0xffff000000000000) + (slot)*ADDR(0x8000000000))
#define GIB(n)              ((n)*ADDR(0x40000000))

#define HV_VIRT_START       L4_SLOT_START(HV_L4_FIRST)
#define HV_VIRT_END         L4_SLOT_START(HV_L4_LAST + 1)
#define RO_M2P_START        L4_SLOT_START(256)
#define RW_M2P_START        L4_SLOT_START(257)
#define DESCRIPTORS_START   L4_SLOT_START(DESCRIPTORS_L4_SLOT)
#define IOREMAP_START       (L4_SLOT_START(261) + GIB(256))
#define IOREMAP_END         (L4_SLOT_START(261) + GIB(320))
#define DEVICE_WINDOW_START (L4_SLOT_START(261) + GIB(308)) /* one page table: device_window.c */
#define HV_TEXT_START       (L4_SLOT_START(261) + GIB(322))
#define CPU_STACKS_START    (HV_TEXT_START + GIB(1)) /* within reach of the text: descriptors.c */
#define FRAME_TABLE_START   (L4_SLOT_START(261) + GIB(384))
#define DIRECTMAP_START     L4_SLOT_START(262)
#define DIRECTMAP_END       HV_VIRT_END

/* Physical load address; text and data are mapped at HV_TEXT_START + physical address. */
#define HV_LOAD_PADDR 0x200000

/* The windows for descriptor tables: each vCPU has 16 pages of GDT and 16 of LDT. */
#define GDT_LDT_VCPU_SHIFT 17 /* (16 + 16) pages = 128 KiB a vCPU */
#define GDT_VIRT(window)   (DESCRIPTORS_START + ((unsigned long)(window) << GDT_LDT_VCPU_SHIFT))
#define LDT_VIRT(window)   (GDT_VIRT(window) + 0x10000)

/*
 * Each CPU has one naturally aligned block: exception stacks below, the main stack on top; see
 * cpu_info in current.h.
 */
#define STACK_ORDER   3
#define STACK_SIZE    (4096 << STACK_ORDER)
#define STACK_GUARD   0x4000 /* offset of the page that is not mapped */
#define CPU_INFO_ROOM 1024   /* boot stack: at least sizeof(struct cpu_info) */

/* Selectors of ours: the reserved part of every GDT (public FIRST_RESERVED_GDT_ENTRY and up). */
#define FIRST_RESERVED_GDT_PAGE 14
#define HV_CS                   0xe008
#define HV_DS                   0xe010
#define TSS_SELECTOR            0xe040
#define LDT_SELECTOR            0xe050

#ifndef __ASSEMBLY__
#include <lib.h>

/* The ABI fixes the first two, the linker script the third. */
STATIC_ASSERT(HV_VIRT_START == 0xffff800000000000 && HV_VIRT_END == 0xffff880000000000);
STATIC_ASSERT(RO_M2P_START == 0xffff800000000000);
STATIC_ASSERT(HV_TEXT_START == 0xffff82d080000000);
/* The parts of slot 261 follow one another; the image has the 2 GiB that a near call reaches. */
STATIC_ASSERT(DESCRIPTORS_START < IOREMAP_START && IOREMAP_START < DEVICE_WINDOW_START);
STATIC_ASSERT(DEVICE_WINDOW_START < IOREMAP_END && IOREMAP_END <= HV_TEXT_START);
STATIC_ASSERT(HV_TEXT_START + GIB(2) <= FRAME_TABLE_START);
/* The frame table has 32 bytes for each frame that the direct map can hold. */
STATIC_ASSERT(FRAME_TABLE_START + (DIRECTMAP_END - DIRECTMAP_START) / PAGE_SIZE * 32 <=
              DIRECTMAP_START);

/*
 * Is @addr in our range, which has 2^43 bytes and is aligned to its size? A caller that checks one
 * address has to mind that the access may begin or end a few bytes away.
 */
static inline bool is_hv_address(unsigned long addr)
{
    STATIC_ASSERT(HV_VIRT_END - HV_VIRT_START == 1UL << 43);
    return addr >> 43 == HV_VIRT_START >> 43;
}
#endif

#endif
