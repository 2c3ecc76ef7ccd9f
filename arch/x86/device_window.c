/* SPDX-License-Identifier: MIT */
/*
 * The window for device registers: one page table of ours, a count and a frame for each of its
 * pages.
 *
 * The table hangs in the part of the address space that all roots share, so every CPU sees a new
 * entry at once. An entry that goes is flushed on every CPU before its page is used again.
 */
#include <arch.h>
#include <asm/config.h>
#include <asm/device_window.h>
#include <asm/paging.h>
#include <asm/tlb.h>
#include <page_alloc.h>
#include <percpu.h>

#include "boot/boot.h"

#define ENTRY_FLAGS \
    (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY | PTE_UNCACHED)

static u64 *table;
static u32 users[PT_ENTRIES];

void __init device_window_init(void)
{
    table = alloc_hv_pages(0);
    if (!table)
        panic("no memory for the device window");
    map_l1_table(DEVICE_WINDOW_START, table);
}

static void *address_of(unsigned int slot)
{
    return (void *)(DEVICE_WINDOW_START + slot * PAGE_SIZE);
}

void *device_window_map(mfn_t mfn)
{
    unsigned int unused = PT_ENTRIES;

    for (unsigned int slot = 0; slot < PT_ENTRIES; slot++) {
        if (!users[slot]) {
            unused = MIN(unused, slot);
        } else if ((table[slot] & PTE_ADDR_MASK) >> PAGE_SHIFT == mfn.n) {
            users[slot]++;
            return address_of(slot);
        }
    }
    if (unused == PT_ENTRIES)
        return NULL;
    users[unused] = 1;
    WRITE_ONCE(table[unused], mfn.n << PAGE_SHIFT | ENTRY_FLAGS);
    return address_of(unused);
}

void device_window_unmap(void *p)
{
    unsigned int slot = (unsigned int)(((unsigned long)p - DEVICE_WINDOW_START) >> PAGE_SHIFT);

    if (--users[slot])
        return;
    WRITE_ONCE(table[slot], 0);
    tlb_flush_page_mask(&cpu_online, (unsigned long)address_of(slot));
}
