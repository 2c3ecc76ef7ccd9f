/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables of guests, and what the window of a vCPU shows of them.
 *
 * The window of a vCPU (descriptor_window.c) has 32 pages: 14 for the frames of its GDT, one for
 * the reserved descriptors of the CPU that it runs on, one unused, and 16 for its LDT. set_gdt()
 * maps GDT pages; where there is none, a page of zeros makes a selector that points there harmless.
 * LDT pages are mapped when the processor first faults on them, and unmapped when the LDT or the
 * kernel root changes.
 *
 * A frame in the window has type PG_TYPE_SEGDESC: all its descriptors were checked, and a guest can
 * write to it only through update_descriptor. A good descriptor gives no more than ring 3 and names
 * no code of ours. The window is writable because the processor sets the Accessed bit.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>

#include "descriptor.h"
#include "pte.h"
#include "walk.h"

#define LDT_PAGES      (WINDOW_PAGES - LDT_FIRST)
#define DESC_PER_FRAME 512U

#define WINDOW_RW (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define WINDOW_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

static const u8 zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);

void window_map_zeroes(u64 *pe)
{
    WRITE_ONCE(*pe, image_paddr(zero_page) | WINDOW_RO);
}

int pv_descriptors_create(struct vcpu *v)
{
    spin_lock_init(&v->arch.ldt_lock, RANK_PAGE_TABLES);
    return window_create(v);
}

void pv_descriptors_drop(struct vcpu *v)
{
    destroy_gdt(v);
    destroy_ldt(v);
}

void pv_descriptors_destroy(struct vcpu *v)
{
    pv_descriptors_drop(v);
    window_destroy(v);
}

u64 *pv_reserved_gdt_entry(const struct vcpu *v)
{
    return &v->arch.window[FIRST_RESERVED_GDT_PAGE];
}

/* ---- descriptors ---- */

/* Fields of a descriptor (Intel SDM volume 3, 3.4.5 and 5.8.3.1). */
#define DESC_PRESENT       (1UL << 47)
#define DESC_DPL           (3UL << 45)
#define DESC_SEGMENT       (1UL << 44) /* code or data; clear: system */
#define DESC_TYPE          (15UL << 40)
#define DESC_TYPE_GATE     (12UL << 40) /* call gate */
#define GATE_RESERVED      (0xffUL << 32)
#define GATE_SELECTOR(d)   ((u16)((d) >> 16))
#define GATE_SELECTOR_RPL3 (3UL << 16)

/* May a call gate lead there: to the guest's own segments or to the flat code segment? */
static bool gate_target_ok(u16 selector)
{
    return selector >> 3 < FIRST_RESERVED_GDT_ENTRY || selector == FLAT_KERNEL_CS || selector & 4;
}

bool check_descriptor(u64 *desc)
{
    u64 d = *desc;

    if (!(d & DESC_PRESENT))
        return true; /* every use faults */
    d |= DESC_DPL;
    /* Code and data: in long mode base and limit restrict nothing that page tables do not. */
    if (!(d & DESC_SEGMENT) && d & DESC_TYPE) {
        /* Type 0 is the second half of a call gate; TSS, LDT, interrupt gates are ours alone. */
        if ((d & DESC_TYPE) != DESC_TYPE_GATE || d & GATE_RESERVED)
            return false;
        d |= GATE_SELECTOR_RPL3;
        if (!gate_target_ok(GATE_SELECTOR(d)))
            return false;
    }
    *desc = d;
    return true;
}

int validate_segdesc(const struct page *pg)
{
    u64 *table = mfn_to_virt(page_to_mfn(pg));

    for (unsigned int i = 0; i < DESC_PER_FRAME; i++) {
        u64 d = table[i];

        if (!check_descriptor(&d)) {
            printk_guest(LOG_DEBUG,
                         "descriptor %u of frame %lx is refused: %016lx (TSS, LDT, gate?)", i,
                         page_to_mfn(pg).n, d);
            return -XEN_EINVAL;
        }
        if (d != table[i])
            table[i] = d;
    }
    return 0;
}

long do_update_descriptor(u64 maddr, u64 desc)
{
    mfn_t mfn = MFN(maddr >> PAGE_SHIFT);
    struct page *pg = mfn_to_page(mfn);
    u64 type;

    if (maddr & 7 || !check_descriptor(&desc)) {
        printk_guest(LOG_DEBUG, "update_descriptor %016lx at %lx: %s", desc, maddr,
                     maddr & 7 ? "not aligned" : "a guest may not have that kind");
        return -XEN_EINVAL;
    }
    if (!mfn_valid(mfn)) {
        page_refused("update_descriptor in frame", mfn, current->domain, PG_TYPE_NONE);
        return -XEN_EINVAL;
    }
    /* A frame that is not a descriptor table has to be plain memory. */
    type = (READ_ONCE(pg->state) & PG_TYPE_MASK) == PG_TYPE_SEGDESC ? PG_TYPE_SEGDESC
                                                                    : PG_TYPE_WRITABLE;
    if (get_page_and_type(pg, current->domain, type)) {
        page_refused("update_descriptor in frame", mfn, current->domain, type);
        return -XEN_EINVAL;
    }
    WRITE_ONCE(*(u64 *)((char *)mfn_to_virt(mfn) + (maddr & ~PAGE_MASK)), desc);
    put_page_and_type(pg);
    return 0;
}

/* ---- the GDT ---- */

