/* SPDX-License-Identifier: MIT */
/*
 * The page-type machine against its invariant.
 *
 * Two unprivileged domains and a privileged one do random page-table work on a machine of a few
 * dozen frames: hypercalls of every kind, stores to page tables, grants, descriptor tables, pages
 * given back, plain writes to whatever a translation of theirs still allows. After each step all
 * counts are worked out from scratch and compared, and a model of the TLB, which forgets only what
 * a full flush makes it forget, is checked for translations that must not exist.
 */
/* SOURCES: $(HOST_CORE) tests/fuzz/pv_machine.c arch/x86/pv/page_table.c */
/* SOURCES: arch/x86/pv/mmu_update.c */
/* SOURCES: arch/x86/pv/mmuext.c arch/x86/pv/va_mapping.c arch/x86/pv/pte_emulate.c */
/* SOURCES: arch/x86/pv/descriptor.c arch/x86/pv/grant_map.c arch/x86/pv/relinquish.c */
/* SOURCES: arch/x86/pv/decode.c */
#include <asm/page_table.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <public/grant_table.h>

#include "pv_machine.h"

#define FRAMES_EACH 14U /* frames a domain starts with */
#define MAX_STEPS   48U
#define VA_SLOTS    5U

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* ---- input ---- */

static const u8 *input, *input_end;
static u64 beyond; /* what follows the input is drawn by chance, so that each run has all steps */

static u8 take(void)
{
    if (input < input_end) {
        beyond = (beyond ^ *input) * 0x100000001b3UL;
        return *input++;
    }
    beyond = beyond * 6364136223846793005UL + 1442695040888963407UL;
    return (u8)(beyond >> 56);
}

static unsigned int pick(unsigned int n)
{
    return take() % n;
}

/* A frame of any domain, rarely one that is none. */
static unsigned long pick_frame(void)
{
    u8 b = take();

    if (b < 8)
        return b < 2   ? PTE_ADDR_MASK >> PAGE_SHIFT
               : b < 4 ? MMIO_FRAME
               : b < 6 ? machine_frames
                       : 0;
    return first_frame + b % (NR_DOMAINS * FRAMES_EACH);
}

static u64 pick_entry(void)
{
    static const u64 flags[] = {
        PTE_PRESENT | PTE_USER,
        PTE_PRESENT | PTE_WRITE,
        PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY,
        PTE_PRESENT | PTE_WRITE | PTE_USER,
        PTE_PRESENT,
        PTE_PRESENT | PTE_WRITE | PTE_GLOBAL,
        PTE_PRESENT | PTE_USER | PTE_GUEST_KERNEL | PTE_GLOBAL,
        PTE_PRESENT | PTE_WRITE | PTE_NX | 0x600,
        PTE_PRESENT | PTE_LARGE | PTE_USER,
        PTE_PRESENT | PTE_PCD | PTE_WRITE,
        PTE_WRITE,
        0,
    };
    u64 e = flags[pick(ARRAY_SIZE(flags))];

    return e | (u64)pick_frame() << PAGE_SHIFT;
}

/* Few slots, so that trees come about: at both ends, around the hypervisor's. */
static unsigned int pick_slot(void)
{
    static const u16 slots[] = {0, 0, 0, 1, 2, 3, 255, 256, 260, 271, 272, 511};

    return slots[pick(ARRAY_SIZE(slots))];
}

static unsigned long pick_va(void)
{
    unsigned long va = 0;

    for (unsigned int shift = L1_SHIFT; shift <= L4_SHIFT; shift += 9)
        va |= (unsigned long)(take() & 3 ? 0 : pick_slot()) << shift;
    va |= (unsigned long)pick(FRAMES_EACH) << L1_SHIFT;
    return va >> 47 ? va | 0xffff000000000000UL : va;
}

static domid_t pick_domid(void)
{
    static const domid_t ids[] = {DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, 0,
                                  1,          2,          DOMID_IO,   DOMID_XEN,  77};

    return ids[pick(ARRAY_SIZE(ids))];
}

/* ---- hypercalls ---- */

/*
 * The guest makes its call again as long as it is told to, or does something else after a few
 * times.
 */
static long follow(long rc)
{
    unsigned int patience = take() % 8 ? ~0U : take() % 4, rounds = 0;

    while (rc == HOST_CONTINUED && rounds < patience) {
        const unsigned long *a = host_continued.args;

        if (++rounds > 100000)
            panic("a hypercall never ends");
        host_return_to_guest();
        rc = host_continued.op == __HYPERVISOR_mmu_update
                 ? do_mmu_update(a[0], (unsigned int)a[1], a[2], (unsigned int)a[3])
                 : do_mmuext_op(a[0], (unsigned int)a[1], a[2], (unsigned int)a[3]);
    }
    return rc;
}

