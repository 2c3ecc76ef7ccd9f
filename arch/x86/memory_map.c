/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory, as boot/memory_map.c found it. Nothing here changes once boot is over, so
 * no lock is needed.
 */
#include <asm/memory_map.h>
#include <page.h>

struct mem_ranges ram;
unsigned long max_page;
struct fixed_memory fixed_memory;
struct e820_entry machine_map[MACHINE_MAP_MAX];
unsigned int machine_map_entries;

bool frame_is_ram(mfn_t mfn)
{
    paddr_t pa = (paddr_t)mfn.n << PAGE_SHIFT;

    for (unsigned int i = 0; i < ram.count; i++)
        if (pa >= ram.range[i].start && pa < ram.range[i].end)
            return true;
    return false;
}

unsigned long memory_ram_pages(void)
{
    unsigned long pages = 0;

    for (unsigned int i = 0; i < ram.count; i++)
        pages += (ram.range[i].end - ram.range[i].start) >> PAGE_SHIFT;
    return pages;
}
