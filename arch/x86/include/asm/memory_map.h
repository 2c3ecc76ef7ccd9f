/* SPDX-License-Identifier: MIT */
/* The machine's memory as the boot loader described it. Boot fills it in; later it is only read. */
#ifndef ASM_MEMORY_MAP_H
#define ASM_MEMORY_MAP_H

#include <types.h>

struct mem_range {
    paddr_t start, end;
};

#define MEM_RANGES_MAX 256U

/* Sorted, disjoint, whole pages. */
struct mem_ranges {
    unsigned int count;
    struct mem_range range[MEM_RANGES_MAX];
};

extern struct mem_ranges ram; /* all RAM that we use; frame_is_ram() of asm/page.h asks it */
/* @return how many frames of RAM there are */
unsigned long memory_ram_pages(void);

/* What the hypervisor took at boot, whatever domains there are, in bytes. */
struct fixed_memory {
    unsigned long frames, m2p; /* tables, of RAM that never was in the heap */
    unsigned long heap;        /* of the heap */
    unsigned long cpus;        /* of that, for all CPUs but the first */
};
extern struct fixed_memory fixed_memory;

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
