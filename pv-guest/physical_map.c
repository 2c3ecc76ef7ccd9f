/* SPDX-License-Identifier: MIT */
/*
 * The physical map at start of day: the builder maps the image and the records behind it; the
 * kernel maps the rest of its memory after that, and give each page the least access that it needs.
 * No page is writable and executable.
 */
#include <guest.h>
#include <hypercall.h>

#include "internal.h"

#define BATCH 128

extern const char image_text_end[], image_rodata_end[];

/* Updates collected for one hypercall. */
static mmu_update_t batch[BATCH];
static unsigned int batched;

static void flush_batch(void)
{
    if (batched && hypercall_mmu_update(batch, batched, NULL, DOMID_SELF))
        guest_panic("mmu_update refused at start of day");
    batched = 0;
}

static void add_update(const pte_t *pte, pte_t value)
{
    batch[batched].ptr = pte_maddr(pte) | MMU_NORMAL_PT_UPDATE;
    batch[batched].val = value;
    if (++batched == BATCH)
        flush_batch();
}

static pte_t wanted_flags(const void *va, pte_t current)
{
    if ((const char *)va < image_text_end)
        return PTE_KERNEL_TEXT;
    if ((const char *)va < image_rodata_end)
        return PTE_KERNEL_RO;
    /* Page tables are read-only already and stay so. */
    return current & PTE_RW ? PTE_KERNEL_DATA : PTE_KERNEL_RO;
}

void physical_map_protect(pfn_t end)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    for (pfn_t pfn = 0; pfn < end; pfn++) {
        const void *va = pfn_to_va(pfn);
        const pte_t *pte = pte_lookup(va, 1);

        if (pte && (*pte & PTE_PRESENT))
            add_update(pte, make_pte(pte_mfn(*pte), wanted_flags(va, *pte)));
    }
    flush_batch();
    if (hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF))
        guest_panic("cannot flush");
}

/* Fills a fresh table with entries for [first, end), all within its 2 MiB, and hooks it up. */
static void add_table(const pte_t *l2_entry, pfn_t first, pfn_t end)
{
    pte_t *table = page_alloc_zeroed();

    if (!table)
        guest_panic("no memory for the physical map");
    for (pfn_t pfn = first; pfn < end; pfn++)
        table[pfn % 512] = make_pte(pfn_to_mfn(pfn), PTE_KERNEL_DATA);
    if (page_protect(table, PTE_KERNEL_RO))
        guest_panic("cannot protect a page table");
    add_update(l2_entry, make_pte(va_to_mfn(table), PTE_TABLE));
    flush_batch();
}

void physical_map_extend(pfn_t first, pfn_t end)
{
    const pte_t *l2_entry = pte_lookup(pfn_to_va(first), 2);
    const pte_t *table;

    if (!l2_entry)
        guest_panic("the builder left no L2 table");
    if (!(*l2_entry & PTE_PRESENT)) {
        add_table(l2_entry, first, end);
        return;
    }
    table = mfn_to_va(pte_mfn(*l2_entry));
    for (pfn_t pfn = first; pfn < end; pfn++)
        add_update(&table[pfn % 512], make_pte(pfn_to_mfn(pfn), PTE_KERNEL_DATA));
    flush_batch();
}
