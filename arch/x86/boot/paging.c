/* SPDX-License-Identifier: MIT */
/*
 * Building the hypervisor's own page tables: the direct map and the image.
 *
 * Guarantees: nothing is writable and executable; only the image's text is executable; the image is
 * read-only through the direct map; the direct map holds RAM (and the first MiB, of which the video
 * part is uncached) and no other device memory. The largest pages that fit are used, so the cost
 * does not grow with RAM.
 *
 * All our mappings are global: they are the same under every root.
 */
#include <asm/cpu_features.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/paging.h>
#include <page_alloc.h>

#include "boot.h"

#define RW    (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)
#define RO    (PTE_PRESENT | PTE_NX | PTE_GLOBAL | PTE_ACCESSED)
#define RX    (PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED)
#define TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

#define VIDEO_START 0xa0000UL
#define VIDEO_END   0xc0000UL
#define LOW_END     0x100000UL

/* @return the table that @entry points to, made when there is none */
static u64 *__init entry_table(u64 *entry)
{
    if (!(*entry & PTE_PRESENT))
        *entry = virt_to_maddr(boot_alloc_table()) | TABLE;
    return maddr_to_virt(*entry & PTE_ADDR_MASK);
}

static bool __init mapping_fits(unsigned long va, paddr_t pa, size_t bytes, unsigned int shift)
{
    return !((va | pa) & ((1UL << shift) - 1)) && bytes >= 1UL << shift;
}

void __init map_l1_table(unsigned long va, const u64 *table)
{
    u64 *entry = &entry_table(&hv_l4[pt_index(va, L4_SHIFT)])[pt_index(va, L3_SHIFT)];

    entry_table(entry)[pt_index(va, L2_SHIFT)] = virt_to_maddr(table) | TABLE;
}

void __init map_range_in(u64 *root, unsigned long va, paddr_t pa, size_t bytes, u64 flags)
{
    while (bytes) {
        u64 *entry = &entry_table(&root[pt_index(va, L4_SHIFT)])[pt_index(va, L3_SHIFT)];
        unsigned int shift = L3_SHIFT;

        if (boot_cpu.page_1g && !*entry && mapping_fits(va, pa, bytes, L3_SHIFT)) {
            *entry = pa | flags | PTE_LARGE;
        } else {
            entry = &entry_table(entry)[pt_index(va, L2_SHIFT)];
            shift = L2_SHIFT;
            if (!*entry && mapping_fits(va, pa, bytes, L2_SHIFT)) {
                *entry = pa | flags | PTE_LARGE;
            } else {
                entry_table(entry)[pt_index(va, L1_SHIFT)] = pa | flags;
                shift = L1_SHIFT;
            }
        }
        va += 1UL << shift;
        pa += 1UL << shift;
        bytes -= 1UL << shift;
    }
}

void __init map_range(unsigned long va, paddr_t pa, size_t bytes, u64 flags)
{
    map_range_in(hv_l4, va, pa, bytes, flags);
}

paddr_t __init unmap_page(unsigned long va, size_t *bytes)
{
    u64 *entry = &entry_table(&hv_l4[pt_index(va, L4_SHIFT)])[pt_index(va, L3_SHIFT)];
    unsigned int shift = L3_SHIFT;
    paddr_t pa;

    for (; shift > L1_SHIFT && !(*entry & PTE_LARGE); shift -= L3_SHIFT - L2_SHIFT)
        entry = &entry_table(entry)[pt_index(va, shift - (L3_SHIFT - L2_SHIFT))];
    pa = *entry & PTE_ADDR_MASK;
    *entry = 0;
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
    *bytes = 1UL << shift;
    return pa;
}

static void __init map_direct(paddr_t start, paddr_t end, u64 flags)
{
    if (start < end)
        map_range(DIRECTMAP_START + start, start, end - start, flags);
}

static void __init map_image_part(const char *start, const char *end, u64 flags)
{
    map_range((unsigned long)start, image_paddr(start), (size_t)(end - start), flags);
}