void destroy_gdt(struct vcpu *v)
{
    u64 *pe = v->arch.window;

    for (unsigned int i = 0; i < DIV_ROUND_UP(v->arch.gdt_entries, DESC_PER_FRAME); i++) {
        window_map_zeroes(&pe[i]);
        put_page_and_type(mfn_to_page(v->arch.gdt_frames[i]));
        v->arch.gdt_frames[i] = MFN(0);
    }
    v->arch.gdt_entries = 0;
}

static long refuse_gdt_size(unsigned int entries)
{
    printk_guest(LOG_DEBUG, "GDT of %u descriptors: the guest's may have %u", entries,
                 FIRST_RESERVED_GDT_ENTRY);
    return -XEN_EINVAL;
}

long set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries)
{
    unsigned int i, nr = DIV_ROUND_UP(entries, DESC_PER_FRAME);
    u64 *pe = v->arch.window;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return refuse_gdt_size(entries);
    for (i = 0; i < nr; i++) {
        mfn_t mfn = MFN(frames[i]);

        if (!mfn_valid(mfn) || get_page_and_type(mfn_to_page(mfn), v->domain, PG_TYPE_SEGDESC)) {
            page_refused("GDT frame", mfn, v->domain, PG_TYPE_SEGDESC);
            while (i-- > 0)
                put_page_and_type(mfn_to_page(MFN(frames[i])));
            return -XEN_EINVAL;
        }
    }
    destroy_gdt(v);
    for (i = 0; i < nr; i++) {
        v->arch.gdt_frames[i] = MFN(frames[i]);
        WRITE_ONCE(pe[i], (frames[i] << PAGE_SHIFT) | WINDOW_RW);
    }
    v->arch.gdt_entries = entries;
    return 0;
}

long do_set_gdt(unsigned long frame_list, unsigned int entries)
{
    unsigned long frames[FIRST_RESERVED_GDT_PAGE];
    long rc;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return refuse_gdt_size(entries);
    if (copy_from_guest(frames, frame_list,
                        DIV_ROUND_UP(entries, DESC_PER_FRAME) * sizeof(*frames)))
        return -XEN_EFAULT;
    rc = set_gdt(current, frames, entries);
    if (rc == 0)
        tlb_flush_local();
    return rc;
}

/* ---- the LDT ---- */

bool destroy_ldt(struct vcpu *v)
{
    struct page *frames[LDT_PAGES];
    unsigned int n = 0;
    u64 *pe;

    if (likely(!READ_ONCE(v->arch.ldt_shadow)))
        return false;
    spin_lock(&v->arch.ldt_lock);
    pe = v->arch.window + LDT_FIRST;
    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        u64 old = pe[i];

        if (!(old & PTE_PRESENT))
            continue;
        WRITE_ONCE(pe[i], 0);
        frames[n++] = mfn_to_page(pte_mfn(old));
    }
    v->arch.ldt_shadow = 0;
    spin_unlock(&v->arch.ldt_lock);
    /*
     * After the unlock: the last use of a frame may flush other CPUs, and pv_ldt_fault() waits for
     * the lock with interrupts off.
     */
    for (unsigned int i = 0; i < n; i++)
        put_page_and_type(frames[i]);
    return n != 0;
}

void drop_ldts(struct domain *d)
{
    cpumask_t mask = {{0}};
    struct vcpu *v;

    for_each_vcpu (d, v)
        if (destroy_ldt(v))
            cpumask_set(&mask, READ_ONCE(v->processor));
    tlb_flush_mask(&mask);
}

void set_ldt(struct vcpu *v, unsigned long base, unsigned int entries)
{
    if (v->arch.ldt_base == base && v->arch.ldt_entries == entries)
        return;
    if (destroy_ldt(v))
        tlb_flush_local();
    v->arch.ldt_base = base;
    v->arch.ldt_entries = entries;
    load_ldt(v);
}

/*
 * Takes the frame that the kernel's tables map at @va as a descriptor table.
 * @return NULL: there is none, or it cannot be one
 */
static struct page *get_ldt_frame(struct vcpu *v, unsigned long va)
{
    u64 e = read_l1e(v, va);
    struct page *pg = mfn_to_page(pte_mfn(e));

    if (!e || !mfn_valid(pte_mfn(e)) || get_page_and_type(pg, v->domain, PG_TYPE_SEGDESC))
        return NULL;
    return pg;
}

unsigned long pv_ldt_address(unsigned long addr)
{
    const struct vcpu *v = current;
    unsigned long offset = addr - LDT_VIRT(v->arch.window_nr);

    return offset < v->arch.ldt_entries * 8UL ? v->arch.ldt_base + offset : addr;
}

bool pv_ldt_fault(unsigned long addr)
{
    struct vcpu *v = current;
    unsigned long offset = addr - LDT_VIRT(v->arch.window_nr);
    struct page *pg;
    u64 *pe;

    if (offset >= v->arch.ldt_entries * 8UL)
        return false;
    pg = get_ldt_frame(v, v->arch.ldt_base + offset);
    if (!pg)
        return false;
    pe = v->arch.window + LDT_FIRST + (offset >> PAGE_SHIFT);
    spin_lock(&v->arch.ldt_lock);
    if (unlikely(*pe & PTE_PRESENT)) {
        put_page_and_type(pg); /* the fault was about a stale translation */
    } else {
        WRITE_ONCE(*pe, (page_to_mfn(pg).n << PAGE_SHIFT) | WINDOW_RW);
        v->arch.ldt_shadow++;
    }
    spin_unlock(&v->arch.ldt_lock);
    return true;
}