/* Dom0 may map any domain's frame in the tables of any other. */
static void allow_in_tables(domid_t domid, unsigned long mfn)
{
    if (domid < NR_DOMAINS && mfn < machine_frames)
        machine_allow(machine_domains[domid], mfn);
}

static void step_mmu_update(void)
{
    struct mmu_update *req = (void *)host_guest;
    unsigned int n = 1 + pick(5), foreign = pick_domid();

    for (unsigned int i = 0; i < n; i++) {
        req[i].ptr = ((u64)pick_frame() << PAGE_SHIFT) + pick_slot() * 8U;
        req[i].ptr |= take() % 4 ? 0 : take() % 5;
        req[i].val = pick_entry();
    }
    if (take() % 16 == 0)
        foreign |= (take() & 1 ? 1U + pick(4) : pick_domid() + 1U) << 16;
    if (foreign >> 16 && current->domain->privileged)
        for (unsigned int i = 0; i < n; i++)
            allow_in_tables((domid_t)((foreign >> 16) - 1), pte_mfn(req[i].val).n);
    follow(do_mmu_update(GUEST(0), n, take() & 1 ? GUEST(4096) : 0, foreign));
}

static void step_mmuext(void)
{
    struct mmuext_op *op = (void *)host_guest;
    unsigned int n = 1 + pick(3);

    for (unsigned int i = 0; i < n; i++) {
        op[i].cmd = take() % 4 ? take() % 6 : take() % 23;
        op[i].arg1.mfn = op[i].cmd == MMUEXT_SET_LDT ? pick_va() & PAGE_MASK : pick_frame();
        op[i].arg2.src_mfn = 0;
        if (op[i].cmd == MMUEXT_SET_LDT)
            op[i].arg2.nr_ents = take() * 40U;
        else if (op[i].cmd == MMUEXT_COPY_PAGE)
            op[i].arg2.src_mfn = pick_frame();
    }
    follow(do_mmuext_op(GUEST(0), n, take() & 1 ? GUEST(4096) : 0, pick_domid()));
}

static void step_va_mapping(void)
{
    unsigned long va = pick_va(), flags = take() % 8;
    u64 e = pick_entry();

    if (take() & 7)
        do_update_va_mapping(va, e, flags);
    else
        do_update_va_mapping_otherdomain(va, e, flags, pick_domid());
}

/* A store of the guest's kernel to an address that it maps read-only. */
static void step_store(void)
{
    static const u8 insns[][8] = {
        {0x48, 0x89, 0x07},                   /* mov %rax, (%rdi) */
        {0x89, 0x07},                         /* mov %eax, (%rdi) */
        {0x48, 0xc7, 0x07, 0, 0, 0, 0},       /* movq $0, (%rdi) */
        {0xf0, 0x80, 0x27, 0xfd},             /* lock andb $~2, (%rdi) */
        {0xf0, 0x80, 0x0f, 0x02},             /* lock orb $2, (%rdi) */
        {0x48, 0x87, 0x07},                   /* xchg %rax, (%rdi) */
        {0xf0, 0x48, 0x0f, 0xb1, 0x0f},       /* lock cmpxchg %rcx, (%rdi) */
        {0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01}, /* lock btrq $1, (%rdi) */
        {0x48, 0x0f, 0xab, 0x17},             /* bts %rdx, (%rdi) */
        {0x48, 0x01, 0x07},                   /* add %rax, (%rdi) */
        {0x48, 0x0f, 0xc1, 0x07},             /* xadd %rax, (%rdi) */
        {0xf3, 0x48, 0xab},                   /* rep stos */
        {0x66, 0xff, 0x07},                   /* incw (%rdi) */
        {0x48, 0xf7, 0x17},                   /* notq (%rdi) */
    };
    struct cpu_user_regs regs = {.rflags = 2};
    unsigned long va = pick_va() + pick_slot() * 8U + (take() % 4 ? 0 : take() % 8);

    regs.rip = GUEST(0);
    regs.rdi = va;
    regs.rax = pick_entry();
    regs.rcx = take() & 1 ? pick_entry() : 3;
    regs.rdx = take();
    memset(host_guest, 0x90, 16);
    if (take() % 8)
        memcpy(host_guest, insns[pick(ARRAY_SIZE(insns))], 8);
    else
        for (unsigned int i = 0; i < 16; i++)
            host_guest[i] = (char)take();
    pv_emulate_pte_write(va, &regs);
}