void __init paging_init(void)
{
    paddr_t image_start = image_paddr(hv_image_start), image_end = image_paddr(hv_image_end);

    map_image_part(hv_text_start, hv_text_end, RX);
    map_image_part(hv_rodata_start, hv_rodata_end, RO);
    map_image_part(hv_init_text_start, hv_init_text_end, RX);
    map_image_part(hv_init_rodata_start, hv_init_rodata_end, RO);
    map_image_part(hv_init_data_start, hv_init_data_end, RW);
    map_image_part(hv_data_start, hv_data_end, RW);
    map_image_part(hv_symbols_start, hv_symbols_end, RO);
    map_image_part(hv_bss_start, cpu0_stack + STACK_GUARD, RW);
    map_image_part(cpu0_stack + STACK_GUARD + PAGE_SIZE, hv_bss_end, RW);

    map_direct(0, VIDEO_START, RW);
    map_direct(VIDEO_START, VIDEO_END, RW | PTE_UNCACHED);
    map_direct(VIDEO_END, LOW_END, RW);
    for (unsigned int i = 0; i < ram.count; i++) {
        paddr_t start = MAX(ram.range[i].start, (paddr_t)LOW_END), end = ram.range[i].end;

        map_direct(start, MIN(end, image_start), RW);
        map_direct(MAX(start, image_start), MIN(end, image_end), RO);
        map_direct(MAX(start, image_end), end, RW);
    }
    __asm__ volatile("mov %0, %%cr3" ::"r"(hv_cr3()) : "memory");
}

/* @return the L1 entry of @va, which is mapped by a 4 KiB page */
static u64 *__init l1_entry(unsigned long va)
{
    u64 *table = maddr_to_virt(hv_l4[pt_index(va, L4_SHIFT)] & PTE_ADDR_MASK);

    table = maddr_to_virt(table[pt_index(va, L3_SHIFT)] & PTE_ADDR_MASK);
    table = maddr_to_virt(table[pt_index(va, L2_SHIFT)] & PTE_ADDR_MASK);
    return &table[pt_index(va, L1_SHIFT)];
}

static unsigned int __init find_init_tables(u64 *first_l1[])
{
    unsigned long va = (unsigned long)hv_init_start;
    unsigned int n = 0;

    for (; va < (unsigned long)hv_init_end;
         va = ROUND_DOWN(va, 1UL << L2_SHIFT) + (1UL << L2_SHIFT)) {
        BUG_ON(n == INIT_L1_MAX);
        first_l1[n++] = l1_entry(va);
    }
    return n;
}

static void __init make_alias_writable(void)
{
    for (paddr_t pa = image_paddr(hv_init_start); pa < image_paddr(hv_init_end); pa += PAGE_SIZE) {
        unsigned long va = DIRECTMAP_START + pa;

        *l1_entry(va) = pa | RW;
        __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
    }
}

unsigned int __init prepare_discard(u64 *l1[])
{
    make_alias_writable();
    return find_init_tables(l1);
}

/* ---- device mappings ---- */

static unsigned long ioremap_next __initdata = IOREMAP_START;

static void *__init map_device(paddr_t pa, size_t bytes, u64 flags)
{
    paddr_t start = ROUND_DOWN(pa, PAGE_SIZE);
    size_t length = ROUND_UP(pa + bytes, PAGE_SIZE) - start;
    unsigned long va = ioremap_next;

    if (!bytes || length > IOREMAP_END - va || pa + bytes < pa ||
        (pa + bytes - 1) >> boot_cpu.phys_bits)
        return NULL;
    map_range(va, start, length, flags);
    ioremap_next = va + length;
    return (void *)(va + (pa - start));
}

void *__init ioremap(paddr_t pa, size_t bytes)
{
    return map_device(pa, bytes, RW | PTE_UNCACHED);
}

void *__init ioremap_cached(paddr_t pa, size_t bytes)
{
    return map_device(pa, bytes, RW);
}
