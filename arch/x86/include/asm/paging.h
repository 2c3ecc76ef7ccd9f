/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables, its device mappings and the boot-time use of memory
 * (boot/paging.c, mappings.c).
 */
#ifndef ASM_PAGING_H
#define ASM_PAGING_H

#include <asm/pte.h>
#include <types.h>

/*
 * Our root: slots 256-271 are what every guest root receives (except the per-domain slot). Its
 * entries never change after boot. The idle loop runs on it.
 */
extern u64 hv_l4[PT_ENTRIES];
/* Machine address of hv_l4, for CR3. */
paddr_t hv_cr3(void);
/* Machine address of something in our image. */
paddr_t image_paddr(const void *p);

/*
 * Maps [@pa, @pa + @bytes) into the device window, cached: firmware tables. NULL: window or memory
 * used up. Boot only. ioremap() of asm/io.h is the uncached form.
 */
void *ioremap_cached(paddr_t pa, size_t bytes);

/* Bytes of the M2P table that are mapped, from its start: what the guest may read. */
extern unsigned long m2p_bytes;

/* One range of a memory map as firmware and guests know it (ACPI, "INT 15H, E820H"). */
struct e820_entry {
    u64 start, size;
    u32 type; /* E820_* */
} __attribute__((packed));
#define E820_RESERVED 2U

/* The machine's own map, as the boot loader gave it. */
#define MACHINE_MAP_MAX 256U
extern struct e820_entry machine_map[MACHINE_MAP_MAX];
extern unsigned int machine_map_entries;

#endif
