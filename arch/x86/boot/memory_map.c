/* SPDX-License-Identifier: MIT */
/*
 * The machine's RAM, from the boot loader's map to the heap.
 *
 * `ram`, which outlives boot (arch/x86/memory_map.c), is all RAM that we use; where entries of the
 * map overlap, the more restrictive one wins. `boot_free` is the part of it that is not in use yet:
 * without the image, the modules, the lowest 64 KiB (firmware's data, and later where other CPUs
 * start), and what boot_alloc() handed out. When memory is set up all of it goes to the heap;
 * modules and the discarded part of the image follow once dom0 is built.
 */
#include <asm/paging.h>
#include <page_alloc.h>

#include "boot.h"

#define LOW_RESERVED 0x10000UL
#define MEMORY_MAX   (DIRECTMAP_END - DIRECTMAP_START) /* what the direct map can hold */

STATIC_ASSERT(MACHINE_MAP_MAX >= BOOT_MEMORY_MAX);

struct mem_ranges boot_free __initdata;
static unsigned int ranges_dropped __initdata;
static bool heap_ready __initdata;

static void __init range_remove_at(struct mem_ranges *r, unsigned int i)
{
    r->count--;
    memmove(&r->range[i], &r->range[i + 1], (r->count - i) * sizeof(r->range[0]));
}

static void __init range_insert_at(struct mem_ranges *r, unsigned int i, paddr_t start, paddr_t end)
{
    if (r->count == MEM_RANGES_MAX) {
        ranges_dropped++;
        return;
    }
    memmove(&r->range[i + 1], &r->range[i], (r->count - i) * sizeof(r->range[0]));
    r->range[i] = (struct mem_range){start, end};
    r->count++;
}

static void __init ranges_add(struct mem_ranges *r, paddr_t start, paddr_t end)
{
    unsigned int i = 0;

    if (start >= end)
        return;
    while (i < r->count && r->range[i].end < start)
        i++;
    while (i < r->count && r->range[i].start <= end) {
        start = MIN(start, r->range[i].start);
        end = MAX(end, r->range[i].end);
        range_remove_at(r, i);
    }
    range_insert_at(r, i, start, end);
}

static void __init ranges_subtract(struct mem_ranges *r, paddr_t start, paddr_t end)
{
    unsigned int i = 0;

    while (i < r->count) {
        struct mem_range old = r->range[i];

        if (end <= old.start || start >= old.end) {
            i++;
            continue;
        }
        range_remove_at(r, i);
        if (start > old.start)
            range_insert_at(r, i++, old.start, start);
        if (end < old.end)
            range_insert_at(r, i++, end, old.end);
    }
}

void __init memory_map_init(void)
{
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct boot_memory *m = &boot_info.memory[i];
        paddr_t end = MIN(m->start + m->size, (paddr_t)MEMORY_MAX);

        if (m->type == MEMORY_RAM && m->start < MEMORY_MAX && m->start + m->size > m->start)
            ranges_add(&ram, ROUND_UP(m->start, PAGE_SIZE), ROUND_DOWN(end, PAGE_SIZE));
    }
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct boot_memory *m = &boot_info.memory[i];

        if (m->type != MEMORY_RAM && m->size)
            ranges_subtract(&ram, ROUND_DOWN(m->start, PAGE_SIZE),
                            ROUND_UP(m->start + m->size, PAGE_SIZE));
    }
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct boot_memory *m = &boot_info.memory[i];

        machine_map[machine_map_entries++] = (struct e820_entry){m->start, m->size, m->type};
    }
    if (!ram.count)
        boot_fatal("the boot loader gave no memory map");

    boot_free = ram;
    ranges_subtract(&boot_free, 0, LOW_RESERVED);
    ranges_subtract(&boot_free, image_paddr(hv_image_start), image_paddr(hv_image_end));
    for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.modules[i];

        ranges_subtract(&boot_free, ROUND_DOWN(m->start, PAGE_SIZE),
                        ROUND_UP(m->start + m->size, PAGE_SIZE));
    }
    max_page = ram.range[ram.count - 1].end >> PAGE_SHIFT;
    if (boot_info.memory_dropped || ranges_dropped)
        printk(LOG_WARNING, "memory map: %u entries more than we can use were ignored",
               boot_info.memory_dropped + ranges_dropped);
    printk(LOG_INFO, "memory: %lu MiB of RAM in %u ranges, up to %#lx",
           memory_ram_pages() >> (20 - PAGE_SHIFT), ram.count, max_page << PAGE_SHIFT);
}

paddr_t __init boot_alloc(size_t bytes, size_t align, paddr_t limit)
{
    for (unsigned int i = boot_free.count; i--;) {
        const struct mem_range *r = &boot_free.range[i];
        paddr_t end = MIN(r->end, limit), start;

        if (end < bytes || end - bytes < r->start)
            continue;
        start = ROUND_DOWN(end - bytes, align);
        if (start < r->start)
            continue;
        ranges_subtract(&boot_free, start, start + bytes);
        return start;
    }
    boot_fatal("too little memory: %lu MiB of RAM do not hold the hypervisor's own tables",
               memory_ram_pages() >> (20 - PAGE_SHIFT));
}

void *__init boot_alloc_table(void)
{
    void *table;

    if (heap_ready)
        table = alloc_hv_pages(0);
    else
        table = memset(maddr_to_virt(boot_alloc(PAGE_SIZE, PAGE_SIZE, 1UL << 32)), 0, PAGE_SIZE);
    if (!table)
        boot_fatal("too little memory: no page for a page table");
    return table;
}

void __init memory_to_heap(void)
{
    for (unsigned int i = 0; i < boot_free.count; i++)
        heap_add_range(MFN(boot_free.range[i].start >> PAGE_SHIFT),
                       MFN(boot_free.range[i].end >> PAGE_SHIFT));
    boot_free.count = 0;
    heap_ready = true;
}

void __init memory_release(paddr_t start, paddr_t end)
{
    unsigned long first = ROUND_UP(start, PAGE_SIZE) >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

    if (first < last)
        heap_add_range(MFN(first), MFN(last));
}
