/* SPDX-License-Identifier: MIT */
/*
 * The windows in which the processor sees the descriptor tables of guests: 32 pages of addresses
 * for each vCPU (asm/config.h). What a window shows is the subject of descriptor.c.
 *
 * The windows of all vCPUs lie in one L4 slot, which is the same under every guest's root. So a
 * domain needs no tables of its own for them: one table serves 16 vCPUs, of whichever domains. Our
 * own root does not have it: an idle CPU, which is not asked to flush, cannot remember it. A guest
 * reaches no window but by its selectors, and those end with its own tables. A CPU forgets all
 * translations when it loads another vCPU, so it remembers nothing of the last owner of a window
 * when it uses it.
 *
 * A window whose first page is not mapped is unused: in all others each GDT slot shows something.
 */
#include <arch.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <page_alloc.h>
#include <public/errno.h>

#include "descriptor.h"
#include "pte.h"

#define WINDOWS_PER_L1 (PT_ENTRIES / WINDOW_PAGES)
#define L2_TABLES      8U
#define L1_TABLES      (L2_TABLES * PT_ENTRIES)
#define MAX_WINDOWS    (L1_TABLES * WINDOWS_PER_L1)

#define TABLES __attribute__((section(".bss.page"), aligned(PAGE_SIZE)))

static u64 l3_table[PT_ENTRIES] TABLES;
static u64 l2_tables[L1_TABLES] TABLES; /* they follow one another */

u64 descriptors_l4_entry;

static spinlock_t lock = SPINLOCK_INIT(RANK_WINDOW);
static u32 lowest_unused; /* no window below it is unused */

static u64 table_entry(paddr_t table)
{
    return table | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY;
}

void __init descriptor_windows_init(void)
{
    descriptors_l4_entry = table_entry(image_paddr(l3_table));
    for (unsigned int i = 0; i < L2_TABLES; i++)
        l3_table[i] = table_entry(image_paddr(&l2_tables[i * PT_ENTRIES]));
}

/* @return the table with the entries of window @nr; NULL: there is none. Locks: ours is held. */
static u64 *l1_table(u32 nr)
{
    u64 e = l2_tables[nr / WINDOWS_PER_L1];

    return e ? maddr_to_virt(e & PTE_ADDR_MASK) : NULL;
}

static u64 *window_in(u64 *l1, u32 nr)
{
    return l1 + nr % WINDOWS_PER_L1 * WINDOW_PAGES;
}

/* @return the number of an unused window, whose table may not be there. Locks: ours is held. */
static u32 find_unused(void)
{
    u32 nr = lowest_unused;

    for (; nr < MAX_WINDOWS; nr++) {
        u64 *l1 = l1_table(nr);

        if (!l1 || !*window_in(l1, nr))
            break;
    }
    lowest_unused = nr;
    return nr;
}

/*
 * Gives @v an unused window, if the table for that is there. If it is not, @fresh becomes the
 * table, unless it is NULL.
 * @return has @v a window now?
 */
static bool take_window(struct vcpu *v, u64 **fresh)
{
    u32 nr;

    spin_lock(&lock);
    nr = find_unused();
    if (nr < MAX_WINDOWS && !l1_table(nr) && *fresh) {
        WRITE_ONCE(l2_tables[nr / WINDOWS_PER_L1], table_entry(virt_to_maddr(*fresh)));
        *fresh = NULL;
    }
    if (nr < MAX_WINDOWS && l1_table(nr)) {
        v->arch.window_nr = nr;
        v->arch.window = window_in(l1_table(nr), nr);
        for (unsigned int i = 0; i < LDT_FIRST; i++)
            window_map_zeroes(&v->arch.window[i]);
    }
    spin_unlock(&lock);
    return v->arch.window;
}

int window_create(struct vcpu *v)
{
    u64 *fresh = NULL;
    bool done = take_window(v, &fresh);

    if (!done) {
        fresh = alloc_hv_pages(0);
        done = fresh && take_window(v, &fresh);
        free_hv_pages(fresh, 0); /* another CPU made a table or gave up a window meanwhile */
    }
    return done ? 0 : -XEN_ENOMEM;
}

static bool l1_is_unused(const u64 *l1)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i += WINDOW_PAGES)
        if (l1[i])
            return false;
    return true;
}

void window_destroy(struct vcpu *v)
{
    u32 nr = v->arch.window_nr;
    u64 *l1 = NULL;

    spin_lock(&lock);
    for (unsigned int i = 0; i < WINDOW_PAGES; i++)
        WRITE_ONCE(v->arch.window[i], 0);
    v->arch.window = NULL;
    lowest_unused = MIN(lowest_unused, nr);
    if (l1_is_unused(l1_table(nr))) {
        l1 = l1_table(nr);
        WRITE_ONCE(l2_tables[nr / WINDOWS_PER_L1], 0);
    }
    spin_unlock(&lock);
    if (!l1)
        return;
    /* From here on no CPU may walk the table, not even from what it remembers of it. */
    tlb_flush_mask(&cpu_online);
    free_hv_pages(l1, 0);
}