/* A plain write of the guest through any translation that the processor may still have. */
static void step_write(void)
{
    unsigned long mfn = pick_frame();
    unsigned int slot = pick_slot();
    u64 val = take() & 1 ? pick_entry() : 0x00cf9a000000ffffUL;

    if (machine_may_write_uncached(mfn))
        machine_write_uncached(mfn, slot, val);
    else if (machine_may_write(mfn))
        ((u64 *)mfn_to_virt(MFN(mfn)))[slot] = val;
}

static void step_descriptor(void)
{
    unsigned long frames[14];
    unsigned int n = 1 + pick(3);

    switch (take() % 4) {
    case 0:
        for (unsigned int i = 0; i < n; i++)
            frames[i] = pick_frame();
        memcpy(host_guest, frames, sizeof(frames));
        do_set_gdt(GUEST(0), n * 512 - pick(500));
        break;
    case 1:
        do_set_gdt(GUEST(0), 0);
        break;
    case 2:
        do_update_descriptor(((u64)pick_frame() << PAGE_SHIFT) + pick_slot() * 8U,
                             0x00cf9a000000ffffUL);
        break;
    default:
        pv_ldt_fault(LDT_VIRT(current->id) + pick(16) * PAGE_SIZE);
        break;
    }
}

/* ---- grants, as the grant code uses them ---- */

static void step_grant(void)
{
    struct domain *owner = machine_domains[pick(NR_DOMAINS)];
    unsigned long mfn = pick_frame();
    unsigned int flags = GNTMAP_host_map | (take() & 1 ? GNTMAP_readonly : 0) |
                         (take() & 1 ? GNTMAP_application_map : 0);
    struct page *pg = mfn_to_page(MFN(mfn));
    bool readonly = flags & GNTMAP_readonly;
    u64 addr = pick_va();

    if (!mfn_valid(MFN(mfn)))
        return;
    if (take() & 1) {
        flags |= GNTMAP_contains_pte;
        addr = ((u64)pick_frame() << PAGE_SHIFT) + pick_slot() * 8U;
    }
    switch (take() % 3) {
    case 0:
        if (owner == current->domain ||
            (readonly ? !get_page(pg, owner) : get_page_and_type(pg, owner, PG_TYPE_WRITABLE) != 0))
            return;
        machine_allow(current->domain, mfn);
        if (arch_grant_map(addr, MFN(mfn), flags) == GNTST_okay)
            return;
        break;
    case 1:
        if (!machine_allowed(current->domain, mfn) ||
            arch_grant_unmap(addr, MFN(mfn), flags) != GNTST_okay)
            return;
        arch_grant_flush(current->domain);
        break;
    default:
        if (!machine_allowed(current->domain, mfn) ||
            arch_grant_replace(addr, MFN(mfn), pick_va(), flags) != GNTST_okay)
            return;
        arch_grant_flush(current->domain);
        break;
    }
    if (readonly)
        put_page(pg);
    else
        put_page_and_type(pg);
}

/* ---- frames come and go ---- */

static void step_frames(void)
{
    struct domain *d = current->domain;
    unsigned long mfn = pick_frame();

    if (take() & 1) {
        alloc_domain_pages(d, 0, 0);
    } else if (mfn_valid(MFN(mfn)) && get_page(mfn_to_page(MFN(mfn)), d)) {
        if (!(mfn_to_page(MFN(mfn))->state & PG_HYPERVISOR))
            free_domain_page(mfn_to_page(MFN(mfn)));
        put_page(mfn_to_page(MFN(mfn)));
    }
}

static void step(void)
{
    switch (take() % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        step_mmu_update();
        break;
    case 4:
    case 5:
    case 6:
        step_mmuext();
        break;
    case 7:
    case 8:
        step_va_mapping();
        break;
    case 9:
    case 10:
        step_store();
        break;
    case 11:
        step_write();
        break;
    case 12:
        step_descriptor();
        break;
    case 13:
        step_grant();
        break;
    case 14:
        step_frames();
        break;
    default:
        if (take() & 1)
            machine_switch(pick(NR_DOMAINS), pick(2));
        else
            host_preempt_every(take() % 8);
        break;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    input = data;
    input_end = data + size;
    beyond = 0xcbf29ce484222325UL;
    machine_start(FRAMES_EACH);
    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        step();
        if (take() % 4)
            host_return_to_guest();
        machine_check();
        host_return_to_guest();
    }
    host_preempt_every(take() % 4);
    machine_end();
    return 0;
}
